"""Tests for surgery/wiring.py."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any

import gymnasium as gym
import pytest
import torch
import zoo
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import (
    PlanError,
    UnknownNameError,
    UnsupportedPolicyError,
)
from sb3_prune.surgery import apply, remove
from sb3_prune.surgery.built import BUILT
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.wiring import owner_of

every_algorithm = pytest.mark.parametrize("name", zoo.ALGORITHMS)


@every_algorithm
def test_every_layer_is_listed_by_its_path(name: str) -> None:
    policy = zoo.trained(name).policy
    for path, layer in sp.wire(policy).items():
        assert layer.name == path
        assert policy.get_submodule(path) is layer.module
        assert f"{path}.".startswith(layer.network + ".")


@every_algorithm
def test_targets_are_attached_not_listed(name: str) -> None:
    policy = zoo.trained(name).policy
    wiring = sp.wire(policy)
    assert not any("_target." in path for path in wiring)
    for path, layer in wiring.items():
        first, _, rest = path.partition(".")
        expected = None
        if name in zoo.WITH_TARGETS and hasattr(policy, f"{first}_target"):
            expected = policy.get_submodule(f"{first}_target.{rest}")
        assert (layer.target and layer.target.module) is expected
        assert layer.with_targets() == [layer] + (
            [layer.target] if layer.target else []
        )


@every_algorithm
def test_every_slot_holds_one_entry_per_unit(name: str) -> None:
    for layer in sp.wire(zoo.trained(name).policy).values():
        sides = {slot.side for slot in layer.slots()}
        assert {Side.ROWS, Side.COLUMNS} <= sides
        for slot in layer.slots():
            tensor = getattr(slot.owner, slot.attribute)
            assert tensor.shape[slot.axis] >= slot.start + layer.units


@every_algorithm
def test_silencing_the_incoming_and_outgoing_weights_isolates_a_unit(name: str) -> None:
    policy = zoo.copied(name)
    layer = next(iter(sp.wire(policy).values()))
    assert layer.incoming().shape == (layer.units, layer.module.in_features)
    assert len(layer.outgoing()) == layer.units
    layer.incoming()[0] = 0.0  # Views of the live weights.
    assert not layer.module.weight[0].any()


def test_the_outgoing_weights_are_those_of_all_readers() -> None:
    actor = zoo.trained("SAC").policy.actor
    layer = sp.wire(zoo.trained("SAC").policy)["actor.latent_pi.2"]
    expected = torch.cat([actor.mu.weight, actor.log_std.weight]).T
    assert torch.equal(layer.outgoing(), expected)


def test_closed_gates_make_units_inactive() -> None:
    policy = zoo.copied("DQN")
    layer = sp.wire(policy)["q_net.q_net.0"]
    assert bool(layer.active.all())
    sp.mask(policy, {"q_net.q_net.0": sp.surgery.remove([1, 5], 12)})
    assert (~layer.active).nonzero().flatten().tolist() == [1, 5]
    wiring = sp.wire(policy)
    assert wiring.units() == {"q_net.q_net.0": 12, "q_net.q_net.2": 10}
    assert wiring.active_units() == {"q_net.q_net.0": 10, "q_net.q_net.2": 10}


def test_a_stock_policy_has_no_gates() -> None:
    wiring = sp.wire(zoo.make_model("SAC", stock=True).policy)
    assert all(layer.gate is None for layer in wiring.values())
    assert wiring.active_units() == wiring.units()


def test_an_unknown_layer_is_named_with_the_nearest() -> None:
    wiring = sp.wire(zoo.trained("SAC").policy)
    with pytest.raises(UnknownNameError) as error:
        wiring["actor.latent_pi.1"]
    message = str(error.value)
    assert "Unknown hidden layer 'actor.latent_pi.1'" in message
    assert "Did you mean 'actor.latent_pi." in message
    assert all(name in message for name in wiring)


def test_a_wiring_is_printed_layer_by_layer() -> None:
    text = repr(sp.wire(zoo.trained("DQN").policy))
    assert text == "Wiring:\n  q_net.q_net.0: 12 units\n  q_net.q_net.2: 10 units"


def test_repr_tells_the_true_widths_and_those_that_were_built() -> None:
    model = zoo.make_model("DQN")
    sp.apply(model, {"q_net.q_net.0": sp.keep(range(5), 12)})
    sp.mask(model, {"q_net.q_net.2": sp.remove([0, 1, 2], 10)})
    told = [
        "Wiring:",
        "  q_net.q_net.0: 5 units, built with 12",
        "  q_net.q_net.2: 10 units, 7 of them open",
    ]
    assert repr(sp.wire(model)).splitlines() == told
    assert model.policy_kwargs["net_arch"] == [12, 10]
    plain = sp.compact(model)
    told = ["Wiring:", "  q_net.q_net.0: 5 units", "  q_net.q_net.2: 7 units"]
    assert repr(sp.wire(plain)).splitlines() == told


def test_weights_between_closed_units_do_not_count() -> None:
    """What a masked agent still holds of closed units, a cut one does not have."""
    masked, cut = zoo.make_model("SAC"), zoo.make_model("SAC")
    layers = sp.wire(masked.policy)
    plan = {name: remove([0, 3], layer.units) for name, layer in layers.items()}
    sp.mask(masked, plan)
    sp.apply(cut, plan)
    for name, layer in sp.wire(masked.policy).items():
        active = layer.active
        there = sp.wire(cut.policy)[name]
        for mine, theirs in (
            (layer.incoming(), there.incoming()),
            (layer.outgoing(), there.outgoing()),
        ):
            torch.testing.assert_close(mine[active].norm(dim=1), theirs.norm(dim=1))


def test_layers_come_by_network() -> None:
    wiring = sp.wire(zoo.make_model("SAC"))
    grouped = wiring.by_network()
    assert list(grouped) == ["actor.latent_pi", "critic.qf0", "critic.qf1"]
    assert [la for layers in grouped.values() for la in layers] == [*wiring.values()]
    assert list(wiring.by_network(["critic"])) == ["critic.qf0", "critic.qf1"]
    assert list(wiring.by_network(("critic.qf1", "actor"))) == [
        "actor.latent_pi",
        "critic.qf1",
    ]


class Normalised(BaseFeaturesExtractor):
    """A layer with batch normalisation, of which DQN lists the statistics."""

    def __init__(self, space: Any) -> None:
        super().__init__(space, 12)
        parts = nn.Linear(space.shape[0], 12), nn.BatchNorm1d(12), nn.ReLU()
        self.net = nn.Sequential(*parts)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.net(observations)
        return found


@pytest.mark.parametrize("told", [sp.wire, sp.adopt, lambda m: sp.apply(m, {})])
def test_a_policy_knows_the_model_that_holds_it(told: Any) -> None:
    kwargs = {"features_extractor_class": Normalised}
    model: Any = zoo.make_model("DQN", policy_kwargs=kwargs)
    assert owner_of(model.policy) is model.policy and owner_of(model) is model
    model.own = torch.optim.Adam(model.q_net.parameters())
    told(model)
    sp.apply(model.policy, {"q_net.features_extractor.net.0": remove([1], 12)})
    held = {p for group in model.own.param_groups for p in group["params"]}
    assert held == set(model.q_net.parameters())
    live = {b.data_ptr() for b in model.q_net.buffers()}
    listed = {b.data_ptr() for b in model.batch_norm_stats}
    assert listed and listed <= live
    zoo.train(model)


def test_a_copy_knows_no_model_and_an_old_policy_does_not_either() -> None:
    model = zoo.make_model("PPO")
    sp.wire(model)
    old = model.policy
    for copied in (copy.deepcopy(old), pickle.loads(pickle.dumps(old))):
        assert owner_of(copied) is copied
    both = copy.deepcopy(model)
    assert owner_of(old) is model and owner_of(both.policy) is both.policy
    model.policy = both.policy
    assert owner_of(old) is old and owner_of(model.policy) is model.policy
    sp.wire(model)
    del both
    alone = model.policy
    del model
    gc.collect()
    assert owner_of(alone) is alone


def test_a_part_of_a_name_is_no_network() -> None:
    wiring = sp.wire(zoo.make_model("SAC"))
    with pytest.raises(UnknownNameError, match="Unknown network 'crit'"):
        wiring.by_network(["actor", "crit"])


def test_a_model_and_its_policy_are_wired_alike() -> None:
    model = zoo.make_model("PPO")
    assert sp.wire(model) is sp.wire(model.policy)


def test_a_stock_policy_knows_what_it_was_built_with_once_it_is_cut() -> None:
    model = zoo.make_model("SAC", stock=True)
    built = sp.wire(model).units()
    assert not sp.wire(model).built
    for _ in range(2):  # The second cut does not count from the first.
        units = sp.wire(model).units()
        apply(model, {n: remove([0], k) for n, k in units.items()})
        assert dict(sp.wire(model).built) == built
    assert "10 units, built with 12" in repr(sp.wire(model))
    assert dict(sp.wire(copy.deepcopy(model.policy)).built) == built


def test_a_refused_plan_leaves_no_note() -> None:
    model = zoo.make_model("SAC", stock=True)
    apply(model, {})
    with pytest.raises(PlanError):
        apply(model, {n: remove([0], 99) for n in sp.wire(model)})
    assert BUILT not in vars(model.policy) and not sp.wire(model).built


class Staged(BaseFeaturesExtractor):
    """An extractor that does something else in its second stage."""

    def __init__(self, space: Any) -> None:
        super().__init__(space, 16)
        self.a, self.b = nn.Linear(4, 16), nn.Linear(16, 16)
        self.stage = 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.a(x).relu()
        if self.stage == 2:
            h = h.roll(1, dims=1)
        elif self.stage == 3:  # Only a trial shows that the width counts.
            h = h / h.shape[1]
        return self.b(h).relu()


def test_code_that_chooses_by_an_attribute_is_watched_again() -> None:
    kwargs = {"features_extractor_class": Staged}
    model: Any = zoo.make_model(
        "PPO", env=gym.make("CartPole-v1"), policy_kwargs=kwargs
    )
    name = "features_extractor.a"
    apply(model, {name: remove([0], 16)})
    assert sp.wire(model) is sp.wire(model)
    model.policy.features_extractor.stage = 2
    before = zoo.snapshot(model.policy)
    with pytest.raises(PlanError, match="cannot change: no rule for roll"):
        apply(model, {name: remove([0], 15)})
    model.policy.features_extractor.stage = 3
    with pytest.raises(UnsupportedPolicyError, match="A trial cut refuses 'features"):
        apply(model, {name: remove([0], 15)})
    zoo.assert_same(zoo.snapshot(model.policy), before)
