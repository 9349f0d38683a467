"""AfterPruning: wake other callbacks once all units that have to go are gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stable_baselines3.common.callbacks import (
    BaseCallback,
    CallbackList,
    EventCallback,
)

from sb3_prune.callbacks.pruning import PruningCallback
from sb3_prune.exceptions import ConfigError, require_verbosity, shown
from sb3_prune.warning import warn


class AfterPruning(EventCallback):
    """Let callbacks sleep until pruning is over, so that they see the small agent only.

    The ``best_model.zip`` of SB3's ``EvalCallback`` is the agent with the best
    evaluation, which usually has more units than pruning leaves in the end. Inside this
    callback it is the best of those agents that have lost all units that they have to
    lose::

        pruning = PruningCallback("magnitude", {"final_sparsity": 0.9, "end": 0.7})
        best = EvalCallback(test_env, best_model_save_path="best")
        model.learn(100_000, callback=[pruning, AfterPruning(pruning, best)])

    Calls and frequencies such as ``eval_freq`` count from the moment of waking. If the
    last units go at the very end of training, no callback wakes: let pruning end
    earlier, by the option ``end``.

    Args:
        pruning: The callback that prunes; pass it to ``learn()``, too.
        callback: The callback to wake, or several.
        verbose: 1 says when the callbacks wake.

    Raises:
        ConfigError: ``pruning`` is no :class:`PruningCallback`, or ``callback`` is no
            callback, or has ``pruning`` in it. When training starts: ``pruning`` was
            not passed to ``learn()``.
    """

    def __init__(
        self,
        pruning: PruningCallback,
        callback: BaseCallback | Sequence[BaseCallback],
        verbose: int = 0,
    ) -> None:
        several = callback if isinstance(callback, Sequence) else [callback]
        if not isinstance(pruning, PruningCallback):
            raise ConfigError(
                f"pruning must be a PruningCallback, got {shown(pruning)}."
            )
        for inner in several:
            if not isinstance(inner, BaseCallback):
                raise ConfigError(f"callback must be a callback, got {shown(inner)}.")
            if pruning in _all_in(inner):
                raise ConfigError(
                    "callback must not have the callback that prunes in it, because it "
                    "would never wake: pass that one to learn()."
                )
        if not several:
            raise ConfigError("callback must be a callback, got none.")
        require_verbosity(verbose)
        super().__init__(CallbackList(list(several)), verbose)
        self.pruning = pruning
        self.awake = False

    def _on_training_start(self) -> None:
        self.awake = False
        super()._on_training_start()

    def _on_step(self) -> bool:
        # All callbacks of one call of learn() share its local variables.
        if self.pruning.locals is not self.locals:
            raise ConfigError(
                "The callback that prunes, in AfterPruning, is not in this training: "
                "pass it to learn(), too."
            )
        if self.pruning.done and not self.awake:
            self.awake = True
            if self.verbose:
                print(f"{self.num_timesteps}: pruning is over, callbacks wake")
        return self._on_event() if self.awake else True

    def _on_rollout_start(self) -> None:
        if self.awake and self.callback is not None:
            self.callback.on_rollout_start()

    def _on_rollout_end(self) -> None:
        if self.awake and self.callback is not None:
            self.callback.on_rollout_end()

    def _on_training_end(self) -> None:
        if not self.awake:
            warn(
                "The callbacks in AfterPruning never woke: training ended before "
                "pruning was over, or with it. Set the strategy's option end to less "
                "than 1, or train for more steps."
            )
        if self.callback is not None:
            self.callback.on_training_end()


def _all_in(callback: BaseCallback) -> Iterator[BaseCallback]:
    """Yield a callback, and those that it calls."""
    yield callback
    several = getattr(callback, "callbacks", ())
    events = (getattr(callback, n, None) for n in ("callback", "callback_on_new_best"))
    for inner in (*several, *events):
        if isinstance(inner, BaseCallback):
            yield from _all_in(inner)
