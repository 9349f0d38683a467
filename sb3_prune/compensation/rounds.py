"""Rounds: prune, let the pruned agent play, and prune anew on what it saw, too.

A pruned agent meets states that the dense one never does. There, the dense networks are
asked as well, as in DAgger (Ross, Gordon, Bagnell 2011). More states do not always
help, so the round whose agent played best is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv
from tqdm.auto import trange

from sb3_prune.compensation.proposing import (
    Proposal,
    PruneReport,
    carry_out,
    propose,
)
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.recording.activations import count_observations, record_activations
from sb3_prune.recording.inputs import require_inputs
from sb3_prune.recording.playing import States, play_episodes
from sb3_prune.recording.reservoir import join
from sb3_prune.runs.reloading import reload
from sb3_prune.strategies.base import AgentView, Strategy
from sb3_prune.surgery.flow.forwards import Inputs


def best_of_rounds(
    agent: AgentView,
    strategy: Strategy,
    env: VecEnv,
    rounds: int,
    episodes: int,
    states: States,
    distil_updates: int,
) -> PruneReport:
    """Prune in rounds, and carry out the round whose agent played best.

    Args:
        agent: The dense agent, with the states that it visited.
        strategy: The strategy; it proposes one plan per round.
        env: The environment.
        rounds: Number of rounds after the first cut.
        episodes: Number of episodes that each round's agent plays.
        states: How it acts; the greedy episodes decide which round is best.
        distil_updates: Number of gradient steps after each cut.

    Raises:
        UnsupportedPolicyError: The policy has LSTMs.
    """
    if isinstance(agent.model.policy, RecurrentActorCriticPolicy):
        raise UnsupportedPolicyError(
            "The memory of a pruned agent says nothing to the dense one: set rounds to "
            "0 for a policy with LSTMs."
        )
    before, inputs = strategy.state_dict(), agent.inputs()
    returns: list[float] = []
    looks: list[_Look] = []
    made: list[tuple[AgentView, Proposal]] = []
    for number in trange(rounds + 1, desc="rounds", delay=2, disable=None):
        strategy.load_state_dict(before)
        look = _Look(agent.model, inputs)
        view = replace(agent, inputs=partial(_same, inputs), activations=look)
        looks.append(look)
        made.append((view, propose(strategy, view)))
        twin = replace(view, model=reload(type(agent.model), agent.model))
        carry_out(twin, made[-1][1], distil_updates)
        played = play_episodes(
            twin.model, env, episodes=episodes, states=states, seed=number
        )
        returns.append(float(played.returns.mean()))
        inputs = join([inputs, played.inputs])
    best = int(np.argmax(np.nan_to_num(returns, nan=-np.inf)))
    report = carry_out(*made[best], distil_updates)
    used = max(report.observations, looks[best].observations)
    return replace(report, returns=tuple(returns), observations=used)


class _Look:
    """Records activations on the states of a round, and remembers on how many.

    Raises:
        FewObservationsError: When called: there are too few.
    """

    def __init__(self, model: BaseAlgorithm, inputs: Inputs) -> None:
        self.model, self.inputs = model, inputs
        self.observations = 0

    def __call__(self) -> Mapping[str, torch.Tensor]:
        self.observations = count_observations(self.inputs.observations)
        require_inputs(self.observations, "let the agent play more episodes")
        return record_activations(self.model, self.inputs)


def _same(inputs: Inputs) -> Inputs:
    return inputs
