"""check_strategy accepts what keeps the contract and names what breaks it."""

import random
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import DQN

from sb3_prune.exceptions import PluginError
from sb3_prune.plugins import strategies
from sb3_prune.policies import MaskedDQNPolicy
from sb3_prune.strategies import AgentView, Strategy
from sb3_prune.surgery import Plan, keep, remove
from sb3_prune.testing.strategies import check_strategy, tiny_models

from .made import DropOne, Mixing


class ChangesWeights(DropOne):
    """Changes the model itself."""

    def propose(self, agent: AgentView) -> Plan:
        with torch.no_grad():
            next(iter(agent.wiring.values())).module.weight[0, 0] += 1e-6
        return Plan()


class ClosesGates(DropOne):
    """Changes a buffer of the model."""

    def attach(self, agent: AgentView) -> None:
        gate = next(iter(agent.wiring.values())).gate
        assert gate is not None
        gate.mask = torch.ones(6)


class ReturnsDict(DropOne):
    """Returns a mapping that is no plan."""

    def propose(self, agent: AgentView) -> Plan:
        return {}  # type: ignore[return-value]


class UnknownLayer(DropOne):
    """Plans for a layer that does not exist."""

    def propose(self, agent: AgentView) -> Plan:
        return Plan({"actor.9": remove([0], 2)})


class WrongWidth(DropOne):
    """Plans for the widths at the start."""

    def propose(self, agent: AgentView) -> Plan:
        return Plan({n: keep([0], k) for n, k in agent.initial_units.items()})


class LeavesNothing(DropOne):
    """Removes every unit."""

    def propose(self, agent: AgentView) -> Plan:
        return Plan({n: keep([], k) for n, k in agent.wiring.units().items()})


class TorchRandom(DropOne):
    """Draws from torch."""

    def draw(self, agent: AgentView, units: int) -> int:
        return int(torch.randint(units, ()))


class NumpyRandom(DropOne):
    """Draws from NumPy."""

    def draw(self, agent: AgentView, units: int) -> int:
        return int(np.random.randint(units))


class PythonRandom(DropOne):
    """Draws from Python."""

    def draw(self, agent: AgentView, units: int) -> int:
        return random.randrange(units)


class LeavesHooks(DropOne):
    """Hooks anew at each attach and forgets the old ones."""

    def attach(self, agent: AgentView) -> None:
        self.handles.clear()
        super().attach(agent)


class LeavesTensorHooks(DropOne):
    """Never removes its hooks on gradients."""

    def attach(self, agent: AgentView) -> None:
        weight = next(iter(agent.wiring.values())).module.weight
        weight.register_post_accumulate_grad_hook(lambda _: None)


class AttachesOnce(DropOne):
    """Cannot be attached again."""

    def attach(self, agent: AgentView) -> None:
        assert not self.handles
        super().attach(agent)


class DetachesOnce(DropOne):
    """Cannot be detached again."""

    def attach(self, agent: AgentView) -> None:
        self.handles = []

    def detach(self) -> None:
        del self.handles


class NoSuper(DropOne):
    """Does not call the constructor of its base class."""

    def __init__(self, config: Any = None) -> None:
        self.cuts, self.handles = 0, []


class NoName(DropOne):
    """Has no proper name."""

    name = "No Name"


@pytest.mark.parametrize("cls", [DropOne, Mixing])
def test_good_strategies(cls: type[Strategy]) -> None:
    check_strategy(cls)


@pytest.mark.slow
@pytest.mark.parametrize("name", strategies())
def test_our_strategies_keep_it(name: str) -> None:
    check_strategy(strategies()[name])  # type: ignore[arg-type]


def test_options() -> None:
    check_strategy(DropOne, {"times": 1})
    with pytest.raises(PluginError, match="building it raises ConfigError: times must"):
        check_strategy(DropOne, {"times": -1})


def test_own_models() -> None:
    """The models given are the ones that it prunes."""
    arch = {"net_arch": [8]}
    model = DQN(MaskedDQNPolicy, "CartPole-v1", policy_kwargs=arch, buffer_size=32)
    check_strategy(DropOne, models=[model.learn(16)])
    assert model.policy.wiring().units() == {"q_net.q_net.0": 6}


def test_tiny_models_are_alike_each_time() -> None:
    """A finding on them can be found again."""
    for first, second in zip(tiny_models(), tiny_models(), strict=True):
        weights = second.policy.state_dict()
        for name, tensor in first.policy.state_dict().items():
            assert torch.equal(tensor, weights[name])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (ChangesWeights, "SAC at progress 0.0: the strategy changes the model"),
        (ClosesGates, "the strategy changes the model"),
        (ReturnsDict, "propose returns {}, expected a Plan"),
        (UnknownLayer, "no layer 'actor.9', expected one of actor.latent_pi.0, "),
        (WrongWidth, "0.3: the change of .* is for 6 units, expected 1"),
        (LeavesNothing, "propose raises PlanError: .* must keep at least one"),
        (TorchRandom, "expected agent.rng as the only source"),
        (NumpyRandom, "expected agent.rng as the only source"),
        (PythonRandom, "expected agent.rng as the only source"),
        (LeavesHooks, "detach leaves .* hooks, expected none"),
        (LeavesTensorHooks, "detach leaves .* hooks, expected none"),
        (AttachesOnce, "SAC at progress 0.0: attach, twice, raises AssertionError"),
        (DetachesOnce, "detach, twice, raises AttributeError"),
        (NoSuper, "building it anew raises AttributeError"),
        (NoName, "name is 'No Name'"),
    ],
)
def test_broken_strategies(cls: type[Strategy], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        check_strategy(cls)
