"""Verification: test that a plain zip loads where sb3_prune is not installed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import CompactError

_SCRIPT = """
import importlib, sys
import gymnasium as gym
import numpy as np
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.save_util import load_from_zip_file

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("sb3_prune", "sb3_prune_envs"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
zip_path, module, cls, observations, actions, steps = sys.argv[1:]

class Nowhere(gym.Env):
    def __init__(self, data):
        self.observation_space = data["observation_space"]
        self.action_space = data["action_space"]

data = load_from_zip_file(zip_path, device="cpu")[0]
replays = data.get("replay_buffer_class")
hindsight = isinstance(replays, type) and issubclass(replays, HerReplayBuffer)
env = Nowhere(data) if hindsight else None  # Such a zip loads only with one.
cls = getattr(importlib.import_module(module), cls)
model = cls.load(zip_path, env=env, device="cpu")
seen = np.load(observations)
if not isinstance(seen, np.ndarray):
    seen = {name.removeprefix("key:"): seen[name] for name in seen}
state, chosen = None, []
for _ in range(int(steps)):
    action, state = model.predict(seen, state, deterministic=True)
    chosen.append(action)
np.save(actions, np.concatenate(chosen))
assert not any(name.partition(".")[0] == "sb3_prune" for name in sys.modules)
"""


def plain_actions(
    path: str | Path,
    cls: type[BaseAlgorithm],
    observations: np.ndarray | Mapping[str, np.ndarray],
    steps: int = 1,
) -> np.ndarray:
    """Load a zip in a fresh process in which ``import sb3_prune`` fails, and predict.

    A zip with hindsight replay is loaded with an environment of its spaces: SB3 demands
    one.

    Args:
        path: Plain zip: the result of :func:`compact`, written by ``save``.
        cls: Stock algorithm class of the zip.
        observations: Array of observations, (batch, ...), or a dictionary of such.
        steps: How often they are shown, with the states of a memory carried on.

    Returns:
        The greedy actions, (steps * batch, ...).

    Raises:
        CompactError: The zip does not load in that process; the message ends with the
            reason.
    """
    with tempfile.TemporaryDirectory() as folder:
        outputs = Path(folder, "actions.npy")
        inputs = _write(Path(folder), observations)
        arguments = [path, cls.__module__, cls.__name__, inputs, outputs, steps]
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["unknown"])[-1]
            raise CompactError(f"'{path}' does not load without sb3_prune: {reason}")
        actions: np.ndarray = np.load(outputs)
        return actions


def _write(folder: Path, observations: np.ndarray | Mapping[str, np.ndarray]) -> Path:
    if not isinstance(observations, Mapping):
        np.save(folder / "observations.npy", observations)
        return folder / "observations.npy"
    # "file" would be an argument of savez.
    arrays: Any = {f"key:{name}": array for name, array in observations.items()}
    np.savez(folder / "observations.npz", **arrays)
    return folder / "observations.npz"
