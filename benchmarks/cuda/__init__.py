"""CUDA: do the laws hold on a GPU, and what is cutting worth there?

``python -m benchmarks.cuda`` takes at most six minutes on a machine that has one.
"""
