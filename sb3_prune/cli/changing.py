"""Changing: load an agent with other hyperparameters than those in its zip.

SB3's ``load`` sets attributes. That changes nothing that is built from them and saved,
or that is kept under another name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import (
    DictReplayBuffer,
    NStepReplayBuffer,
    ReplayBuffer,
)
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.algorithms.arguments import arguments_of
from sb3_prune.cli.algorithms import OPTION
from sb3_prune.cli.zips import SavedAgent
from sb3_prune.exceptions import ConfigError
from sb3_prune.scratch import restarted
from sb3_prune.transplanting.buffers import OF_STEPS

BUILT_IN = ("rms_prop_eps", "use_rms_prop", "use_sde")
"""Arguments that are built into the networks, or into their optimisers."""
CHOSEN = (ReplayBuffer, DictReplayBuffer, NStepReplayBuffer, None)
"""Replay buffers that SB3 chooses; for one that a user chose, it has no steps."""
ENTROPY, WINDOW = "ent_coef", "stats_window_size"
KWARGS = "replay_buffer_kwargs"


def load_changed(
    saved: SavedAgent, env: VecEnv, device: str, changes: Mapping[str, Any]
) -> BaseAlgorithm:
    """Load an agent with other hyperparameters, as if it had been built with them.

    Args:
        saved: The agent.
        env: Environment to train in.
        device: Device to load the model onto.
        changes: Checked arguments of the algorithm.

    Raises:
        ConfigError: An argument is built into the networks or their optimisers.
        CheckpointError: The model cannot be built, or has other spaces than ``env``.
    """
    late = {name: changes[name] for name in BUILT_IN if name in changes}
    early = {name: changes[name] for name in changes if name not in late}
    entropy = early.pop(ENTROPY, None) if _learns_entropy(saved) else None
    if WINDOW in early:
        early[f"_{WINDOW}"] = early.pop(WINDOW)
    early |= _buffers(saved.data, early)
    if saved.data.get("action_noise") is not None:
        early["action_noise"] = restarted(saved.data["action_noise"])
    model = saved.load(env, device=device, **early)
    _check_built_in(saved, model, late)
    _shorten_window(model)
    if entropy is not None and entropy != saved.data[ENTROPY]:
        _set_entropy(model, entropy)
    return model


def _learns_entropy(saved: SavedAgent) -> bool:
    return isinstance(saved.algorithm.defaults().get(ENTROPY), str)


def _buffers(data: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Let SB3 choose the replay buffer anew, if what it depends on changes."""
    if not {*OF_STEPS, KWARGS} & changes.keys() or KWARGS not in data:
        return {}
    if data["replay_buffer_class"] not in CHOSEN:
        return {}
    kwargs = changes.get(KWARGS, data[KWARGS]) or {}
    left = {name: v for name, v in kwargs.items() if name not in OF_STEPS}
    return {"replay_buffer_class": None, KWARGS: left}


def _check_built_in(
    saved: SavedAgent, model: BaseAlgorithm, given: Mapping[str, Any]
) -> None:
    known = arguments_of(model)[0] if given else {}
    for name, value in given.items():
        if value != known[name]:
            raise ConfigError(
                f"{OPTION}: {name} of a saved agent cannot be changed: it is "
                f"{known[name]} in '{saved.path}', got {value}."
            )


def _shorten_window(model: BaseAlgorithm) -> None:
    """Give the results of recent episodes, which a zip holds, their length anew."""
    for name in ("ep_info_buffer", "ep_success_buffer"):
        recent = getattr(model, name, None)
        if recent is not None:
            setattr(model, name, deque(recent, model._stats_window_size))


def _set_entropy(model: Any, value: str | float) -> None:
    """Begin anew with the coefficient of the entropy, as a new agent does."""
    model.ent_coef = value
    model.log_ent_coef = model.ent_coef_optimizer = None
    if not isinstance(value, str):
        model.ent_coef_tensor = torch.tensor(float(value), device=model.device)
        return
    start = torch.full((1,), float(value.partition("_")[2] or 1), device=model.device)
    model.log_ent_coef = start.log().requires_grad_(True)
    rate = model.lr_schedule(1)
    model.ent_coef_optimizer = torch.optim.Adam([model.log_ent_coef], lr=rate)
