"""Tests of the rules, one operation at a time, compiled and run."""
