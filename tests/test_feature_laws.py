"""The laws of surgery, for agents with a feature extractor."""

from __future__ import annotations

from typing import Any

import ofexi_zoo
import pytest
import torch
import zoo
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn

import sb3_prune as sp
from sb3_prune.surgery import remove, remove_closed
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.optimizer import optimizers

every_algorithm = pytest.mark.parametrize("name", ofexi_zoo.ALGORITHMS)
every_form = pytest.mark.parametrize("name", ofexi_zoo.FORMS)
few = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
seeds = st.integers(0, 10_000)
FEATURES = 3 + 3 * 6
"""Width of the state features of a tiny agent in a pendulum's world."""


# Where units are held.


def held(name: str) -> dict[str, set[str]]:
    """Return the paths of the tensors that hold each layer's units behind it."""
    policy = ofexi_zoo.trained(name).policy
    paths = {module: path for path, module in policy.named_modules()}
    return {
        layer.name: {
            f"{paths[s.owner]}.{s.attribute}"
            for s in layer.slots()
            if not paths[s.owner].startswith(layer.name)
        }
        for layer in sp.wire(policy).values()
    }


def test_a_unit_of_the_state_is_read_by_all_that_comes_after_it() -> None:
    later = {f"ofe.{b}.{a}" for b in ("phi_o.2", *ACTION) for a in ("weight", "scale")}
    value = {"value.net.0.weight", "value_target.net.0.weight"}
    rest = {"actor.latent_pi.0.weight", "ofe.f_pred.weight", *value, *CRITICS}
    assert held("ValueSAC")["ofe.phi_o.1"] == later | rest
    twins = {"actor.mu.0.weight", "actor_target.mu.0.weight"}
    assert held("TD3")["ofe.phi_o.1"] == later | twins | CRITICS | {"ofe.f_pred.weight"}


ACTION = [f"phi_oa.{i}" for i in range(3)]
CRITICS = {f"critic{t}.qf{i}.0.weight" for t in ("", "_target") for i in range(2)}


def test_a_unit_of_the_action_is_read_by_critics_and_prediction_only() -> None:
    for name in ("SAC", "TD3", "TQC"):
        assert held(name)["ofe.phi_oa.2"] == CRITICS | {"ofe.f_pred.weight"}


def test_without_actions_there_is_one_branch_that_all_read() -> None:
    extractor = {k: v for k, v in held("PPO").items() if k.startswith("ofe")}
    assert list(extractor) == [f"ofe.phi_o.{i}" for i in range(3)]
    assert extractor["ofe.phi_o.2"] == {
        "ofe.f_pred.weight",
        "mlp_extractor.policy_net.0.weight",
        "mlp_extractor.value_net.0.weight",
    }


@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_heads_read_the_features_where_there_are_no_hidden_layers(name: str) -> None:
    model = ofexi_zoo.make_model(name, policy_kwargs={"net_arch": []})
    before = ofexi_zoo.outputs(model.policy)
    layer = sp.wire(model.policy)["ofe.phi_o.0"]
    silence_readers(layer, [0, 4])
    before = ofexi_zoo.outputs(model.policy)
    sp.apply(model, {layer.name: remove([0, 4], 6)})
    ofexi_zoo.assert_close(model.policy, before, 1e-6)
    ofexi_zoo.train_on(model)


@every_algorithm
def test_every_slot_holds_one_entry_per_unit(name: str) -> None:
    for layer in sp.wire(ofexi_zoo.trained(name).policy).values():
        for slot in layer.slots():
            tensor = getattr(slot.owner, slot.attribute)
            assert tensor.shape[slot.axis] >= slot.start + layer.units
        assert len(layer.outgoing()) == layer.units


# What is dead can go.


def close_gates(layer: HiddenLayer, units: list[int]) -> None:
    for twin in layer.with_targets():
        assert twin.gate is not None
        twin.gate.close(units, like=twin.like.detach())


@torch.no_grad()
def zero_thetas(layer: HiddenLayer, units: list[int]) -> None:
    for twin in layer.with_targets():
        assert twin.gate is not None
        twin.gate.learn(twin.like)
        assert twin.gate.theta is not None
        twin.gate.theta.copy_(torch.linspace(0.3, 1.0, layer.units))
        twin.gate.theta[units] = 0.0


@torch.no_grad()
def silence_readers(layer: HiddenLayer, units: list[int]) -> None:
    for twin in layer.with_targets():
        for slot in twin.readers:
            if slot.side is Side.COLUMNS:
                read = getattr(slot.owner, slot.attribute).movedim(slot.axis, 0)
                read[[slot.start + k for k in units]] = 0.0


