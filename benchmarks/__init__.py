"""Benchmarks: sb3_prune against other libraries, side by side in one run.

``python -m benchmarks`` runs all of them and writes benchmarks/results/*.json and
docs/benchmarks.md; ``python -m benchmarks gates`` runs one.
"""
