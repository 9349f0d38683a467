"""Tests for the command ``sb3-prune``."""
