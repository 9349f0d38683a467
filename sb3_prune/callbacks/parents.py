"""Parents: callbacks that call another one, and may not tell it of rollouts."""

from __future__ import annotations

from stable_baselines3.common.callbacks import BaseCallback, EventCallback

from sb3_prune.exceptions import ConfigError


def require_rollouts(callback: BaseCallback, *, told: bool = True) -> None:
    """Check that a callback is told when rollouts start and end.

    Args:
        callback: The callback.
        told: Whether it was told of the present rollout; before one, leave it out.

    Raises:
        ConfigError: It was not, or it is inside of an ``EventCallback``, such as
            ``EveryNTimesteps``, that does not pass this on.
    """
    parent = callback.parent
    while parent is not None:
        passes = type(parent)._on_rollout_start is not BaseCallback._on_rollout_start
        if isinstance(parent, EventCallback) and not passes:
            raise ConfigError(_untold(callback, type(parent).__name__))
        parent = parent.parent
    # An event callback that passes rollouts on may wake in the middle of one.
    if not told and callback.parent is None:
        raise ConfigError(_untold(callback, "a callback"))


def _untold(callback: BaseCallback, parent: str) -> str:
    return (
        f"{type(callback).__name__} would do nothing inside of {parent} that does not "
        "tell it of rollouts: put it into the list that you pass to learn()."
    )
