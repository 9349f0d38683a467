"""Tests of the plug-in xinet."""
