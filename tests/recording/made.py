"""Recordings made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from sb3_prune.recording import Recording


def make_recording(lengths: Any = None, **layers: Any) -> Recording:
    """Make a recording of layers (episodes, steps, units), zero after the ends."""
    arrays = {name: np.array(a, dtype=np.float32) for name, a in layers.items()}
    episodes, steps = next(iter(arrays.values())).shape[:2]
    length = np.full(episodes, steps) if lengths is None else np.array(lengths)
    for array in arrays.values():
        array[np.arange(steps) >= length[:, None]] = 0
    return Recording(
        activations=arrays,
        observations=np.zeros((episodes, steps, 1), np.float32),
        rewards=np.zeros((episodes, steps), np.float32),
        lengths=length,
    )


def random_recording(seed: int = 0, episodes: int = 5, steps: int = 7) -> Recording:
    """Draw two ReLU layers with some silent units, over episodes of any length."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, steps + 1, episodes)
    first = rng.normal(size=(episodes, steps, 6)).clip(0)
    second = rng.normal(size=(episodes, steps, 4)).clip(0)
    first[..., 2] = second[..., :2] = 0
    return make_recording(lengths, **{"net.0": first, "net.2": second})
