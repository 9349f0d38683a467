"""Plots: figures of training runs, and animations of agents."""

from sb3_prune.plots.animation import record_gif as record_gif
from sb3_prune.plots.curves import plot_learning as plot_learning
from sb3_prune.plots.curves import plot_widths as plot_widths
