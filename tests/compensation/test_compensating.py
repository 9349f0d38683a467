"""Tests for compensation/compensating.py: single layers and what is special there."""

from __future__ import annotations

import threading
from typing import Any

import laws
import pytest
import torch
import zoo
from cutting import make_constant
from extracted import A, extracted
from torch import nn

import sb3_prune as sp
from compensation.made import echo, inputs_of
from sb3_prune.compensation import compensate
from sb3_prune.compensation.compensating import ENOUGH, FEWEST
from sb3_prune.exceptions import (
    NonFiniteError,
    NoObservationsError,
    PlanError,
    UnknownNameError,
    UnsupportedPolicyError,
)
from sb3_prune.recording.samples import part, sample_activations
from sb3_prune.surgery import add, keep, merge, remove, reset
from sb3_prune.surgery.comparison import moved, outputs
from sb3_prune.surgery.flow.slots import Side

HALF = keep(range(0, 12, 2), 12)


def plain(net: Any, x: torch.Tensor) -> torch.Tensor:
    return net.b(net.a(x).relu())


def far(policy: nn.Module, before: Any) -> float:
    return max(moved(before, outputs(policy)).values())


# What is refused.


@pytest.mark.parametrize("count", [1, 19, FEWEST])
def test_too_few_observations_are_refused_by_name_and_number(count: int) -> None:
    model = zoo.trained("SAC")
    before = zoo.snapshot(model.policy)
    plan = {"critic.qf1.0": remove([0], 12)}
    needed = max(FEWEST, ENOUGH * 11)
    why = rf"'critic\.qf1\.0' to 11 units takes {needed} samples, there are {count}"
    with pytest.raises(NoObservationsError, match=why):
        compensate(model, plan, inputs_of(model, count))
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)
    compensate(model, plan, inputs_of(model, needed))


def test_no_observation_at_all_is_refused() -> None:
    model = zoo.trained("SAC")
    nothing = part(inputs_of(model, 3), slice(0))
    with pytest.raises(NoObservationsError):
        compensate(model, {"critic.qf1.0": remove([0], 12)}, nothing)


def not_finite_weight(model: Any) -> None:
    model.policy.actor.mu[0].weight.data[0, 0] = torch.nan


def infinite_activation(model: Any) -> None:
    model.policy.actor.mu[0].bias.data[3] = 3e38
    model.policy.actor.mu[0].weight.data[3] = 3e38


@pytest.mark.parametrize("spoil", [not_finite_weight, infinite_activation])
def test_what_is_not_finite_is_refused(spoil: Any) -> None:
    model = zoo.make_model("TD3")
    spoil(model)
    before = zoo.snapshot(model.policy)
    with pytest.raises(NonFiniteError):
        compensate(model, {"actor.mu.0": remove([0], 12)}, inputs_of(model))
    found = zoo.snapshot(model.policy)
    assert spoil is not_finite_weight or zoo.equal(found, before)


def test_observations_that_are_not_finite_are_refused() -> None:
    model = zoo.trained("SAC")
    inputs = inputs_of(model)
    inputs.observations[7, 1] = torch.nan
    with pytest.raises(NonFiniteError, match="observations to record on are NaN"):
        compensate(model, {"actor.latent_pi.0": remove([0], 12)}, inputs)


@pytest.mark.parametrize(
    ("plan", "error", "why"),
    [
        ({"actor.latent_pi.0": remove([0], 13)}, PlanError, "expects 13 units"),
        ({"actor.latent_pi.1": remove([0], 12)}, UnknownNameError, "latent_pi.1"),
    ],
)
def test_a_plan_for_another_network_is_refused(plan: Any, error: Any, why: str) -> None:
    model = zoo.trained("SAC")
    with pytest.raises(error, match=why):
        compensate(model, plan, inputs_of(model))


def test_a_policy_that_mixes_units_must_be_copied() -> None:
    model = extracted(lambda net, x: net.b(net.n(net.a(x)).relu()), with_norm)
    compensate(model, {A: HALF}, inputs_of(model))
    model.policy.lock = threading.Lock()
    with pytest.raises(UnsupportedPolicyError, match=r"cannot be copied .*compensate"):
        compensate(model, {A: HALF}, inputs_of(model))


