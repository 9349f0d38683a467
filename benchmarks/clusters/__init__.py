"""Reproduction of Feldotto et al. 2022: distances, cluster pruning and projections.

Run it with ``python -m benchmarks.clusters --budget smoke|small|paper``. Results are
kept job by job in benchmarks/results/clusters/<budget>, agents in
runs/clusters/<budget>,
so that a stopped run can continue.
"""
