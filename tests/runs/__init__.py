"""Tests for sb3_prune/runs/."""