# What is left plain.


def by_own_norm(net: Any, x: torch.Tensor) -> torch.Tensor:
    return net.b((net.a(x) / (1 + net.a.weight.norm(dim=1))).relu())


def tied(net: Any, x: torch.Tensor) -> torch.Tensor:
    code = net.a(x).relu()
    return net.b2(torch.tanh(code @ net.a.weight))


def with_second(net: Any) -> None:
    net.b2 = nn.Linear(4, 8)
    del net.b


def computed(net: Any, x: torch.Tensor) -> torch.Tensor:
    return nn.functional.linear(net.a(x).relu(), net.b.weight * 2.0, net.b.bias)


PLAIN = {
    "also used by itself": (by_own_norm, None, HALF),
    "both makes and reads": (tied, with_second, HALF),
    "a computed weight reads": (computed, None, HALF),
    "more than remove or merge": (plain, None, reset([1], 12, 0)),
    "does more than remove": (plain, None, add(2, 12)),
}


@pytest.mark.slow
@pytest.mark.parametrize("why", PLAIN)
def test_a_layer_that_cannot_be_fitted_is_left_plain_with_the_reason(why: str) -> None:
    run, build, change = PLAIN[why]
    model = extracted(run, build)
    width = {name: la.units for name, la in sp.wire(model).items()}
    other = next(name for name in width if name != A)
    plan = {A: change, other: remove([0, 1], width[other])}
    made, found = compensate(model, plan, inputs_of(model))
    assert made[A] is change and why in found.plain[A]
    assert found.fits.keys() == {other} and not made[other].selection
    sp.apply(model, made)
    zoo.train_on(model)


def test_a_layer_that_no_forward_shows_is_left_plain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sb3_prune.recording import activations

    model = zoo.trained("SAC")
    calls = activations._calls
    only_actor = lambda *given: list(calls(*given))[:1]  # noqa: E731
    monkeypatch.setattr(activations, "_calls", only_actor)
    plan = zoo.random_plan(model.policy)
    made, found = compensate(model, plan, inputs_of(model))
    assert set(found.fits) == {n for n in plan if n.startswith("actor")}
    assert all("no forward" in found.plain[n] for n in plan if "critic" in n)
    assert all(made[n] is plan[n] for n in plan if "critic" in n)


# Readers' biases.


def without_bias(net: Any) -> None:
    net.b = nn.Linear(12, 8, bias=False)


def shared_bias(net: Any, x: torch.Tensor) -> torch.Tensor:
    return plain(net, x).tanh() + net.b.bias


def scaled_addmm(net: Any, x: torch.Tensor) -> torch.Tensor:
    weight = net.b.weight.t()
    return torch.addmm(net.b.bias, net.a(x).relu(), weight, beta=0.5, alpha=2.0)


BARE = {
    "no bias": (plain, without_bias),
    "used elsewhere": (shared_bias, None),
    "addmm scales": (scaled_addmm, None),
}


@pytest.mark.parametrize("why", BARE)
def test_without_a_bias_of_its_own_there_is_no_intercept(why: str) -> None:
    model = extracted(*BARE[why])
    layer = sp.wire(model)[A]
    assert layer.unshiftable is not None and why in layer.unshiftable
    echo(layer, range(6), range(6, 12), torch.linspace(0.5, 2, 6))
    before = outputs(model.policy)
    made, found = compensate(model, {A: remove(range(6, 12), 12)}, inputs_of(model))
    assert not made[A].shifts.any() and not found.plain
    sp.apply(model, made)
    assert far(model.policy, before) < 1e-5


def test_channels_that_padding_surrounds_have_no_intercept() -> None:
    def build(net: Any) -> None:
        net.a, net.b = nn.Conv1d(1, 12, 2), nn.Conv1d(12, 4, 2, padding=1)

    def run(net: Any, x: torch.Tensor) -> torch.Tensor:
        return net.b(net.a(x[:, None]).relu()).flatten(1)

    model = extracted(run, build, out=16)
    made, found = compensate(model, {A: HALF}, inputs_of(model, 50))
    assert not made[A].shifts.any() and found.fits[A].samples == 50 * 3


