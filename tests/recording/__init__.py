"""Tests for sb3_prune/recording/."""
