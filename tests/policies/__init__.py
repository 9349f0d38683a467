"""Tests of sb3_prune.policies."""
