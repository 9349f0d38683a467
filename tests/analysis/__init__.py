"""Tests of sb3_prune.analysis."""
