"""Tests for compensation/."""
