"""Reloading: copy a model by SB3's save and load, in memory."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TypeVar

from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.runs.standing_in import relabels
from sb3_prune.surgery.flow.quiet import same_random_state

Model = TypeVar("Model", bound=BaseAlgorithm)


def reload(
    cls: type[Model], model: BaseAlgorithm, exclude: Iterable[str] = ()
) -> Model:
    """Save a model in memory and load it again, maybe as another class.

    The copy has an empty replay buffer. It has no environment, except with hindsight
    replay (HER), whose buffer needs the environment already when it is loaded. The
    global random states do not change.

    Args:
        cls: Algorithm class to load the copy as.
        model: The model; it is not changed.
        exclude: Names of attributes that are not copied.
    """
    buffer = io.BytesIO()
    model.save(buffer, exclude=exclude)
    buffer.seek(0)
    needed = relabels(getattr(model, "replay_buffer_class", None))
    env = model.get_env() if needed else None
    with same_random_state():  # SB3 seeds every generator when it loads.
        return cls.load(buffer, env, model.device)
