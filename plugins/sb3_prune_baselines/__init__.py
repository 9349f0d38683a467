"""Magnitude and random pruning, as a plug-in."""
