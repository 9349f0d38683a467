"""Tests for sb3_prune/evaluation/."""
