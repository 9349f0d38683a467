"""Tests for the plug-in sb3_prune_dsp."""
