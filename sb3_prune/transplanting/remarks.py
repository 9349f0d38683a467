"""Remarks: what else a user has to know of a transplant."""

from __future__ import annotations

from collections.abc import Mapping

from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.policies.zips import other_groups
from sb3_prune.transplanting.carrying import Carried, is_frozen
from sb3_prune.transplanting.folding import InputRules
from sb3_prune.transplanting.heads import branches_of, reads_twice
from sb3_prune.transplanting.ids import Sources, parted
from sb3_prune.transplanting.matching import find_matches
from sb3_prune.transplanting.moments import left_states
from sb3_prune.transplanting.outputs import new_branches
from sb3_prune.transplanting.pairs import Pair
from sb3_prune.transplanting.ranges import other_bounds
from sb3_prune.warning import warn

FAR = 0.02
"""Share of the largest output; new layers behind Tanh move outputs by less."""
AGAIN = "Some observations are the same old one, which counts several times now."


def remarks_on(pair: Pair, left: str, rule: str) -> list[str]:
    """Return what a user has to know, a sentence each; empty ones say nothing.

    Args:
        pair: The agents, the new one filled.
        left: What is told of replay buffers.
        rule: The rule for the outputs of new actions.
    """
    old, new, actions = pair.old, pair.new, pair.actions
    return [
        told_algorithm(old, new),
        left,
        AGAIN if pair.counts_twice else "",
        told_repeats(old, actions, pair.inputs),
        told_memory(old.policy, rule),
        *left_states(old, new),
        *other_groups(old, new),
        told_bounds(old, new, actions),
        new_branches(actions, pair.branches, rule),
        told_parts(old, new, actions),
        *told_copies(old.policy, new.policy),
        told_frozen(old.policy, new.policy),
    ]


def told_repeats(old: BaseAlgorithm, actions: Sources, rules: InputRules) -> str:
    """Return a remark if several new actions are the same old one.

    Args:
        old: The old agent.
        actions: Which old action each new one is.
        rules: Whether what critics read is shared.
    """
    known = [source for source in actions if source is not None]
    if len(set(known)) == len(known):
        return ""
    said = "Some actions are the same old one"
    if branches_of(old.action_space):
        return f"{said}: each is valued as it was, so one of them is chosen more often."
    if reads_twice(old, actions) and rules.repeated == "copy":
        return f"{said}, which counts several times for critics now."
    return f"{said}."


def told_parts(old: BaseAlgorithm, new: BaseAlgorithm, actions: Sources) -> str:
    """Return a remark if choices between which one was taken are in several branches.

    Args:
        old: The old agent.
        new: The new one.
        actions: Which old action each new one is.
    """
    ours, theirs = (branches_of(model.action_space) for model in (old, new))
    found = parted(actions, ours, theirs) if ours and theirs else []
    if not found:
        return ""
    return (
        f"The actions of the old branches {found}, of which one was taken each, are in "
        "several branches now, of each of which one is taken."
    )


def told_memory(policy: nn.Module, rule: str) -> str:
    """Return a remark if a policy has memory, which sample states lack.

    Args:
        policy: The old policy.
        rule: The rule for the outputs of new actions; empty if there are none.
    """
    if not isinstance(policy, RecurrentActorCriticPolicy):
        return ""
    ruled = ", and so were the outputs of new actions by their rule" if rule else ""
    return f"How far outputs moved was measured with empty LSTM states{ruled}."


def told_algorithm(old: BaseAlgorithm, new: BaseAlgorithm) -> str:
    """Return a remark if the new agent is of another algorithm.

    Args:
        old: The old agent.
        new: The new one.
    """
    if type(old) is type(new):
        return ""
    return (
        f"The new agent is of {type(new).__name__}, the old one of "
        f"{type(old).__name__}: check its hyperparameters."
    )


def told_copies(old: nn.Module, new: nn.Module) -> list[str]:
    """Return which critics are copies, one sentence each.

    Args:
        old: The policy of the old agent.
        new: That of the new one.
    """
    return [
        f"'{each.new.name}' is a copy of '{each.old.name}' without its moments."
        for each in find_matches(old, new)
        if each.is_copy
    ]


def told_frozen(old: nn.Module, new: nn.Module) -> str:
    """Return which parameters of the new policy are frozen, if the old one has such.

    Args:
        old: The old policy.
        new: The new one.
    """
    if not any(map(is_frozen, old.parameters())):
        return ""
    paths = [path for path, p in new.named_parameters() if is_frozen(p)]
    return f"Frozen, as they were, are {', '.join(paths) or 'none'}."


def told_bounds(old: BaseAlgorithm, new: BaseAlgorithm, actions: Sources) -> str:
    """Return a warning, which is also given, if carried actions have other bounds.

    Args:
        old: The old agent.
        new: The new one.
        actions: Which old action each new one is.
    """
    if not other_bounds(old.action_space, new.action_space, actions):
        return ""
    said = (
        "The actions have other bounds: the same output of the networks is another "
        "action where the algorithm scales outputs to the bounds, as SAC and TD3 do."
    )
    warn(said)
    return said


def warn_of_odd(moved: float, carried: Mapping[str, Carried]) -> None:
    """Warn if outputs moved although nothing of the old agent is gone.

    Args:
        moved: How far they moved, relative to the largest.
        carried: What became of each tensor.
    """
    if moved > FAR and not any(each.dropped for each in carried.values()):
        warn(
            f"Outputs for old actions moved by {moved:.2g} of their largest value, "
            "although nothing was dropped: some code of the policy treats entries by "
            "their place, or the new agent has other activation functions."
        )
