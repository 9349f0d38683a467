"""Anatomy: the parts of an agent that its expected complexity is made of."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.gates import Gate
from sb3_prune.networks.ofexinet import OFEXiNet, ofexinet_of
from sb3_prune.networks.perceptrons import Perceptron, Role, find_perceptrons
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.targets import target_names
from sb3_prune.surgery.wiring import Wiring, wire
from sb3_prune_xinet import expected_complexity as expected
from sb3_prune_xinet.expected_complexity import Cost, Features, Mlp

READINGS = ("acts", "state", "action")
"""Networks that act on z_o, that value z_o, and that value z_oa."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """One multi-layer perceptron of an agent."""

    name: str
    """Path of its body, e.g. ``critic.qf0``."""
    layers: tuple[HiddenLayer, ...]
    """Its hidden layers."""
    inputs: int
    """Width of what it reads."""
    outputs: int
    """Number of outputs of its heads together."""
    span: slice
    """Where its layers are among those of the agent."""
    role: Role
    """What it is for."""

    def gates(self) -> list[Gate]:
        """Return the gates of its hidden layers; none in a stock policy."""
        return [gate for la in self.layers if (gate := la.gate) is not None]

    def first(self, sums: torch.Tensor) -> torch.Tensor | float:
        """Return the expected units of what reads its input, a scalar.

        Args:
            sums: Expected units of every layer of the agent, (layers,).
        """
        return sums[self.span.start] if self.layers else self.outputs


class Anatomy:
    """The feature extractor and the networks of a policy, as they are now.

    Every complexity is a function of the *sums*: |theta| of all hidden layers in the
    order of ``layers``, (layers,). Those of the agent are taken if none are given.

    Attributes:
        features: Sizes of the extractor; None without one.
        layers: The hidden layers: the extractor's blocks, those of the observation's
            branch first, then those of the networks.
        networks: The networks of the agent that have hidden layers, by name.
        linear_networks: Those that have none: a Linear alone, where ``net_arch`` is
            empty.
    """

    def __init__(self, policy: nn.Module) -> None:
        wiring = wire(policy)
        net = ofexinet_of(policy)
        self.features = None if net is None else _features(net)
        state = _layers_in(wiring, None if net is None else net.phi_o)
        action = _layers_in(wiring, None if net is None else net.phi_oa)
        grouped = wiring.by_network()
        rest = [la for path in wiring.roles for la in grouped.get(path, ())]
        self.layers = (*state, *action, *rest)
        self._gates = [layer.gate for layer in self.layers]
        self._state = slice(0, len(state))
        self._action = slice(len(state), len(state) + len(action))
        self._nothing = next(policy.parameters()).detach().new_empty(0)
        found = _networks(policy, rest, self._action.stop)
        self.networks = {n.name: n for n in found if n.layers}
        self.linear_networks = {n.name: n for n in found if not n.layers}

    @property
    def blocks(self) -> tuple[HiddenLayer, ...]:
        """The layers of the extractor; none without one."""
        return self.layers[: self._action.stop]

    def sums(self) -> torch.Tensor:
        """Return |theta| of every layer, its expected units, (layers,)."""
        # Every step of theta asks, so gates that learn take the short way.
        expected = [None if gate is None else gate.expected for gate in self._gates]
        found = zip(self.layers, expected, strict=True)
        each = [la.expected_units if e is None else e.sum() for la, e in found]
        return torch.stack(each) if each else self._nothing

    def inputs(
        self, network: Network, sums: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the expected width of what a network reads, a scalar."""
        sums = self.sums() if sums is None else sums
        if self.features is None:
            return sums.new_tensor(float(network.inputs))
        o, oa = sums[self._state], sums[self._action]
        if network.role.reads_actions:
            return self.features.action_width(o, oa)
        return self.features.state_width(o)

    def network_complexity(
        self, network: Network, sums: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return C_x (31) of one of ``networks`` or ``linear_networks``, a scalar."""
        sums = self.sums() if sums is None else sums
        read = self.inputs(network, sums)
        return expected.network(read, sums[network.span], network.outputs)

    def extractor_complexity(
        self, rho: float = 1.0, sums: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return C_OFE (27), a scalar; 0 without an extractor.

        Args:
            rho: Weight of what only training needs, in [0, 1].
            sums: Expected units of every layer; those of the agent if None.
        """
        sums = self.sums() if sums is None else sums
        if self.features is None:
            return sums.new_zeros(())
        first = dict.fromkeys(READINGS, sums.new_zeros(()))
        for network in self._all():
            reading = _reading(network.role)
            first[reading] = first[reading] + network.first(sums)
        return expected.extractor_complexity(
            self.features,
            sums[self._state],
            sums[self._action],
            acting_first=first["acts"],
            other_state_first=first["state"],
            action_first=first["action"],
            rho=rho,
        )

    def cost(
        self, *, prediction: bool = True, sums: torch.Tensor | None = None
    ) -> Cost:
        """Return d and t: the expected parameters to deploy and to train the agent.

        They are those of the paper's layers. What stands beside these is left out, and
        counted by :func:`sb3_prune.complexity`: an LSTM, the normalisation of CrossQ,
        the free standard deviation of PPO. The noise of gSDE counts as a layer with
        biases, one per action, which it does not have.

        Args:
            prediction: Count the linear prediction of the next observation in t.
            sums: Expected units of every layer; those of the agent if None.
        """
        sums = self.sums() if sums is None else sums
        if self.features is None:
            return self._cost_of_networks(sums)
        mlps: dict[str, list[Mlp]] = {reading: [] for reading in READINGS}
        for network in self._all():
            mlps[_reading(network.role)].append((sums[network.span], network.outputs))
        return expected.deploy_and_train(
            self.features,
            sums[self._state],
            sums[self._action],
            acting=mlps["acts"],
            state=mlps["state"],
            action=mlps["action"],
            prediction=prediction,
        )

    def _cost_of_networks(self, sums: torch.Tensor) -> Cost:
        deploy = train = sums.new_zeros(())
        for network in self._all():
            value = self.network_complexity(network, sums)
            train = train + value
            deploy = deploy + value if network.role.acts else deploy
        return Cost(deploy=deploy, train=train)

    def terms(
        self, rho: float = 1.0, sums: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """Return every term by name, scalars; see :func:`complexity_terms`."""
        sums = self.sums() if sums is None else sums
        terms: dict[str, torch.Tensor] = {}
        if self.features is not None:
            o, oa = sums[self._state], sums[self._action]
            terms["C_o"] = self.features.state_branch(o)
            terms["C_oa"] = self.features.action_branch(o, oa)
            terms["C_pred"] = self.features.prediction(o, oa)
            terms["C_OFE"] = self.extractor_complexity(rho, sums)
        for network in self._all():
            terms[f"C_{network.name}"] = self.network_complexity(network, sums)
        cost = self.cost(sums=sums)
        return terms | {"d": cost.deploy, "t": cost.train}

    def _all(self) -> tuple[Network, ...]:
        return (*self.networks.values(), *self.linear_networks.values())


def complexity_terms(model: BaseAlgorithm, rho: float = 1.0) -> dict[str, float]:
    """Return every term of an agent's expected complexity, in parameters, by name.

    ``C_o``, ``C_oa``, ``C_pred`` and ``C_OFE`` if there is an extractor,
    ``C_<network>`` of each network, ``d`` to deploy and ``t`` to train; targets are
    left out.

    Args:
        model: The model.
        rho: Weight in C_OFE of what only training needs.

    Raises:
        UnsupportedPolicyError: The policy's networks are not known.
    """
    terms = Anatomy(model.policy).terms(rho)
    return {name: float(value) for name, value in terms.items()}


def _networks(policy: nn.Module, layers: list[HiddenLayer], at: int) -> list[Network]:
    """Return the online networks of a policy; their layers begin at position ``at``."""
    found = []
    copies = target_names(policy)
    for perceptron in find_perceptrons(policy):
        if perceptron.name.partition(".")[0] not in copies:
            own = tuple(la for la in layers if la.network == perceptron.name)
            found.append(_network(perceptron, own, at))
            at += len(own)
    return found


def _layers_in(wiring: Wiring, module: nn.Module | None) -> list[HiddenLayer]:
    """Return the layers whose units a part of an extractor computes."""
    inside = set() if module is None else set(module.modules())
    return [layer for layer in wiring.values() if layer.module in inside]


def _reading(role: Role) -> str:
    """Return which features a network reads, and whether they are deployed."""
    if role.reads_actions:
        return "action"
    return "acts" if role.acts else "state"


def _network(
    perceptron: Perceptron, layers: tuple[HiddenLayer, ...], at: int
) -> Network:
    return Network(
        name=perceptron.name,
        layers=layers,
        inputs=perceptron.inputs,
        outputs=perceptron.outputs,
        role=perceptron.role,
        span=slice(at, at + len(layers)),
    )


def _features(net: OFEXiNet) -> Features:
    return Features(
        observation=net.observation,
        action=net.action,
        predicted=net.predicted,
        per_unit=1 if net.config.norm == "none" else 3,
    )
