"""Tests of sb3_prune.networks."""
