"""Finding: the agents in a folder of RL Zoo, and the settings that lie beside them."""

from __future__ import annotations

import importlib
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sb3_contrib import QRDQN, TQC, TRPO, CrossQ, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm

ALGORITHMS: dict[str, type[BaseAlgorithm]] = {
    "a2c": A2C,
    "crossq": CrossQ,
    "ddpg": DDPG,
    "dqn": DQN,
    "ppo": PPO,
    "ppo_lstm": RecurrentPPO,
    "ppo_mask": MaskablePPO,
    "qrdqn": QRDQN,
    "sac": SAC,
    "td3": TD3,
    "tqc": TQC,
    "trpo": TRPO,
}
"""Folder of RL Zoo -> class of the algorithm."""
ORDERED = "tag:yaml.org,2002:python/object/apply:collections.OrderedDict"


class AgentError(Exception):
    """An agent cannot be loaded, or has no environment here."""


@dataclass(frozen=True)
class Found:
    """A zip in RL Zoo's layout, ``ALGO/ENV_N/ENV.zip``, not loaded yet."""

    path: Path
    """Path of the zip."""

    @property
    def algorithm(self) -> str:
        """Name of the algorithm's folder."""
        return self.path.parent.parent.name

    @property
    def env(self) -> str:
        """Name of the environment when the agent was trained."""
        return self.path.stem

    @property
    def name(self) -> str:
        """Name of the agent: algorithm and folder."""
        return f"{self.algorithm}/{self.path.parent.name}"

    def beside(self, name: str) -> Path:
        """Return the path of a file that belongs to the agent."""
        return self.path.with_suffix("") / name

    def settings(self) -> dict[str, Any]:
        """Return the hyperparameters of ``config.yml``; empty if there is no file."""
        return _read_yaml(self.beside("config.yml"))

    def env_kwargs(self) -> dict[str, Any]:
        """Return the arguments of the environment, if RL Zoo saved any."""
        given = _read_yaml(self.beside("args.yml")).get("env_kwargs")
        found = _read_yaml(self.beside("env_kwargs.yml")) or given
        return found if isinstance(found, dict) else {}

    def data(self) -> dict[str, Any]:
        """Return the zip's attributes as JSON, without unpickling anything.

        Raises:
            AgentError: The file is no zip of SB3.
        """
        try:
            with zipfile.ZipFile(self.path) as archive:
                return dict(json.loads(archive.read("data")))
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise AgentError(f"no zip of Stable-Baselines3: {error}") from error


def find(folder: Path) -> list[Found]:
    """Return all agents of a folder, by name.

    A zip counts if it is named like its folder, less the number: ``ENV_N/ENV.zip``.
    """
    zips = sorted(folder.glob("*/*/*.zip"))
    if not zips:
        raise FileNotFoundError(f"{folder} has no ALGORITHM/ENV_1/ENV.zip.")
    return [
        Found(path)
        for path in zips
        if path.stem == re.sub(r"_\d+$", "", path.parent.name)
    ]


def number(value: Any, default: float) -> float:
    """Return a number, or the first value of a schedule such as ``lin_0.001``."""
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(str(value).removeprefix("lin_"))
    except ValueError:
        return default


def _read_yaml(path: Path) -> dict[str, Any]:
    """Read pairs or a mapping; objects other than ordered dictionaries are refused."""
    if not path.is_file():
        return {}
    yaml: Any = importlib.import_module("yaml")  # Only this benchmark needs it.
    loader: Any = type("Loader", (yaml.SafeLoader,), {})
    loader.add_constructor(ORDERED, _pairs)
    return dict(yaml.load(path.read_text(), loader) or {})


def _pairs(loader: Any, node: Any) -> dict[str, Any]:
    arguments = loader.construct_sequence(node, deep=True)
    return dict(arguments[0]) if arguments else {}
