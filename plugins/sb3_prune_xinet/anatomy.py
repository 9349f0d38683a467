"""Anatomy: the parts of an agent that add up to its expected complexity.

Numbers in brackets are equations of Guenter & Sideris 2025. Theta is the probability
that a unit's gate is open.
"""

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
"""Kinds of networks, by what they read.

``acts``: policies, which read z_o. ``state``: value networks, which read z_o.
``action``: Q-networks, which read z_oa.
"""


@dataclass(frozen=True, kw_only=True)
class Network:
    """One multi-layer perceptron of an agent."""

    name: str
    """Path of its module in the policy, e.g. ``critic.qf0``."""
    layers: tuple[HiddenLayer, ...]
    """Its hidden layers."""
    inputs: int
    """Width of its input."""
    outputs: int
    """Number of outputs of all its heads."""
    span: slice
    """Positions of its layers in ``Anatomy.layers``."""
    role: Role
    """What the network is for."""

    def gates(self) -> list[Gate]:
        """Return the gates of its hidden layers; none in a stock policy."""
        return [gate for la in self.layers if (gate := la.gate) is not None]

    def first(self, sums: torch.Tensor) -> torch.Tensor | float:
        """Return the expected number of units that read the network's input, a scalar.

        These are the units of the first hidden layer, or the outputs if there is none.

        Args:
            sums: Expected units of every layer of the agent, (layers,).
        """
        return sums[self.span.start] if self.layers else self.outputs


class Anatomy:
    """The features extractor and the networks of a policy, in their present sizes.

    Every complexity is a function of the *sums*, (layers,): the expected number of open
    units |theta| of each hidden layer, in the order of ``layers``. If no sums are
    given, the agent's present ones are used.

    Attributes:
        features: Sizes of the features extractor; None if there is none.
        layers: The hidden layers: first the extractor's blocks (phi_o, then phi_oa),
            then the layers of the networks.
        networks: The networks that have hidden layers, by name.
        linear_networks: The networks without hidden layers, by name: a single Linear,
            as ``net_arch`` is empty.
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
        """The extractor's hidden layers; empty if there is no features extractor."""
        return self.layers[: self._action.stop]

    def sums(self) -> torch.Tensor:
        """Return the expected number of open units |theta| of each layer, (layers,)."""
        # Every step of theta calls this, so learning gates are read directly.
        expected = [None if gate is None else gate.expected for gate in self._gates]
        found = zip(self.layers, expected, strict=True)
        each = [la.expected_units if e is None else e.sum() for la, e in found]
        return torch.stack(each) if each else self._nothing

    def inputs(
        self, network: Network, sums: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the expected width of a network's input, a scalar."""
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
        """Return C_OFE (27), a scalar; 0 if there is no features extractor.

        Args:
            rho: Weight of the parameters that only training needs, in [0, 1].
            sums: Expected units of every layer; None uses the agent's present sums.
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

        Only the kinds of layers in the paper count. Left out are an LSTM, the
        normalisation layers of CrossQ and PPO's standard deviation parameters:
        :func:`sb3_prune.complexity` counts them. The noise matrix of gSDE counts as a
        Linear with one bias per action, although it has no biases.

        Args:
            prediction: Count the linear prediction of the next observation in t.
            sums: Expected units of every layer; None uses the agent's present sums.
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

    The terms are ``C_o``, ``C_oa``, ``C_pred`` and ``C_OFE`` if there is a features
    extractor, ``C_<network>`` of each network, ``d`` (to deploy) and ``t`` (to train).
    Target networks are left out.

    Args:
        model: The model.
        rho: Weight in C_OFE of the parameters that only training needs.

    Raises:
        UnsupportedPolicyError: The kind of the policy's networks is not known.
    """
    terms = Anatomy(model.policy).terms(rho)
    return {name: float(value) for name, value in terms.items()}


def _networks(policy: nn.Module, layers: list[HiddenLayer], at: int) -> list[Network]:
    """Return a policy's networks, without target networks.

    Args:
        policy: The policy.
        layers: Hidden layers of the networks.
        at: Position of the first of these layers in ``Anatomy.layers``.
    """
    found = []
    copies = target_names(policy)
    for perceptron in find_perceptrons(policy):
        if perceptron.name.partition(".")[0] not in copies:
            own = tuple(la for la in layers if la.network == perceptron.name)
            found.append(_network(perceptron, own, at))
            at += len(own)
    return found


def _layers_in(wiring: Wiring, module: nn.Module | None) -> list[HiddenLayer]:
    """Return the hidden layers whose modules are inside a part of the extractor."""
    inside = set() if module is None else set(module.modules())
    return [layer for layer in wiring.values() if layer.module in inside]


def _reading(role: Role) -> str:
    """Return the kind of a network, one of :data:`READINGS`."""
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
