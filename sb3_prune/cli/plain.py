"""Plain zips: write the plain zip of an agent, and verify it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import CompactError
from sb3_prune.exporting.accepting import accepted
from sb3_prune.exporting.compaction import compact
from sb3_prune.exporting.verification import plain_actions
from sb3_prune.files import atomic
from sb3_prune.runs.folder import model_bytes

OBSERVATIONS = 64
"""Number of random observations on which actions are compared."""
STEPS = 3
"""How often an agent with a memory sees them: what it remembers counts from the second
time on."""
TOLERANCE = 1e-4
"""Largest difference between equal continuous actions, which rounding can cause, as
:func:`~sb3_prune.exporting.accepting.accepted` takes it."""
ROUNDING = 8 * float(np.finfo(np.float32).eps)
"""The least that is accepted of actions that are clipped: before, they may be around
1."""


def save_plain(
    model: BaseAlgorithm, path: str | Path, *, verify: bool = False
) -> BaseAlgorithm:
    """Write the plain zip of an agent and return the agent in it.

    Args:
        model: The agent.
        path: The zip to write; what is there is replaced.
        verify: Try it in a new process before it gets its name.

    Raises:
        CompactError: No stock policy can represent the agent, or the zip failed its
            verification; nothing was written, and an older zip stays.
    """
    plain = compact(model)
    with atomic(path) as temporary:
        temporary.write_bytes(model_bytes(plain))
        if verify:
            _verify(model, plain, temporary, Path(path))
    return plain


def _verify(
    model: BaseAlgorithm, plain: BaseAlgorithm, temporary: Path, path: Path
) -> None:
    try:
        equal = loads_equal(model, plain, temporary)
    except CompactError as error:
        raise CompactError(str(error).replace(str(temporary), str(path))) from error
    if not equal:
        raise CompactError(
            f"'{path}' would act differently from the original. Nothing was written."
        )


def loads_equal(model: BaseAlgorithm, plain: BaseAlgorithm, path: str | Path) -> bool:
    """Verify a plain zip in a new process without sb3_prune.

    Args:
        model: The original agent.
        plain: The agent that :func:`save_plain` returned.
        path: The plain zip.

    Returns:
        Whether both agents choose equal actions on random observations, with a memory
        also in the steps that follow.

    Raises:
        CompactError: The zip does not load in that process.
    """
    observations = _draw(model.observation_space)
    remembers = isinstance(model.policy, RecurrentActorCriticPolicy)
    steps = STEPS if remembers else 1
    expected = _play(model, observations, steps)
    found = plain_actions(path, type(plain), observations, steps)
    if isinstance(plain.action_space, spaces.Box):
        squashed = model.policy.squash_output
        most, _ = accepted(plain.action_space, expected, TOLERANCE, squashed=squashed)
        most = most if squashed else np.maximum(most, ROUNDING)
        return bool((np.abs(np.float64(found) - expected) <= most).all())
    if isinstance(model.action_space, spaces.MultiDiscrete) and found.ndim == 1:
        # The branches of the original are the digits of the joint action's number.
        expected = np.ravel_multi_index(list(expected.T), list(model.action_space.nvec))
    return bool(np.array_equal(found, expected))


def _play(model: BaseAlgorithm, observations: Any, steps: int) -> np.ndarray:
    """Return the actions of several steps, (steps * batch, ...)."""
    state, chosen = None, []
    for _ in range(steps):
        action, state = model.predict(observations, state, deterministic=True)
        chosen.append(action)
    return np.concatenate(chosen)


def _draw(space: spaces.Space[Any]) -> Any:
    """Draw a batch of observations, an array or a dictionary of arrays."""
    space.seed(0)
    drawn = [space.sample() for _ in range(OBSERVATIONS)]
    if isinstance(space, spaces.Dict):
        return {key: np.stack([each[key] for each in drawn]) for key in space}
    return np.stack(drawn)
