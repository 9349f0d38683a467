"""Tests for surgery/flow/lstms.py."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import zoo
from sb3_contrib.common.recurrent.type_aliases import RNNStates

from sb3_prune.surgery.flow.lstms import empty_states, forget


def test_empty_states_are_those_of_an_agent_that_begins() -> None:
    model = zoo.make_model("RecurrentPPO")
    found, own = empty_states(model.policy, model.n_envs), model._last_lstm_states
    for pair, expected in zip(found, own, strict=True):
        for state, zeros in zip(pair, expected, strict=True):
            assert torch.equal(state, zeros)


@pytest.mark.parametrize("kind", [bool, np.float32])
def test_states_are_forgotten_where_an_episode_begins(kind: type) -> None:
    states = [torch.randn(2, 3, 4, requires_grad=True) for _ in range(4)]
    a, b, c, d = states
    found = forget(RNNStates((a, b), (c, d)), np.array([0, 1, 0], kind))
    for before, after in zip(states, (*found.pi, *found.vf), strict=True):
        assert not after[:, 1].any() and not after.requires_grad
        assert torch.equal(after[:, ::2], before[:, ::2])
