"""Rounds: prune, let the pruned agent play, and prune anew on what it saw, too.

A pruned agent meets states that the dense one never does. There, the dense networks are
asked as well, as in DAgger (Ross, Gordon, Bagnell 2011). More states do not always
help, so the round whose agent played best is kept.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv
from tqdm.auto import trange

from sb3_prune.compensation.proposing import (
    Proposal,
    PruneReport,
    carry_out,
    propose,
)
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.recording.looking import Looked
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
    looks: list[Looked] = []
    made: list[tuple[AgentView, Proposal]] = []
    for number in trange(rounds + 1, desc="rounds", delay=2, disable=None):
        strategy.load_state_dict(before)
        same = partial(_same, inputs)
        looks.append(Looked(agent.model, same, "let the agent play more episodes"))
        view = replace(agent, inputs=same, activations=looks[-1])
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


def _same(inputs: Inputs) -> Inputs:
    return inputs
