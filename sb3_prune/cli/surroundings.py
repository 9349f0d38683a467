"""Surroundings: what stood between an agent and its environment in training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack

from sb3_prune.cli.statistics import described, normalise, normalise_anew
from sb3_prune.cli.wrappers import Wrapper, wrapped
from sb3_prune.exceptions import ConfigError, require_at_least

MOST_FRAMES = 1024
"""Largest number of stacked observations; memory for all of them is taken at once."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The environment of a saved agent, and what it was wrapped in.

    The order is that of RL Zoo: wrappers, wrappers of vectorised environments,
    ``VecNormalize``, stacked frames.
    """

    source: Path | None = None
    """Folder or file that tells; None if nothing does."""
    env: str | None = None
    """Gymnasium id; None if it is not known."""
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the environment."""
    modules: Sequence[str] = ()
    """Modules that register environments when they are imported."""
    wrappers: Sequence[Any] = ()
    """Wrappers of each environment, as :func:`find_wrappers` reads them."""
    vec_wrappers: Sequence[Any] = ()
    """Wrappers of the vectorised environment."""
    frame_stack: int = 1
    """Number of stacked observations."""
    statistics: Path | None = None
    """File of ``VecNormalize.save``; None if observations were not normalised."""
    anew: bool = False
    """Whether statistics begin anew, for other observations than those of the file."""

    def __post_init__(self) -> None:
        """Check the number of frames, which a file of settings gives.

        Raises:
            ConfigError: It is out of range.
        """
        require_at_least(f"'{self.source}': frame_stack", self.frame_stack)
        if self.frame_stack > MOST_FRAMES:
            raise ConfigError(
                f"'{self.source}': frame_stack must be at most {MOST_FRAMES}, got "
                f"{self.frame_stack}."
            )

    def wrap(
        self, env: VecEnv, wrappers: Sequence[Wrapper], *, learning: bool
    ) -> VecEnv:
        """Wrap a vectorised environment, and transpose its images if SB3 would.

        Args:
            env: The environment.
            wrappers: The imported :attr:`vec_wrappers`.
            learning: Whether statistics learn; see :func:`normalise`.
        """
        env = wrapped(env, wrappers)
        if self.statistics is not None and self.anew:
            env = normalise_anew(env, self.statistics)
        elif self.statistics is not None:
            env = normalise(env, self.statistics, learning=learning)
        if self.frame_stack > 1:
            env = VecFrameStack(env, self.frame_stack)
        return BaseAlgorithm._wrap_env(env)

    def to_dict(self) -> dict[str, Any]:
        """Return what is needed to make the environment anew, where there is any."""
        found = {
            "modules": list(self.modules),
            "wrappers": list(self.wrappers),
            "vec_wrappers": list(self.vec_wrappers),
            "frame_stack": self.frame_stack if self.frame_stack > 1 else None,
            "normalised": self.statistics is not None,
        }
        return {name: value for name, value in found.items() if value}

    def lines(self) -> Iterator[str]:
        """Yield what environments are wrapped in, as text."""
        for one in [*self.wrappers, *self.vec_wrappers]:
            yield f"wrapper {next(iter(one)) if isinstance(one, Mapping) else one}"
        if self.statistics is not None:
            yield described(self.statistics)
        if self.frame_stack > 1:
            yield f"{self.frame_stack} stacked frames"


NOTHING = Surroundings()
"""An environment as it is."""
