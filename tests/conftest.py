"""One torch thread per process; no display."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("MPLBACKEND", "Agg")

import torch
from hypothesis import settings

torch.set_num_threads(1)

# On a shared machine one example may take long for no reason.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