@torch.no_grad()
def make_constant(layer: HiddenLayer, units: list[int]) -> None:
    for twin in layer.with_targets():
        twin.module.weight[units] = 0.0
        twin.module.bias[units] = 0.7


DEAD = [
    (norm, kill)
    for norm in ("batch", "layer")
    for kill in (close_gates, zero_thetas, silence_readers, make_constant)
    # Under LayerNorm a unit that is alive but not read still counts.
    if norm != "layer" or kill in (close_gates, zero_thetas)
]
DEAD += [("none", kill) for kill in (silence_readers, make_constant)]


@pytest.mark.slow
@pytest.mark.parametrize(("norm", "kill"), DEAD)
@every_form
@few
@given(seed=seeds)
def test_removing_dead_units_keeps_every_output(
    name: str, norm: str, kill: Any, seed: int
) -> None:
    policy = ofexi_zoo.copied(name, norm).double()
    plan = ofexi_zoo.random_plan(policy, seed)
    for layer, change in plan.items():
        kill(sp.wire(policy)[layer], change.removed.tolist())
    before = ofexi_zoo.outputs(policy)
    state, action = features(policy)
    sp.apply(policy, plan)
    ofexi_zoo.assert_close(policy, before, 1e-10)
    kept = survivors(plan)
    torch.testing.assert_close(features(policy)[0], state[:, kept[kept < FEATURES]])
    kept = kept[kept < action.shape[1]]  # On-policy there are no actions.
    torch.testing.assert_close(features(policy)[1], action[:, kept])


@torch.no_grad()
def features(policy: Any) -> tuple[torch.Tensor, torch.Tensor]:
    obs, actions = (x.double() for x in ofexi_zoo.inputs(policy))
    found = policy.ofe.fixed_state(obs), policy.ofe.features(obs, actions)
    assert torch.equal(found[0], policy.ofe.state(obs))
    return found


def survivors(plan: sp.Plan) -> torch.Tensor:
    """Return the columns of z_oa (or z_o, on-policy) that a plan leaves."""
    open_ = torch.ones(FEATURES + 1 + 3 * 6, dtype=torch.bool)
    for name, change in plan.items():
        _, _, place = name.partition("ofe.phi_")
        if place:
            branch, block = place.split(".")
            start = 3 if branch == "o" else FEATURES + 1
            open_[start + 6 * int(block) + change.removed] = False
    return open_.nonzero().flatten()


@every_form
def test_removing_live_units_changes_the_outputs(name: str) -> None:
    policy = ofexi_zoo.copied(name)
    before = ofexi_zoo.outputs(policy)
    extractor = {
        n: c for n, c in ofexi_zoo.random_plan(policy, 1, 1.0).items() if "ofe" in n
    }
    sp.apply(policy, extractor)
    with pytest.raises(AssertionError):
        ofexi_zoo.assert_close(policy, before, 1e-3)


def test_a_constant_unit_that_reads_only_constant_units_folds_with_them() -> None:
    policy = ofexi_zoo.copied("SAC")
    first, second = (sp.wire(policy)[f"ofe.phi_o.{i}"] for i in range(2))
    make_constant(first, [1])
    make_constant(second, [2])
    with torch.no_grad():
        second.module.weight[2, 3 + 1] = 0.9  # Reads the constant unit.
    before = ofexi_zoo.outputs(policy)
    sp.apply(policy, {second.name: remove([2], 6), first.name: remove([1], 6)})
    ofexi_zoo.assert_close(policy, before, 1e-6)


# Optimisers follow.


