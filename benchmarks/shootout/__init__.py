"""Shoot-out: methods of pruning, a dense net and a small dense one, side by side."""
