"""Pairs: an old and a new agent that fit each other, and which entry is which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy

from sb3_prune.transplanting.bare import as_agent
from sb3_prune.transplanting.belongings import with_belongings
from sb3_prune.transplanting.checks import (
    check_fresh,
    check_masks,
    check_pair,
    check_rules,
    require_type,
)
from sb3_prune.transplanting.folding import InputRules
from sb3_prune.transplanting.heads import branches_of, count_actions, reads_twice
from sb3_prune.transplanting.ids import Sources, pair
from sb3_prune.transplanting.normalising import check_rewards, check_statistics
from sb3_prune.transplanting.observing import ObservationMap
from sb3_prune.transplanting.outputs import NewActions
from sb3_prune.transplanting.pairing import pair_observations


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two agents, one of which can be filled with what the other has learnt."""

    old: BaseAlgorithm
    """The trained agent, with its statistics and replay buffer."""
    new: BaseAlgorithm
    """The untrained agent."""
    observations: ObservationMap
    """Which old observation each new one is."""
    actions: Sources
    """Which old action each new one is."""
    inputs: InputRules
    """What becomes of removed and repeated observations."""
    new_actions: NewActions
    """What new actions begin with."""

    @property
    def branches(self) -> list[int]:
        """Numbers of new actions that are chosen from together."""
        return branches_of(self.new.action_space)

    @property
    def counts_twice(self) -> bool:
        """Whether an old observation counts several times for the new agent."""
        return self.observations.counts_twice and self.inputs.repeated == "copy"


def find_pair(
    new: BaseAlgorithm,
    old: BaseAlgorithm | BasePolicy,
    *,
    observations: Any,
    actions: Any,
    inputs: InputRules | None,
    new_actions: NewActions | None,
    vecnormalize: Any,
    replay_buffer: Any,
) -> Pair:
    """Pair observations and actions, and check that the agents fit; nothing changes.

    The arguments are those of :func:`~sb3_prune.transplanting.transplant_into`.

    Raises:
        TransplantError: Algorithms, spaces or rules do not fit each other.
    """
    alone = isinstance(old, BasePolicy)  # It has had no rewards.
    agent = as_agent(old, new)
    check_fresh(new)
    agent = with_belongings(agent, vecnormalize, replay_buffer)
    seen = pair_observations(agent.policy, new.policy, observations)
    check_statistics(agent, new, seen)
    if not alone:
        check_rewards(agent, new)
    counts = count_actions(agent.action_space), count_actions(new.action_space)
    acted = pair("actions", actions, *counts)
    check_pair(agent, new, acted, has_map=actions is not None)
    check_masks(agent, new)
    rules, rule = inputs or InputRules(), new_actions or NewActions()
    require_type("inputs", rules, InputRules)
    require_type("new_actions", rule, NewActions)
    check_rules(rules, seen, reads_twice(agent, acted))
    return Pair(
        old=agent,
        new=new,
        observations=seen,
        actions=acted,
        inputs=rules,
        new_actions=rule,
    )
