"""CUDA: do the laws of surgery hold on a GPU, and how much faster is cutting there?

``python -m benchmarks.cuda`` takes at most six minutes on a machine with a GPU.
"""
