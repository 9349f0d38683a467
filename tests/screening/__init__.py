"""Tests of sb3_prune.screening."""
