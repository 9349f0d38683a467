"""Tests for sb3_prune/exporting/."""
