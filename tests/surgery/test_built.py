"""Tests for surgery/built.py."""

from __future__ import annotations

from typing import Any

import pytest
import saving
import torch
import zoo
from torch import nn

import sb3_prune as sp

HEAD = "value_net.0"


class LateHead(sp.MaskedActorCriticPolicy):
    """Puts a head in after everything is built, as users of SB3 do."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.value_net = nn.Sequential(
            nn.Linear(self.mlp_extractor.latent_dim_vf, 64), nn.ReLU(), nn.Linear(64, 1)
        )
        rate = self.optimizer.defaults["lr"]
        self.optimizer = torch.optim.Adam(self.parameters(), lr=rate)


class Narrow(sp.MaskedActorCriticPolicy):
    """Replaces a network by a narrower one of the same name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        first, last = self.features_dim, self.mlp_extractor.latent_dim_pi
        self.mlp_extractor.policy_net = nn.Sequential(
            nn.Linear(first, 6), nn.ReLU(), nn.Linear(6, last), nn.ReLU()
        )
        rate = self.optimizer.defaults["lr"]
        self.optimizer = torch.optim.Adam(self.parameters(), lr=rate)


def half(model: Any) -> dict[str, int]:
    """Prune to half of the initial units; return those that are left."""
    options = {"final_sparsity": 0.5, "distribution": "uniform", "compensate": False}
    sp.prune(model, "magnitude", options)
    return sp.wire(model).units()


@pytest.mark.parametrize("name", ["PPO", "A2C"])
def test_a_head_that_came_late_is_not_cut_again(name: str) -> None:
    model = zoo.make_model(name, policy=LateHead)
    assert half(model)[HEAD] == half(model)[HEAD] == 32
    loaded = saving.reload(model)
    assert sp.wire(loaded).built[HEAD] == 64
    assert half(loaded)[HEAD] == 32


def test_training_cuts_a_late_head_to_its_share() -> None:
    model = zoo.make_model("PPO", policy=LateHead)
    options = {"final_sparsity": 0.5, "distribution": "uniform"}
    zoo.train(model, 200, callback=sp.PruningCallback("magnitude", options))
    assert sp.wire(model).units()[HEAD] == 32


def test_a_network_that_was_replaced_counts_as_it_is() -> None:
    model = zoo.make_model("PPO", policy=Narrow)
    name = "mlp_extractor.policy_net.0"
    assert sp.wire(model).built[name] == 6
    assert half(model)[name] == half(model)[name] == 3
    assert saving.reload(model).policy.initial_units[name] == 6


class NarrowRecurrent(sp.MaskedRecurrentActorCriticPolicy):
    """Replaces a network of an agent with an LSTM by a narrower one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mlp_extractor.policy_net = nn.Sequential(
            nn.Linear(self.lstm_output_dim, 4),
            nn.ReLU(),
            nn.Linear(4, self.mlp_extractor.latent_dim_pi),
        )
        rate = self.optimizer.defaults["lr"]
        self.optimizer = torch.optim.Adam(self.parameters(), lr=rate)


def test_a_loaded_agent_with_an_lstm_knows_all_its_initial_widths() -> None:
    model = zoo.make_model("RecurrentPPO", policy=NarrowRecurrent)
    built = dict(sp.wire(model).built)
    lstm = next(n for n in built if n.startswith("lstm"))
    sp.apply(model, {lstm: sp.remove([0], built[lstm])})
    assert dict(sp.wire(saving.reload(model)).built) == built


def test_so_does_one_whose_critic_has_no_lstm() -> None:
    kwargs = {"enable_critic_lstm": False}
    model = zoo.make_model("RecurrentPPO", policy_kwargs=kwargs)
    built = dict(sp.wire(model).built)
    assert "critic" in built
    for _ in range(2):
        units = sp.wire(model).units()["lstm_actor"]
        sp.apply(model, {"lstm_actor": sp.remove([0], units)})
        model = saving.reload(model)
    assert dict(sp.wire(model).built) == built


def test_loading_in_inference_mode_leaves_an_agent_that_learns() -> None:
    giver, taker = zoo.make_model("PPO"), zoo.make_model("PPO")
    half(giver)
    with torch.inference_mode():
        taker.set_parameters(giver.get_parameters())
        plain = sp.compact(giver)
    zoo.train(taker)
    zoo.train(plain)
