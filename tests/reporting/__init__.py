"""Tests for reports of runs, and for cards."""
