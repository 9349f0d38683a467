"""Tests of the screening plug-in."""
