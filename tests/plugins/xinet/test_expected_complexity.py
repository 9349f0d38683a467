"""Tests for expected_complexity.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sb3_prune_xinet.expected_complexity import (
    Cost,
    Features,
    deploy_and_train,
    extractor_complexity,
    first_layer,
    network,
)
from torch import Tensor, nn

from sb3_prune.exceptions import ConfigError

some = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)


def vector(sums: Sequence[float]) -> Tensor:
    return torch.tensor(sums, dtype=torch.float64)


# The paper's Table 4.

SIZES = {
    "HalfCheetah": (17, 6),
    "Ant": (111, 8),
    "Hopper": (11, 3),
    "Walker2d": (17, 6),
}
WIDTHS = {
    "SAC": (0, 256),
    "SAC-Big": (0, 1024),
    "OFE": (32, 256),
    "OFE-Big": (128, 512),
}
TABLE_4 = {
    "SAC": [(74, 289), (100, 389), (71, 280), (74, 289)],
    "SAC-Big": [(1081, 4300), (1182, 4695), (1069, 4264), (1081, 4301)],
    "OFE": [(174, 821), (187, 799), (139, 651), (143, 663)],
    "OFE-Big": [(1286, 6276), (1057, 5114), (924, 4573), (934, 4613)],
}
# On HalfCheetah OFE-Big agrees to 0.01 % without C_pred, elsewhere with it.
COUNT_PREDICTION = {("OFE-Big", env) for env in ("Ant", "Hopper", "Walker2d")}
cells = pytest.mark.parametrize(
    ("method", "env", "thousands"),
    [(m, e, c) for m, row in TABLE_4.items() for e, c in zip(SIZES, row, strict=True)],
)


def agent_of_table_4(method: str, env: str, dtype: torch.dtype = torch.float64) -> Cost:
    observation, action = SIZES[env]
    block, hidden = WIDTHS[method]
    blocks = 0 if block == 0 else 8 if env == "HalfCheetah" else 6
    sums = torch.full((blocks,), float(block), dtype=dtype)
    layers = torch.full((2,), float(hidden), dtype=dtype)
    return deploy_and_train(
        Features(observation=observation, action=action, predicted=observation),
        sums,
        sums,
        acting=[(layers, 2 * action)],  # the mean and the log standard deviation
        state=[(layers, 1)],
        action=[(layers, 1)] * 2,
        prediction=(method, env) in COUNT_PREDICTION,
    )


@cells
def test_table_4(method: str, env: str, thousands: tuple[int, int]) -> None:
    cost = agent_of_table_4(method, env)
    expected = vector(thousands) * 1000
    assert torch.stack([cost.deploy, cost.train]) == pytest.approx(expected, rel=0.015)


def test_single_precision_counts_the_largest_agent_exactly() -> None:
    cost = agent_of_table_4("OFE-Big", "HalfCheetah", torch.float32)
    assert cost.deploy.dtype == torch.float32
    assert (cost.deploy, cost.train) == (1_285_268, 6_275_919)


def test_ratios_are_those_of_table_3() -> None:
    ofe = agent_of_table_4("OFE", "HalfCheetah")
    assert ofe.percent_of(ofe) == (100.0, 100.0)
    big = agent_of_table_4("OFE-Big", "HalfCheetah").percent_of(ofe)
    assert big == pytest.approx((739, 765), abs=0.6)
    sac = agent_of_table_4("SAC", "HalfCheetah").percent_of(ofe)
    assert sac == pytest.approx((42, 35), abs=0.6)


# Counts by hand: thetas of 0 and 1, and the layers that they leave.

thetas = st.lists(st.lists(st.integers(0, 1), max_size=6), max_size=4)
sizes = st.integers(1, 7)
empty_layers = pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")


def open_units(layers: list[list[int]]) -> list[int]:
    return [sum(theta) for theta in layers]


def count(modules: Sequence[nn.Module]) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def dense_layers(inputs: int, units: list[int], normalised: bool) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for outputs in units:
        layers.append(nn.Linear(inputs, outputs))
        layers.append(nn.ParameterList([torch.ones(inputs)]))  # the diagonal V
        layers += [nn.BatchNorm1d(outputs)] * normalised
        inputs += outputs
    return layers


def linear_layers(inputs: int, units: list[int], outputs: int) -> list[nn.Module]:
    widths = [inputs, *units, outputs]
    return [nn.Linear(i, o) for i, o in pairwise(widths)]


@empty_layers
@some
@given(st.tuples(*[thetas] * 4), st.tuples(*[sizes] * 3), st.booleans())
def test_settled_gates_give_the_number_of_parameters(
    gates: Any, dimensions: Any, normalised: bool
) -> None:
    o, oa, pi, q = map(open_units, gates)
    d_o, d_a, d_p = dimensions
    z_o, z_oa = d_o + sum(o), d_o + sum(o) + d_a + sum(oa)
    phi_o = dense_layers(d_o, o, normalised)
    phi_oa = dense_layers(z_o + d_a, oa, normalised)
    f_pred = [nn.Linear(z_oa, d_p)]
    policy, value = linear_layers(z_o, pi, 2 * d_a), linear_layers(z_o, q, 1)
    q_networks = linear_layers(z_oa, q, 1) + linear_layers(z_oa, pi, 1)

    per_unit = 3 if normalised else 1
    sized = Features(observation=d_o, action=d_a, predicted=d_p, per_unit=per_unit)
    o, oa, pi, q = map(vector, (o, oa, pi, q))
    assert sized.state_width(o) == z_o
    assert sized.action_width(o, oa) == z_oa
    assert sized.state_branch(o) == count(phi_o)
    assert sized.action_branch(o, oa) == count(phi_oa)
    assert sized.prediction(o, oa) == count(f_pred)
    assert network(z_o, pi, 2 * d_a) == count(policy)
    for prediction in (False, True):
        cost = deploy_and_train(
            sized,
            o,
            oa,
            acting=[(pi, 2 * d_a)],
            state=[(q, 1)],
            action=[(q, 1), (pi, 1)],
            prediction=prediction,
        )
        deployed = count(phi_o + policy)
        learning = count(phi_oa + value + q_networks + f_pred * prediction)
        assert cost.deploy == deployed
        assert cost.train == deployed + learning


@empty_layers
@some
@given(thetas, thetas, sizes, sizes, st.lists(sizes, min_size=4, max_size=4))
def test_the_extractor_is_charged_with_every_first_layer(
    o: Any, oa: Any, d_o: int, d_a: int, first: list[int]
) -> None:
    o, oa = open_units(o), open_units(oa)
    z_o, z_oa = d_o + sum(o), d_o + sum(o) + d_a + sum(oa)
    layers = dense_layers(d_o, o, True) + dense_layers(z_o + d_a, oa, True)
    layers += [nn.Linear(z_oa, d_o)]
    layers += [nn.Linear(z_o, n) for n in first[:2]]
    layers += [nn.Linear(z_oa, n) for n in first[2:]]
    sized = Features(observation=d_o, action=d_a, predicted=d_o)
    found = extractor_complexity(
        sized,
        vector(o),
        vector(oa),
        acting_first=first[0],
        other_state_first=first[1],
        action_first=sum(first[2:]),
        rho=1.0,
    )
    assert found == count(layers)


def test_without_an_action_branch_the_prediction_reads_the_state_features() -> None:
    ppo = Features(observation=5, action=0, predicted=4)
    o, none = vector([2, 3]), vector([])
    assert ppo.prediction(o, none) == (1 + 10) * 4
    assert ppo.action_branch(o, none) == 0
    found = extractor_complexity(
        ppo, o, none, acting_first=7.0, other_state_first=6.0, rho=0.5
    )
    assert found == ppo.state_branch(o) + 11 * 7 + 0.5 * 11 * (6 + 4)


# Gradients.

sums = st.floats(0, 64)
blocks = st.lists(sums, max_size=5).map(vector)
scalars = sums.map(lambda value: torch.tensor(value, dtype=torch.float64))
points = st.tuples(blocks, blocks, blocks, scalars)
features = st.builds(
    Features,
    observation=sizes,
    action=sizes,
    predicted=sizes,
    per_unit=st.sampled_from([1, 3]),
)
rhos = st.floats(0, 1)
Terms = dict[str, Callable[..., Tensor]]


def terms(sized: Features, rho: float) -> Terms:
    """Return every complexity as a function of o, oa, hidden sums and a first sum."""

    def agent(o: Tensor, oa: Tensor, x: Tensor) -> Cost:
        every = {"acting": [(x, 2)], "state": [(x, 1)], "action": [(x, 1)]}
        return deploy_and_train(sized, o, oa, **every, prediction=True)

    return {
        "state_width": lambda o, oa, x, n: sized.state_width(o),
        "action_width": lambda o, oa, x, n: sized.action_width(o, oa),
        "state_branch": lambda o, oa, x, n: sized.state_branch(o),
        "action_branch": lambda o, oa, x, n: sized.action_branch(o, oa),
        "prediction": lambda o, oa, x, n: sized.prediction(o, oa),
        "first_layer": lambda o, oa, x, n: first_layer(sized.state_width(o), n),
        "network": lambda o, oa, x, n: network(sized.action_width(o, oa), x, 3),
        "extractor": lambda o, oa, x, n: charged(sized, o, oa, (n, 2 * n, 3 * n), rho),
        "deploy": lambda o, oa, x, n: agent(o, oa, x).deploy,
        "train": lambda o, oa, x, n: agent(o, oa, x).train,
    }


def charged(sized: Features, o: Tensor, oa: Tensor, first: Any, rho: float) -> Tensor:
    acting, state, action = first
    return extractor_complexity(
        sized,
        o,
        oa,
        acting_first=acting,
        other_state_first=state,
        action_first=action,
        rho=rho,
    )


def gradients(value: Callable[..., Tensor], at: Sequence[Tensor]) -> Tensor:
    leaves = [x.clone().requires_grad_() for x in at]
    found = torch.autograd.grad(value(*leaves), leaves, materialize_grads=True)
    return torch.cat([g.flatten() for g in found])


def differences(value: Callable[..., Tensor], at: Sequence[Tensor]) -> Tensor:
    """Return central differences; no term is cubic in one sum, so any step is exact."""
    slopes = []
    for which, x in enumerate(at):
        for unit in torch.eye(x.numel(), dtype=x.dtype).reshape(x.numel(), *x.shape):
            up, down = list(at), list(at)
            up[which], down[which] = x + unit, x - unit
            slopes.append((value(*up) - value(*down)) / 2)
    return torch.stack(slopes)


some_features = Features(observation=1, action=1, predicted=1)
every_term = pytest.mark.parametrize("name", terms(some_features, 0.0))


@pytest.mark.slow
@every_term
@some
@given(features, rhos, points)
def test_gradients_equal_finite_differences(
    name: str, sized: Features, rho: float, at: Any
) -> None:
    value = terms(sized, rho)[name]
    torch.testing.assert_close(gradients(value, at), differences(value, at))


@every_term
@some
@given(features, rhos, points)
def test_no_theta_makes_an_agent_cheaper(
    name: str, sized: Features, rho: float, at: Any
) -> None:
    value = terms(sized, rho)[name]
    assert (gradients(value, at) >= 0).all()
    assert value(*(x + 0.5 for x in at)) >= value(*at)


# The closed forms: what each equation multiplies |theta_l| with.


firsts = st.tuples(scalars, scalars, scalars)
charges = st.tuples(features, blocks, blocks, firsts, rhos)


@some
@given(charges)
def test_the_extractor_is_equation_27(at: Any) -> None:
    sized, o, oa, first, rho = at
    acting, state, action = first
    z_o, z_oa = sized.state_width(o), sized.action_width(o, oa)
    learning = sized.action_branch(o, oa) + sized.prediction(o, oa)
    learning = learning + first_layer(z_o, state) + first_layer(z_oa, action)
    deployed = sized.state_branch(o) + first_layer(z_o, acting)
    found = charged(sized, o, oa, first, rho)
    torch.testing.assert_close(found, deployed + rho * learning)
    torch.testing.assert_close(charged(sized, o, oa, first, 0.0), deployed)


def earlier(sums: Tensor) -> Tensor:
    return torch.ones(len(sums), len(sums)).tril(-1).to(sums) @ sums


def later(sums: Tensor) -> Tensor:
    return torch.ones(len(sums), len(sums)).triu(1).to(sums) @ sums


def equation_28(
    sized: Features, o: Tensor, oa: Tensor, first: Any, rho: float
) -> Tensor:
    acting, state, action = first
    constant = sized.observation + rho * sized.predicted + sized.per_unit
    readers = acting + rho * (state + action)  # the print omits the action networks
    diagonals = later(torch.ones_like(o)) + rho * len(oa)
    return constant + earlier(o) + diagonals + readers


def equation_29(
    sized: Features, o: Tensor, oa: Tensor, first: Any, rho: float
) -> Tensor:
    inputs = sized.observation + o.sum() + sized.action + earlier(oa)
    rest = later(torch.ones_like(oa)) + sized.per_unit + sized.predicted + first[2]
    return rho * (inputs + rest)


@some
@given(charges)
def test_equations_28_and_29_rearrange_the_extractor(at: Any) -> None:
    sized, o, oa, first, rho = at
    nothing = charged(sized, o * 0, oa * 0, first, rho)
    products = o @ equation_28(*at) + oa @ equation_29(*at)
    torch.testing.assert_close(charged(*at), nothing + products)


@some
@given(charges)
def test_the_extractor_gradient_adds_the_other_end_of_each_product(at: Any) -> None:
    sized, o, oa, first, rho = at
    # |theta_i| |theta_l| stands in one of the equations only, but has two slopes.
    state = equation_28(*at) + later(o) + rho * oa.sum()
    action = equation_29(*at) + rho * later(oa)
    found = gradients(lambda o, oa: charged(sized, o, oa, first, rho), (o, oa))
    torch.testing.assert_close(found, torch.cat([state, action]))


@some
@given(sizes, st.lists(sums, min_size=1, max_size=4).map(vector), sizes)
def test_equation_32_rearranges_a_network(d_x: int, hidden: Any, outputs: int) -> None:
    factors = 1 + torch.cat([vector([d_x]), hidden[:-1]])
    factors[-1] += outputs
    value = network(d_x, hidden, outputs)
    torch.testing.assert_close(value, outputs + hidden @ factors)
    factors[:-1] += hidden[1:]
    slopes = gradients(lambda x: network(d_x, x, outputs), [hidden])
    torch.testing.assert_close(slopes, factors)


# Mistakes.


@pytest.mark.parametrize("name", ["observation", "action", "predicted", "per_unit"])
def test_a_size_out_of_range_is_refused(name: str) -> None:
    known = {"observation": 3, "action": 2, "predicted": 3}
    with pytest.raises(ConfigError, match=rf"{name} = -1: expected at least [01]"):
        Features(**{**known, name: -1})


@pytest.mark.parametrize("rho", [-0.1, 1.5, float("nan")])
def test_a_weight_out_of_range_is_refused(rho: float) -> None:
    with pytest.raises(ConfigError, match=rf"rho = {rho}: expected .* 0 to 1"):
        charged(some_features, vector([1]), vector([1]), (1, 1, 1), rho)


@pytest.mark.parametrize("name", ["o", "oa"])
@pytest.mark.parametrize(
    ("wrong", "found"),
    [(torch.ones(2, 2), r"float32 of shape \(2, 2\)"), (torch.tensor([3]), "int64")],
)
def test_sums_that_are_no_float_vector_are_refused(
    name: str, wrong: Tensor, found: str
) -> None:
    at = {"o": vector([1]), "oa": vector([1]), name: wrong}
    match = rf"^{name} is .*{found}.*: expected floats"
    with pytest.raises(ConfigError, match=match):
        some_features.action_width(**at)
    with pytest.raises(ConfigError, match=match):
        extractor_complexity(some_features, **at, acting_first=1.0, rho=1.0)
    with pytest.raises(ConfigError, match=rf"hidden is .*{found}"):
        network(3, wrong, 1)


def test_blocks_of_an_absent_action_branch_are_refused() -> None:
    ppo = Features(observation=3, action=0, predicted=3)
    with pytest.raises(ConfigError, match="oa has 2 blocks: expected 0, as action = 0"):
        charged(ppo, vector([1]), vector([1, 2]), (1, 1, 1), 1.0)
