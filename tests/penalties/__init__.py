"""Tests for sb3_prune.penalties."""
