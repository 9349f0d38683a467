"""Tests for transplanting/."""
