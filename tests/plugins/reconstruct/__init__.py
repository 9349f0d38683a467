"""Tests of the plug-in reconstruct."""
