"""check_strategy accepts what keeps the contract and names what breaks it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import DQN

from sb3_prune.exceptions import ConfigError, PluginError
from sb3_prune.policies import MaskedDQNPolicy
from sb3_prune.strategies import AgentView, Strategy
from sb3_prune.surgery import Plan, keep, merge, remove, reset
from sb3_prune.testing.strategies import check_strategy, tiny_models


class DropOne(Strategy):
    """Removes one random unit per layer, twice at most."""

    name = "drop-one"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """How often."""

        times: int = 2
        """Number of cuts."""

        def __post_init__(self) -> None:
            if self.times < 0:
                raise ConfigError(f"times must not be negative, got {self.times}.")

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.cuts = 0
        self.handles: list[Any] = []

    def attach(self, agent: AgentView) -> None:
        self.detach()
        for layer in agent.wiring.values():
            hook = layer.module.register_forward_hook(lambda *_: None)
            self.handles.append(hook)

    def detach(self) -> None:
        for handle in self.handles:
            handle.remove()
        self.handles.clear()

    def draw(self, agent: AgentView, units: int) -> int:
        return int(agent.rng.integers(units))

    def propose(self, agent: AgentView) -> Plan:
        self.cuts += 1
        if self.cuts > self.config.times:
            return Plan()
        widths = agent.wiring.units()
        return Plan(
            {name: remove([self.draw(agent, k)], k) for name, k in widths.items()}
        )

    def state_dict(self) -> dict[str, Any]:
        return {"cuts": self.cuts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.cuts = state["cuts"]


class Mixing(DropOne):
    """Merges two units and resets one, reading activations."""

    name = "mixing"

    def propose(self, agent: AgentView) -> Plan:
        changes = {}
        for name, hidden in agent.activations().items():
            units = hidden.shape[1]
            pairs = [[0, 1], *([k] for k in range(2, units))]
            merged = merge(pairs, units)
            seed = int(agent.rng.integers(2**31))
            changes[name] = merged.then(reset([0], merged.after, seed))
        return Plan(changes)


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


class Forgets(DropOne):
    """Saves nothing of what it counts."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        del state


class LoadsWrong(DropOne):
    """Loads something else than it saved."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.cuts = state["cuts"] + 1


class CannotLoad(DropOne):
    """Loads what it does not save."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.cuts = state["events"]


class SavesTensors(DropOne):
    """Saves what JSON cannot say."""

    def state_dict(self) -> dict[str, Any]:
        return {"cuts": torch.tensor(self.cuts)}


class SavesNan(DropOne):
    """Saves a number that JSON cannot say."""

    def state_dict(self) -> dict[str, Any]:
        return {"cuts": float("nan")}


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


class NoName(DropOne):
    """Has no proper name."""

    name = "No Name"


@pytest.mark.parametrize("cls", [DropOne, Mixing])
def test_good_strategies(cls: type[Strategy]) -> None:
    check_strategy(cls)


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
        (WrongWidth, "0.5: the change of .* is for 6 units, expected 1"),
        (LeavesNothing, "propose raises PlanError: .* must keep at least one"),
        (TorchRandom, "expected agent.rng as the only source"),
        (NumpyRandom, "expected agent.rng as the only source"),
        (PythonRandom, "expected agent.rng as the only source"),
        (Forgets, "1.0: restored .*, the strategy proposes another plan"),
        (LoadsWrong, 'the state {"cuts": 0}, the strategy saves {"cuts": 1}'),
        (CannotLoad, "load_state_dict raises KeyError"),
        (SavesTensors, "state_dict as JSON raises TypeError"),
        (SavesNan, "state_dict as JSON raises ValueError"),
        (LeavesHooks, "detach leaves .* hooks, expected none"),
        (LeavesTensorHooks, "detach leaves .* hooks, expected none"),
        (AttachesOnce, "SAC at progress 0.0: attach, twice, raises AssertionError"),
        (DetachesOnce, "detach, twice, raises AttributeError"),
        (NoName, "name is 'No Name'"),
    ],
)
def test_broken_strategies(cls: type[Strategy], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        check_strategy(cls)
