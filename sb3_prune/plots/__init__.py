"""Reports: figures and animations."""

from sb3_prune.plots.animation import record_gif as record_gif
from sb3_prune.plots.curves import plot_learning as plot_learning
from sb3_prune.plots.curves import plot_widths as plot_widths
