"""Tests for sb3_prune/testing/."""
