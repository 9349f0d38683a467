"""Tests for reloading.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import zoo
from grouping import grouped_model
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.envs import BitFlippingEnv

import sb3_prune as sp
from sb3_prune import surgery
from sb3_prune.exceptions import CheckpointError
from sb3_prune.runs.reloading import reload

every_algorithm = pytest.mark.parametrize("name", zoo.ALGORITHMS)


@every_algorithm
def test_a_copy_says_the_same_and_shares_nothing(name: str) -> None:
    model = zoo.train(zoo.make_model(name))
    sp.apply(model, zoo.random_plan(model.policy))
    before = zoo.snapshot(model.policy)
    copy = reload(type(model), model)
    zoo.assert_same(zoo.snapshot(copy.policy), before)
    assert copy.env is None
    ours = {t.data_ptr() for t in model.policy.state_dict().values()}
    assert not ours & {t.data_ptr() for t in copy.policy.state_dict().values()}
    for p in copy.policy.parameters():
        p.data.zero_()
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)


def test_the_buffer_stays_behind() -> None:
    model: Any = zoo.trained("SAC")
    copy: Any = reload(SAC, model)
    assert model.replay_buffer.pos > copy.replay_buffer.pos == 0


def test_global_random_states_stay() -> None:
    model = zoo.trained("PPO")
    torch.manual_seed(1)
    np.random.seed(1)
    expected = torch.rand(3), np.random.rand(3)
    torch.manual_seed(1)
    np.random.seed(1)
    reload(type(model), model)
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(np.random.rand(3), expected[1])


def test_attributes_are_left_behind() -> None:
    model: Any = zoo.make_model("SAC")
    model.note = "here"
    assert vars(reload(SAC, model))["note"] == "here"
    assert "note" not in vars(reload(SAC, model, exclude=["note"]))


def test_it_can_become_a_subclass() -> None:
    class Mine(SAC):
        """One's own."""

    model = zoo.trained("SAC")
    assert type(reload(Mine, model)) is Mine


def test_hindsight_keeps_the_environment_that_it_asks_for_rewards() -> None:
    model = SAC(
        sp.MaskedSACMultiInputPolicy,
        BitFlippingEnv(n_bits=4, continuous=True),
        replay_buffer_class=HerReplayBuffer,
        buffer_size=100,
        device="cpu",
    )
    copy = reload(SAC, model)
    assert copy.env is not None
    assert isinstance(copy.replay_buffer, HerReplayBuffer)
    assert copy.replay_buffer.env is copy.env


def test_an_optimiser_that_the_class_does_not_build_is_named() -> None:
    model: Any = grouped_model()
    before = zoo.snapshot(model.policy)
    with pytest.raises(CheckpointError, match=r"policy\.optimizer \(groups of 2 and "):
        reload(type(model), model)
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)


def test_widths_that_the_class_does_not_build_are_told_with_the_way_out() -> None:
    model = zoo.make_model("SAC", stock=True)
    surgery.apply(model, zoo.random_plan(model.policy))
    with pytest.raises(CheckpointError, match=r"adopt\(model\)"):
        reload(type(model), model)
    sp.adopt(model)
    copy = reload(type(model), model)
    assert sp.wire(copy).units() == sp.wire(model).units()


def test_what_a_class_raises_is_told() -> None:
    class Broken(SAC):
        """It cannot be built."""

        def _setup_model(self) -> None:
            raise LookupError("of my own")

    with pytest.raises(CheckpointError, match=r"LookupError.*of my own"):
        reload(Broken, zoo.trained("SAC"))
