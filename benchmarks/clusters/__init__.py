"""Reproduction of Feldotto et al. 2022: distances, cluster pruning and projections of arm agents.

``python -m benchmarks.clusters --budget smoke|small|paper`` does it piece by piece:
what runs/clusters/<budget> already holds is not done again, so a stopped run resumes.
"""
