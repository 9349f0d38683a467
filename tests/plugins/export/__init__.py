"""Tests of the plug-in sb3_prune_export."""
