"""ResumableCheckpointCallback: save checkpoints from which a killed run can go on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from stable_baselines3.common.callbacks import BaseCallback

from sb3_prune.callbacks.parents import require_rollouts
from sb3_prune.exceptions import (
    CheckpointError,
    ConfigError,
    require_at_least,
    require_path,
    require_verbosity,
    shown,
)
from sb3_prune.runs import checkpoints


@runtime_checkable
class Stateful(Protocol):
    """An object whose state can be saved and restored, e.g. a PruningCallback."""

    def state_dict(self) -> Mapping[str, Any]:
        """Return the state that a resumed run needs, as values that JSON can store."""

    def load_state_dict(self, state: Mapping[str, Any], /) -> object:
        """Restore a state that :meth:`state_dict` returned."""


class ResumableCheckpointCallback(BaseCallback):
    """Save checkpoints from which a run can go on, whenever it was killed.

    Unlike SB3's ``CheckpointCallback``, it also saves the replay buffer, every random
    generator and the states of other callbacks, and it never leaves an incomplete
    checkpoint. It saves between rollouts, when no transition is half stored, and at the
    end of training. Put it last in the list of callbacks, so that the others have done
    their work when it saves::

        pruning = PruningCallback("magnitude")
        saving = ResumableCheckpointCallback(folder, 10_000, {"pruning": pruning})
        if checkpoints.latest(folder):
            model, states = checkpoints.load(SAC, folder, env)
            saving.restore(states)
        else:
            model = SAC(MaskedSACPolicy, env)
        left = total - model.num_timesteps
        model.learn(left, [pruning, saving], reset_num_timesteps=False)

    The state of the environment is not saved. A resumed run does not finish the episode
    that was running at the checkpoint, but begins a new one.

    Args:
        folder: Folder for the checkpoints of this run.
        every: Smallest number of environment steps between two checkpoints. A rollout
            that has begun is finished first.
        states: Objects besides the model whose state is saved, by a name of your
            choice.
        keep: Number of checkpoints to keep.
        verbose: 1 prints the path of every checkpoint.

    Raises:
        ConfigError: ``every`` or ``keep`` is less than 1, ``folder`` is no path, or
            ``states`` is no mapping of names to objects that have a state.
    """

    def __init__(
        self,
        folder: str | Path,
        every: int = 10_000,
        states: Mapping[str, Stateful] | None = None,
        keep: int = 1,
        verbose: int = 0,
    ) -> None:
        super().__init__(verbose)
        require_verbosity(verbose)
        require_path("folder", folder)
        require_at_least("every", every)
        require_at_least("keep", keep)
        self.folder = Path(folder)
        self.every = every
        self.states = _named_states({} if states is None else states)
        self.keep = keep
        self._saved, self._told = 0, False

    def restore(self, states: Mapping[str, Any]) -> None:
        """Restore the objects in ``states`` of this callback from a checkpoint.

        Args:
            states: The states that :func:`sb3_prune.runs.checkpoints.load` returned.

        Raises:
            CheckpointError: The names of the saved states differ from the names in
                ``states`` of this callback, or an object refuses its state.
        """
        if not isinstance(states, Mapping) or states.keys() != self.states.keys():
            raise CheckpointError(
                f"The checkpoint has the states {_listing(states)}, this run "
                f"{_listing(self.states)}: expected the same."
            )
        for name, item in self.states.items():
            try:
                item.load_state_dict(states[name])
            except Exception as error:  # The object may be of any class.
                raise CheckpointError(
                    f"The state '{name}' of the checkpoint does not fit "
                    f"{type(item).__name__}: {error!r}"
                ) from error

    def _on_training_start(self) -> None:
        require_rollouts(self)
        checkpoints.check(self.model, self.folder, self._states())
        self._saved, self._told = self.model.num_timesteps, False

    def _on_rollout_start(self) -> None:
        self._told = True
        if self.model.num_timesteps - self._saved >= self.every:
            self._save()

    def _on_step(self) -> bool:
        require_rollouts(self, told=self._told)  # Some only call this method.
        return True

    def _on_training_end(self) -> None:
        if self.model.num_timesteps > self._saved:
            self._save()

    def _states(self) -> dict[str, Any]:
        return {name: item.state_dict() for name, item in self.states.items()}

    def _save(self) -> None:
        path = checkpoints.save(self.model, self.folder, self._states(), keep=self.keep)
        self._saved = self.model.num_timesteps
        if self.verbose:
            print(f"Checkpoint: {path}")


def _named_states(states: Mapping[str, Stateful]) -> dict[str, Stateful]:
    if not isinstance(states, Mapping):
        raise ConfigError(f"states must map names to objects, got {shown(states)}.")
    for name, item in states.items():
        is_class = isinstance(item, type)
        if not isinstance(name, str) or is_class or not isinstance(item, Stateful):
            raise ConfigError(
                "states must map names to objects that have state_dict and "
                f"load_state_dict, such as a PruningCallback, got {shown(name)}: "
                f"{shown(item)}."
            )
    return dict(states)


def _listing(names: object) -> str:
    if not isinstance(names, Mapping):
        return repr(names)
    return ", ".join(sorted(map(repr, names))) or "(none)"
