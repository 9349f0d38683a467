"""Tests for plugins/sb3_prune_export/."""