@every_form
def test_moments_are_selected_with_the_units(name: str) -> None:
    policy = ofexi_zoo.copied(name)
    layer = sp.wire(policy)["ofe.phi_o.1"]
    after = sp.wire(policy)["ofe.phi_o.2"].module
    optimizer = policy.ofe.optimizer
    rows = optimizer.state[layer.module.weight]["exp_avg"].clone()
    columns = optimizer.state[after.weight]["exp_avg_sq"].clone()
    scales = optimizer.state[after.scale]["exp_avg"].clone()
    sp.apply(policy, {layer.name: remove([0, 4], 6)})
    kept = [1, 2, 3, 5]
    inputs = [*range(9), *(9 + k for k in kept)]
    assert rows.any() and columns.any() and scales.any()
    state = optimizer.state
    assert torch.equal(state[layer.module.weight]["exp_avg"], rows[kept])
    assert torch.equal(state[after.weight]["exp_avg_sq"], columns[:, inputs])
    assert torch.equal(state[after.scale]["exp_avg"], scales[inputs])


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["layer", "batch"])
@every_form
def test_every_parameter_is_optimised_after_a_cut(name: str, norm: str) -> None:
    kwargs = {"activation_fn": nn.Tanh}  # Every unit has a gradient.
    model = ofexi_zoo.make_model(name, policy_kwargs=kwargs, ofe={"norm": norm})
    ofexi_zoo.train(model)
    ofexi_zoo.learn_thetas(model.policy)
    sp.apply(model, ofexi_zoo.random_plan(model.policy, 2, 1.0))
    assert_each_is_in_one_optimizer(model.policy)
    old = {p: p.detach().clone() for p in held_parameters(model.policy)}
    ofexi_zoo.train_on(model)
    assert_each_is_in_one_optimizer(model.policy)
    still = {p for p, before in old.items() if torch.equal(p, before)}
    # The mean of a batch takes these away again.
    idle = {block.bias for block in ofexi_zoo.blocks(model.policy)}
    assert still == (idle if norm == "batch" else set())


def held_parameters(policy: Any) -> list[nn.Parameter]:
    groups = [o.param_groups for o in optimizers(policy).values()]
    return [p for found in groups for group in found for p in group["params"]]


def assert_each_is_in_one_optimizer(policy: Any) -> None:
    """Thetas step themselves; targets follow."""
    live = [
        p
        for name, p in policy.named_parameters()
        if "_target." not in name and not name.endswith(".theta")
    ]
    assert sorted(map(id, held_parameters(policy))) == sorted(map(id, live))
    for optimizer in optimizers(policy).values():
        for p, state in optimizer.state.items():
            moments = [v for k, v in state.items() if k != "step" and v is not None]
            assert all(moment.shape == p.shape for moment in moments)


@every_form
@few
@given(first=seeds, second=seeds)
def test_two_cuts_are_one(name: str, first: int, second: int) -> None:
    twice, once = ofexi_zoo.copied(name), ofexi_zoo.copied(name)
    for policy in (twice, once):
        ofexi_zoo.learn_thetas(policy)
    a = ofexi_zoo.random_plan(twice, first)
    sp.apply(twice, a)
    b = ofexi_zoo.random_plan(twice, second)
    sp.apply(twice, b)
    sp.apply(once, a.then(b))
    ofexi_zoo.assert_same(ofexi_zoo.snapshot(once), ofexi_zoo.snapshot(twice))


@every_form
def test_growing_and_cutting_what_was_grown_is_the_identity(name: str) -> None:
    policy = ofexi_zoo.copied(name)
    before, said = ofexi_zoo.snapshot(policy), ofexi_zoo.outputs(policy)
    units = policy.wiring().units()
    sp.apply(policy, {layer: sp.surgery.add(3, n, 5) for layer, n in units.items()})
    ofexi_zoo.assert_close(policy, said, 1e-6)
    sp.apply(policy, {la: sp.surgery.keep(range(n), n + 3) for la, n in units.items()})
    ofexi_zoo.assert_same(ofexi_zoo.snapshot(policy), before)


RUNS = [("SAC", norm) for norm in ofexi_zoo.NORMS]
RUNS += [(name, "batch") for name in ofexi_zoo.ALGORITHMS[1:]]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "norm"), RUNS)
def test_a_cut_run_and_a_masked_run_stay_equal(name: str, norm: str) -> None:
    masked = ofexi_zoo.train(ofexi_zoo.make_model(name, ofe={"norm": norm}))
    sp.mask(masked, ofexi_zoo.random_plan(masked.policy, 3, 1.0))
    cut = ofexi_zoo.reload(masked)
    for key in ("replay_buffer", "rollout_buffer"):
        setattr(cut, key, getattr(masked, key, None))
    cut.set_logger(masked.logger)
    remove_closed(cut)
    for model in (masked, cut):
        before = ofexi_zoo.outputs(model.policy)
        learn_features(model)
        if name != "A2C":  # Its one batch again and again would make it explode.
            zoo.update(model, 20)
        else:
            zoo.update(model, 3)
        with pytest.raises(AssertionError):
            ofexi_zoo.assert_close(model.policy, before, 1e-4)
    ofexi_zoo.assert_close(cut.policy, ofexi_zoo.outputs(masked.policy), 1e-5)


def learn_features(model: Any) -> None:
    observations, actions = ofexi_zoo.inputs(model)
    for shift in range(20):
        following = observations.roll(shift, dims=0)
        model.policy.ofe.update(observations, actions, following)
