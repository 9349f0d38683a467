"""Parents: callbacks of SB3 that wake another one only now and then."""

from __future__ import annotations

from stable_baselines3.common.callbacks import BaseCallback, EventCallback

from sb3_prune.exceptions import ConfigError


def require_rollouts(callback: BaseCallback) -> None:
    """Check that a callback is told when rollouts start and end.

    Raises:
        ConfigError: It is inside of an ``EventCallback``, such as ``EveryNTimesteps``,
            that does not pass this on.
    """
    parent = callback.parent
    while parent is not None:
        passes = type(parent)._on_rollout_start is not BaseCallback._on_rollout_start
        if isinstance(parent, EventCallback) and not passes:
            raise ConfigError(
                f"{type(callback).__name__} would do nothing inside of "
                f"{type(parent).__name__}, which does not tell it of rollouts: put it "
                "into the list that you pass to learn()."
            )
        parent = parent.parent
