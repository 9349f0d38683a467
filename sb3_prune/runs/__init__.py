"""Runs: the folder of a training run, checkpoints, and copies of models."""

from sb3_prune.runs.folder import RunFolder as RunFolder
from sb3_prune.runs.reloading import reload as reload
