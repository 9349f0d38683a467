"""Tests for sb3_prune/exporters/."""
