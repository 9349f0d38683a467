"""Reproduction of Method 2: ``python -m benchmarks.ofexinet --budget small``."""
