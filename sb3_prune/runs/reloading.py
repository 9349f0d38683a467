"""Reloading: copy a model by SB3's save and load, in memory."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TypeVar

from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import CheckpointError, SB3PruneError
from sb3_prune.policies.zips import hindrances
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

    Raises:
        CheckpointError: SB3 cannot load what it saves of the model, such as the state
            of an optimiser that the policy class does not build.
    """
    buffer = io.BytesIO()
    model.save(buffer, exclude=exclude)
    buffer.seek(0)
    needed = relabels(getattr(model, "replay_buffer_class", None))
    env = model.get_env() if needed else None
    try:
        with same_random_state():  # SB3 seeds every generator when it loads.
            return cls.load(buffer, env, model.device)
    except SB3PruneError:
        raise
    except Exception as error:  # Policies and optimisers of users may raise anything.
        what = f"SB3 cannot load what it saves of this {type(model).__name__}."
        why = f"({type(error).__name__}: {error})"
        said = " ".join([what, *hindrances(model, error), why])
        raise CheckpointError(said) from error
