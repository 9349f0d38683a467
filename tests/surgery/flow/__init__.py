"""Tests of sb3_prune.surgery.flow."""