# What kinds of layers are fitted.


def with_norm(net: Any) -> None:
    net.n = nn.LayerNorm(12)


def normed(net: Any, x: torch.Tensor) -> torch.Tensor:
    return net.b(net.n(net.a(x)).relu())


def softmaxed(net: Any, x: torch.Tensor) -> torch.Tensor:
    return net.b(net.a(x).softmax(-1))


@pytest.mark.parametrize(("run", "build"), [(normed, with_norm), (softmaxed, None)])
def test_units_that_mix_are_fitted_by_what_a_cut_network_says(
    run: Any, build: Any
) -> None:
    model, inputs = extracted(run, build), None
    assert sp.wire(model)[A].mixes
    inputs = inputs_of(model, 400)
    made, _ = compensate(model, {A: HALF}, inputs)
    old = sample_activations(model.policy, inputs, [A])[A].double()
    twin = zoo.copy_policy(model)
    sp.apply(twin, {A: HALF})
    new = sample_activations(twin, inputs, [A])[A].double()
    assert float((new - old[:, HALF.kept]).abs().max()) > 1e-3
    missing = (old - new @ made[A].columns.T - made[A].shifts).square().mean(0)
    by_plain = (old - new @ HALF.columns.double().T).square().mean(0)
    assert bool((missing <= by_plain + 1e-9).all())
    assert float(missing.sum()) < 0.5 * float(by_plain.sum())


def test_positions_are_samples_and_blocks_of_a_linear_follow() -> None:
    """Each channel is read at every position by weights of its own."""

    def build(net: Any) -> None:
        net.a, net.b = nn.Conv1d(1, 12, 2), nn.Linear(36, 8)

    def run(net: Any, x: torch.Tensor) -> torch.Tensor:
        return net.b(net.a(x[:, None]).relu().flatten(1))

    model = extracted(run, build)
    slot = sp.wire(model)[A].readers[0]
    assert slot.owner is model.policy.features_extractor.b and slot.block == 3
    made, found = compensate(model, {A: HALF}, inputs_of(model, 60))
    assert found.fits[A].samples == 60 * 3
    old = slot.tensor.detach().reshape(8, 12, 3).double()
    sp.apply(model, made)
    expected = torch.einsum("okb,kc->ocb", old, made[A].columns)
    new = slot.tensor.detach().reshape(8, 6, 3).double()
    torch.testing.assert_close(new, expected, atol=1e-6, rtol=1e-5)


def test_shifts_go_into_the_biases_by_the_old_weights() -> None:
    model = zoo.train(zoo.make_model("SAC", policy_kwargs={"activation_fn": nn.Tanh}))
    actor = model.policy.actor
    weight, bias = actor.mu.weight.detach().clone(), actor.mu.bias.detach().clone()
    plan = {"actor.latent_pi.2": remove([0, 3], 10)}
    made, _ = compensate(model, plan, inputs_of(model))
    sp.apply(model, made)
    change = made["actor.latent_pi.2"]
    expected = bias + weight @ change.shifts.float()
    torch.testing.assert_close(actor.mu.bias.detach(), expected)
    torch.testing.assert_close(
        actor.mu.weight.detach(), weight @ change.columns.float()
    )
    assert change.shifts.any() and change.kept is not None
    assert change.kept.tolist() == [1, 2, 4, 5, 6, 7, 8, 9]


