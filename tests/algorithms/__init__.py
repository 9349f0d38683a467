"""Tests of sb3_prune.algorithms."""
