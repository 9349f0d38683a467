"""Learning: what ``learn`` has to be told of an agent, besides steps and callbacks."""

from __future__ import annotations

from typing import Any

from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import is_masking_supported
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback


def learn_arguments(model: BaseAlgorithm) -> dict[str, Any]:
    """Return further arguments of an agent's ``learn``.

    ``MaskablePPO`` refuses an environment that masks no actions, unless it is told.
    """
    if not isinstance(model, MaskablePPO):
        return {}
    env = model.get_env()
    return {"use_masking": env is not None and is_masking_supported(env)}


def learn_and_close(model: Any, steps: int, callback: BaseCallback) -> None:
    """Let an agent learn, and close its environment, whatever happens."""
    try:
        model.learn(steps, callback, **learn_arguments(model))
    finally:
        env = model.get_env()
        if env is not None:
            env.close()