@pytest.mark.slow
@pytest.mark.parametrize("expln", [False, True])
@pytest.mark.parametrize("name", ["SAC", "PPO", "TRPO"])
def test_the_noise_of_units_that_stay_stays(name: str, expln: bool) -> None:
    kwargs = {"use_expln": expln, "log_std_init": -1.0}
    env = zoo.make_env("TRPO")
    model = zoo.make_model(name, env=env, use_sde=True, policy_kwargs=kwargs)
    zoo.train(model)
    layers = {
        n: la
        for n, la in sp.wire(model).items()
        if any(slot.side is Side.NOISE for slot in la.readers)
    }
    (noisy,) = layers.values()
    slot = next(slot for slot in noisy.readers if slot.side is Side.NOISE)
    owner = slot.owner
    before = slot.tensor.detach().clone()
    plan = {noisy.name: remove([1, 2, 7], noisy.units)}
    made, found = compensate(model, plan, inputs_of(model))
    assert found.fits.keys() == plan.keys() and made[noisy.name].selection is None
    sp.apply(model, made)
    kept = made[noisy.name].kept
    assert torch.equal(owner.get_parameter("log_std"), before[kept])
    laws.assert_learning_goes_on(model)


def test_closed_gates_stay_closed_while_layers_are_fitted() -> None:
    """What a closed unit would say is nothing that anyone hears."""
    model, same = (zoo.train(zoo.make_model("SAC", seed=3)) for _ in range(2))
    wiring = sp.wire(model)
    closed = {n: remove([0, 1], la.units) for n, la in wiring.items()}
    sp.mask(model, closed)
    sp.apply(same, closed)
    plan = {n: remove([0, 1, 2, 5], la.units) for n, la in wiring.items()}
    rest = {n: remove([0, 3], la.units) for n, la in sp.wire(same).items()}
    inputs = inputs_of(model)
    for one, changes in ((model, plan), (same, rest)):
        made, found = compensate(one, changes, inputs)
        assert not found.plain
        sp.apply(one, made)
    zoo.assert_close(laws.says(model.policy), laws.says(same.policy), 1e-5)


def test_a_closed_unit_that_stays_takes_nothing_over() -> None:
    model = zoo.train(zoo.make_model("SAC"))
    name = "actor.latent_pi.0"
    sp.mask(model, {name: remove([4], 12)})
    made, _ = compensate(model, {name: remove([0, 1], 12)}, inputs_of(model))
    column = made[name].columns[:, 2].float()
    torch.testing.assert_close(column, torch.eye(12)[4], atol=1e-9, rtol=0)


def test_merged_units_are_fitted_from_their_means() -> None:
    model = zoo.make_model("SAC", policy_kwargs={"activation_fn": nn.Tanh})
    pairs = [[k, k + 1] for k in range(0, 12, 2)]
    name, inputs = "actor.latent_pi.0", inputs_of(model, 500)
    before = outputs(model.policy)
    distances = []
    for compensated in (False, True):
        twin = zoo.make_model("SAC", policy_kwargs={"activation_fn": nn.Tanh})
        plan: Any = {name: merge(pairs, 12)}
        if compensated:
            plan, found = compensate(twin, plan, inputs)
            assert not found.plain and plan[name].kept is None
        sp.apply(twin, plan)
        distances.append(far(twin.policy, before))
    assert distances[1] < 0.7 * distances[0]


def test_constants_of_units_that_nothing_feeds_are_exact() -> None:
    model = zoo.train(zoo.make_model("TD3"))
    layer = sp.wire(model)["actor.mu.0"]
    make_constant(layer, [3, 5])
    change = remove([3, 5], 12)
    made, found = compensate(model, {layer.name: change}, inputs_of(model))
    before = outputs(model.policy)
    assert torch.equal(made[layer.name].columns.float(), change.columns)
    assert not made[layer.name].shifts.any() and found.error < 1e-6
    sp.apply(model, made)
    assert far(model.policy, before) < 1e-6


def test_the_memory_of_an_lstm_is_fitted_and_follows() -> None:
    model = zoo.train(zoo.make_model("RecurrentPPO"))
    inputs = sp.recording.recent_inputs(model)
    assert inputs.lstm_states is not None
    plan = {"lstm_actor": remove([1, 6], 8)}
    made, found = compensate(model, plan, inputs)
    assert found.fits.keys() == plan.keys() and not made["lstm_actor"].shifts.any()
    states = model._last_lstm_states.pi[0].clone()
    sp.apply(model, made)
    assert torch.equal(model._last_lstm_states.pi[0], states[..., [0, 2, 3, 4, 5, 7]])
    zoo.train_on(model)
