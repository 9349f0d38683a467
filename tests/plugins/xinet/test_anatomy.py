"""Tests for anatomy.py."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import gymnasium as gym
import numpy as np
import ofexi_zoo
import pytest
import torch
import zoo
from gymnasium import spaces
from sb3_prune_xinet.anatomy import Anatomy, complexity_terms
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

import sb3_prune as sp
from sb3_prune.networks.perceptrons import Role
from sb3_prune.surgery import HiddenLayer

from .test_expected_complexity import COUNT_PREDICTION, SIZES, TABLE_4, WIDTHS, cells

HEADS = {
    "actor.latent_pi": ["actor.mu", "actor.log_std"],
    "mlp_extractor.policy_net": ["action_net"],
    "mlp_extractor.value_net": ["value_net"],
}
"""What reads the last hidden layer of a network, if that is not part of it."""
FEATURED = [("ValueSAC", norm) for norm in ofexi_zoo.NORMS]
FEATURED += [(name, "batch") for name in ("SAC", "TD3", "TQC", "PPO")]
PLAIN = ["SAC", "ValueSAC", "TD3", "TQC", "DQN", "BranchingDQN", "PPO"]
every_agent = pytest.mark.parametrize(
    "agent", [*FEATURED, *PLAIN], ids=lambda agent: "-".join(np.atleast_1d(agent))
)


class Sized(gym.Env):  # type: ignore[type-arg]
    """An environment that has sizes and nothing else."""

    def __init__(self, observation: int, action: int) -> None:
        self.observation_space = spaces.Box(-1, 1, (observation,), np.float32)
        self.action_space = spaces.Box(-1, 1, (action,), np.float32)


@cache
def of_table_4(observation: int, action: int, blocks: int, method: str) -> Any:
    """Build the agent of a cell of Table 4."""
    units, hidden = WIDTHS[method]
    kwargs: dict[str, Any] = {"net_arch": [hidden, hidden]}
    policy: type = sp.MaskedValueSACPolicy
    if units:
        kwargs["ofe"] = {"blocks": blocks, "units": units}
        policy = sp.OFEXiValueSACPolicy
    env = Sized(observation, action)
    return sp.ValueSAC(policy, env, buffer_size=1, policy_kwargs=kwargs, device="cpu")


def built(method: str, env: str) -> Any:
    blocks = 8 if env == "HalfCheetah" and WIDTHS[method][0] else 6
    return of_table_4(*SIZES[env], blocks, method)


def copied(agent: Any) -> Any:
    """Return the policy of an agent of either zoo."""
    return zoo.copied(agent) if isinstance(agent, str) else ofexi_zoo.copied(*agent)


def count(policy: nn.Module, *paths: str) -> int:
    """Count the parameters of modules, their thetas left out."""
    named = [p for path in paths for p in policy.get_submodule(path).named_parameters()]
    return sum(p.numel() for name, p in named if not name.endswith("theta"))


def counted(policy: Any) -> dict[str, int]:
    """Count every term in the modules."""
    anatomy = Anatomy(policy)
    networks = anatomy.networks | anatomy.linear_networks
    counts = {f"C_{n}": count(policy, n, *HEADS.get(n, [])) for n in networks}
    acting = [f"C_{n}" for n, network in networks.items() if network.role.acts]
    total, deploy = sum(counts.values()), sum(counts[name] for name in acting)
    if not hasattr(policy, "ofe"):
        return {**counts, "d": deploy, "t": total}
    parts = {"C_o": "ofe.phi_o", "C_oa": "ofe.phi_oa", "C_pred": "ofe.f_pred"}
    if policy.ofe.phi_oa is None:
        parts.pop("C_oa")
    ofe = {name: count(policy, path) for name, path in parts.items()}
    d, t = deploy + ofe["C_o"], total + sum(ofe.values())
    return {"C_oa": 0, **counts, **ofe, "d": d, "t": t}


def estimated(policy: Any) -> dict[str, float]:
    """Return every term but C_OFE, which no module holds."""
    terms = Anatomy(policy).terms()
    return {name: float(c) for name, c in terms.items() if name != "C_OFE"}


def let_go(layer: HiddenLayer, draw: np.random.Generator) -> list[int]:
    """Draw thetas of 0 and 1, at least one 1; return which are 0."""
    theta = torch.as_tensor(draw.integers(0, 2, layer.units), dtype=torch.float32)
    theta[int(draw.integers(layer.units))] = 1.0
    for twin in layer.with_targets():
        assert twin.gate is not None
        twin.gate.learn(twin.like)
        twin.gate.theta.data = theta.clone()  # type: ignore[union-attr]
    return (theta == 0).nonzero().flatten().tolist()


@pytest.mark.slow
@cells
def test_table_4_in_built_networks(
    method: str, env: str, thousands: tuple[int, int]
) -> None:
    model = built(method, env)
    counts, prediction = counted(model.policy), (method, env) in COUNT_PREDICTION
    train = counts["t"] - (0 if prediction else counts.get("C_pred", 0))
    assert counts["d"] == pytest.approx(thousands[0] * 1000, rel=0.015)
    assert train == pytest.approx(thousands[1] * 1000, rel=0.015)
    cost = Anatomy(model.policy).cost(prediction=prediction)
    assert (cost.deploy, cost.train) == (counts["d"], train)
    complexity = sp.complexity(model)
    assert (complexity.params_deploy, complexity.params_train) == (
        counts["d"],
        counts["t"],
    )


def test_all_of_table_4_is_there() -> None:
    assert sum(len(row) * 2 for row in TABLE_4.values()) == 32


@pytest.mark.slow
@every_agent
@pytest.mark.parametrize("seed", [0, 1])
def test_settled_thetas_count_what_is_left_without_the_zeros(
    agent: Any, seed: int
) -> None:
    policy, draw = copied(agent), np.random.default_rng(seed)
    full, plan = counted(policy), {}
    assert estimated(policy) == full
    for name, layer in sp.wire(policy).items():
        plan[name] = sp.surgery.remove(let_go(layer, draw), layer.units)
    before = estimated(policy)
    sp.apply(policy, sp.Plan(plan))
    assert before == counted(policy) == estimated(policy)
    assert before["d"] < full["d"]


@pytest.mark.slow
@every_agent
def test_complexity_and_anatomy_agree_before_and_after_cuts(agent: Any) -> None:
    policy = copied(agent)
    # A continuous PPO has one deviation per action that belongs to no layer.
    free = getattr(policy, "log_std", torch.empty(0)).numel()
    for seed in range(3):
        cost, found = Anatomy(policy).cost(), sp.complexity(policy)
        expected = (cost.deploy + free, cost.train + free)
        assert (found.params_deploy, found.params_train) == expected
        layers = sp.wire(policy).items()
        wide = {name: layer.units for name, layer in layers if layer.units > 1}
        rng = np.random.default_rng(seed)
        plan = {
            n: sp.surgery.remove([int(rng.integers(k))], k) for n, k in wide.items()
        }
        sp.apply(policy, sp.Plan(plan))


@pytest.mark.slow
@every_agent
@pytest.mark.parametrize("rho", [0.0, 0.3, 1.0])
def test_gradients_are_finite_differences(agent: Any, rho: float) -> None:
    policy = copied(agent).double()
    ofexi_zoo.learn_thetas(policy)
    anatomy = Anatomy(policy)
    assert all(0 < la.expected_units < la.units for la in anatomy.layers)
    found = slopes(anatomy, rho)
    for i, layer in enumerate(anatomy.layers):
        for unit in (0, layer.units - 1):
            for name, expected in differences(anatomy, rho, layer, unit).items():
                assert expected == pytest.approx(float(found[name][i]), abs=1e-9)


def slopes(anatomy: Anatomy, rho: float) -> dict[str, torch.Tensor]:
    """Return the gradients of the terms: that of |theta| is that of every theta."""
    sums = anatomy.sums().requires_grad_()
    return {
        name: torch.autograd.grad(term, sums, retain_graph=True)[0]
        for name, term in anatomy.terms(rho, sums).items()
    }


def differences(
    anatomy: Anatomy, rho: float, layer: HiddenLayer, unit: int, step: float = 1e-3
) -> dict[str, float]:
    """Return the central differences, exact for what is quadratic in one theta."""
    assert layer.gate is not None
    assert layer.gate.theta is not None
    theta = layer.gate.theta.data[unit : unit + 1]
    theta += step
    above = anatomy.terms(rho)
    theta -= 2 * step
    below = anatomy.terms(rho)
    theta += step
    return {name: float(above[name] - below[name]) / (2 * step) for name in above}


def test_the_extractor_is_charged_as_equation_27_says() -> None:
    terms = complexity_terms(ofexi_zoo.trained("ValueSAC"), rho=0.25)
    d_o, d_a, units = 3, 1, 3 * 6
    z_o, z_oa = d_o + units, d_o + d_a + 2 * units
    first = zoo.ARCH[0]
    later = terms["C_oa"] + terms["C_pred"] + first * (1 + z_o + 2 * (1 + z_oa))
    expected = terms["C_o"] + first * (1 + z_o) + 0.25 * later
    assert terms["C_OFE"] == pytest.approx(expected, abs=1e-6)


def test_without_an_extractor_nothing_is_charged_for_it() -> None:
    anatomy = Anatomy(zoo.trained("SAC").policy)
    assert anatomy.features is None
    assert anatomy.blocks == ()
    assert anatomy.extractor_complexity() == 0
    assert list(complexity_terms(zoo.trained("DQN"))) == ["C_q_net.q_net", "d", "t"]


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        (
            "ValueSAC",
            {
                "actor": Role.POLICY,
                "critic": Role.ACTION_VALUE,
                "value": Role.STATE_VALUE,
            },
        ),
        ("TD3", {"actor": Role.POLICY, "critic": Role.ACTION_VALUE}),
        ("DQN", {"q_net": Role.Q_VALUES}),
        ("QRDQN", {"quantile_net": Role.Q_VALUES}),
        ("BranchingDQN", {"q_net": Role.Q_VALUES}),
    ],
)
def test_every_network_has_its_role(name: str, roles: dict[str, Role]) -> None:
    networks = Anatomy(zoo.trained(name).policy).networks.values()
    found = {network.name.partition(".")[0]: network.role for network in networks}
    assert found == roles


def test_both_halves_of_an_actor_critic_have_their_roles() -> None:
    policy_net, value_net = Anatomy(zoo.trained("PPO").policy).networks.values()
    assert (policy_net.role, value_net.role) == (Role.POLICY, Role.STATE_VALUE)


@pytest.mark.slow
@pytest.mark.parametrize("acting", [[], [8]], ids=["head", "hidden"])
@pytest.mark.parametrize("valuing", [[], [8]], ids=["head", "hidden"])
@every_agent
def test_networks_without_hidden_layers_count(
    agent: Any, acting: list[int], valuing: list[int]
) -> None:
    policy = shaped(agent, acting, valuing).policy
    assert estimated(policy) == counted(policy)
    for name, network in Anatomy(policy).linear_networks.items():
        assert name not in Anatomy(policy).networks
        assert (network.layers, network.gates()) == ((), [])


def shaped(agent: Any, acting: list[int], valuing: list[int]) -> Any:
    """Make an agent of either zoo whose networks have these hidden layers."""
    name = agent if isinstance(agent, str) else agent[0]
    values = "vf" if name == "PPO" else "qf"
    arch = acting if "DQN" in name else {"pi": acting, values: valuing}
    if isinstance(agent, str):
        return zoo.make_model(name, policy_kwargs={"net_arch": arch})
    kwargs = {"net_arch": arch}
    return ofexi_zoo.make_model(name, ofe={"norm": agent[1]}, policy_kwargs=kwargs)


@pytest.mark.parametrize(("acting", "readers"), [([], 2), ([8], 8)])
def test_the_extractor_is_charged_for_who_reads_it(
    acting: list[int], readers: int
) -> None:
    anatomy = Anatomy(shaped(("SAC", "batch"), acting, [8]).policy)
    sums = anatomy.sums().requires_grad_()
    found = anatomy.extractor_complexity(0.0, sums)
    width = 3 + 3 * 6
    assert found == anatomy.terms()["C_o"] + (1 + width) * readers
    (slopes,) = torch.autograd.grad(found, sums)
    # The last block of phi_o: its inputs, bias and norm, and the columns of readers.
    assert slopes[2] == (width - 6) + 3 + readers


def beyond(model: BaseAlgorithm) -> Sequence[float]:
    """Return the parameters to deploy and train that equation 31 does not know."""
    cost, found = Anatomy(model.policy).cost(), sp.complexity(model)
    return (
        found.params_deploy - float(cost.deploy),
        found.params_train - float(cost.train),
    )


def test_what_equation_31_does_not_know_is_left_out() -> None:
    assert beyond(zoo.trained("TRPO")) == (1, 1)  # a free deviation
    norms = [
        m for m in zoo.trained("CrossQ").policy.actor.latent_pi if hasattr(m, "eps")
    ]  # type: ignore[attr-defined,union-attr,operator]
    assert beyond(zoo.trained("CrossQ"))[0] == sum(
        p.numel() for m in norms for p in m.parameters()
    )
    assert beyond(zoo.trained("RecurrentPPO"))[0] == count(
        zoo.trained("RecurrentPPO").policy, "lstm_actor"
    )
