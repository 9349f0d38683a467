"""Reproduction of Guenter & Sideris 2025, arXiv:2507.11975.

Run it with ``python -m benchmarks.ofexinet --budget small``.
"""
