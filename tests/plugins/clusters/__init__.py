"""Tests of the clusters plug-in."""
