"""Overrides: whether a policy class of a user's says what the stock class says."""

from __future__ import annotations

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy

from sb3_prune.algorithms.branching_dqn import BranchingDQN
from sb3_prune.exceptions import CompactError
from sb3_prune.exporting.samples import from_space
from sb3_prune.surgery.comparison import moved, outputs
from sb3_prune.surgery.flow.quiet import quiet

COUNT = 64
"""Observations on which actions are compared."""
TIES = 2
"""Actions that may differ, because two of them are equally good up to rounding."""
ROUNDING = 1e-4
"""Largest distance that rounding explains, relative to numbers above 1."""


def check_equal(model: BaseAlgorithm, plain: BaseAlgorithm) -> None:
    """Check that a policy of a user's class says what the stock class makes of it.

    Args:
        model: The model with the user's class; with a class of ours nothing is checked.
        plain: The same agent with the stock class.

    Raises:
        CompactError: It says something else, for the user's class overrides something.
    """
    policy = model.policy
    if is_ours(type(policy)) or (
        _acts_alike(model, plain) and _says_alike(model, plain)
    ):
        return
    names = [type(each.policy).__name__ for each in (model, plain)]
    raise CompactError(
        f"{names[0]} says something else than {names[1]} "
        "with the same weights, so what it overrides would be lost. Derive it from a "
        "class of yours that is no masked one, and put MaskedPolicyMixin in front. Or "
        "save the agent by model.save() and load that zip where sb3_prune is installed."
    )


def is_ours(cls: type[BasePolicy]) -> bool:
    """Tell whether a policy class comes with sb3_prune."""
    return cls.__module__.partition(".")[0] == "sb3_prune"


def _acts_alike(model: BaseAlgorithm, plain: BaseAlgorithm) -> bool:
    drawn = from_space(model.observation_space, COUNT, np.random.default_rng(0))
    seen = drawn[""] if set(drawn) == {""} else drawn
    ours, theirs = (_greedy(each.policy, seen) for each in (model, plain))
    if isinstance(model, BranchingDQN):  # Its joint actions count branch 0 first.
        branches = tuple(model.policy.q_net.branches)
        theirs = np.stack(np.unravel_index(theirs.ravel(), branches), axis=1)
    if np.issubdtype(ours.dtype, np.floating):
        return bool(np.allclose(ours, theirs, rtol=ROUNDING, atol=ROUNDING))
    differ = (ours != theirs).reshape(COUNT, -1).any(1)
    return int(differ.sum()) <= TIES


def _greedy(policy: BasePolicy, seen: object) -> np.ndarray:
    with quiet(policy):
        found: np.ndarray = policy.predict(seen, deterministic=True)[0]  # type: ignore[arg-type]
    return found


def _says_alike(model: BaseAlgorithm, plain: BaseAlgorithm) -> bool:
    """Compare what the networks say, if the algorithm has stayed the same."""
    if type(model) is not type(plain):
        return True
    ours, theirs = (outputs(each.policy, choices=False) for each in (model, plain))
    names = [[name for name, _ in said] for said in (ours, theirs)]
    return names[0] == names[1] and all(
        distance <= ROUNDING for distance in moved(ours, theirs).values()
    )
