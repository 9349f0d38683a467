"""Reproduction of Guenter & Sideris 2025: ``python -m benchmarks.ofexinet --budget small``."""
