"""Tests of sb3_prune.callbacks."""
