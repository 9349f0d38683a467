"""Tests of the exporter ``c``."""
