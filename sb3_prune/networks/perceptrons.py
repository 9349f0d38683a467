"""Perceptrons: the multi-layer perceptrons (MLPs) inside a policy, and their roles.

What each network is for, to act or to estimate values, is its role. Roles of stock
networks are known here only. For network classes of your own, register a function::

    @perceptrons_of.register(MyCritic)
    def _my_critic(critic):
        return as_perceptron("body", critic.body, role=Role.STATE_VALUE)

Finding units does not depend on this: the hidden layers of any network are found by
running it (:mod:`sb3_prune.surgery.flow`). The strategy ``xinet`` and
:func:`sb3_prune.compact` do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from functools import singledispatch
from typing import Any

from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.crossq import policies as crossq
from sb3_contrib.qrdqn.policies import QuantileNetwork
from sb3_contrib.tqc import policies as tqc
from stable_baselines3.common.policies import ActorCriticPolicy, ContinuousCritic
from stable_baselines3.common.torch_layers import MlpExtractor
from stable_baselines3.dqn.policies import QNetwork
from stable_baselines3.sac import policies as sac
from stable_baselines3.td3 import policies as td3
from torch import nn


class Role(Enum):
    """The purpose of a network."""

    POLICY = "policy"
    """An actor: it chooses actions."""
    Q_VALUES = "q-values"
    """A Q-network: it estimates Q(s, a) of all actions at once to choose the best."""
    STATE_VALUE = "state-value"
    """A critic that estimates V(s); only needed for training."""
    ACTION_VALUE = "action-value"
    """A critic that reads an action and estimates Q(s, a); only needed for training."""

    @property
    def acts(self) -> bool:
        """Whether the network is needed to choose actions."""
        return self in (Role.POLICY, Role.Q_VALUES)

    @property
    def estimates_values(self) -> bool:
        """Whether the outputs of the network are estimates of values."""
        return self is not Role.POLICY

    @property
    def reads_actions(self) -> bool:
        """Whether the network reads an action besides the observation."""
        return self is Role.ACTION_VALUE


@dataclass(frozen=True)
class Perceptron:
    """One multi-layer perceptron: a Sequential with Linear layers, and its heads.

    With generalised state-dependent exploration (gSDE), the noise of the actions is a
    product of the last hidden layer and a random matrix. The deviations of its entries
    are learnt: the parameter ``log_std``, (units, actions), is a head beside the one of
    the mean actions. In the actors of SAC, TQC and CrossQ, the latter then is
    Sequential(Linear, Hardtanh).
    """

    name: str
    """Path of the body inside the policy, e.g. ``critic.qf0``."""
    body: nn.Sequential
    """Linear layers, with activation functions and other modules between them."""
    role: Role
    """Purpose of the network; target networks have the role of their online network."""
    heads: tuple[nn.Linear | nn.Parameter, ...] = ()
    """Output layers outside of the body, which read the last hidden layer: Linear
    layers and gSDE's ``log_std``. Empty if the last Linear of the body is the output
    layer."""

    def linears(self) -> list[nn.Linear]:
        """Return the Linear layers in the body."""
        return [module for module in self.body if isinstance(module, nn.Linear)]

    @property
    def inputs(self) -> int:
        """Width of the input."""
        first = (*self.linears(), *self.heads)[0]
        return first.in_features if isinstance(first, nn.Linear) else first.shape[0]

    @property
    def outputs(self) -> int:
        """Number of outputs of all output layers, columns of gSDE's ``log_std`` too."""
        heads = self.heads or self.linears()[-1:]
        return sum(
            head.out_features if isinstance(head, nn.Linear) else head.shape[1]
            for head in heads
        )


@singledispatch
def perceptrons_of(network: nn.Module) -> list[Perceptron]:
    """Return the perceptrons of one network; an empty list for unregistered classes.

    Args:
        network: An actor, a critic, a Q-network or an actor-critic policy.
    """
    del network  # Its class is not registered.
    return []


def _head(head: Any) -> nn.Linear | nn.Parameter:
    """Return gSDE's parameter as it is, and the first Linear of any other head."""
    if isinstance(head, nn.Parameter):
        return head
    return next(m for m in head.modules() if isinstance(m, nn.Linear))


def as_perceptron(name: str, body: Any, *heads: Any, role: Role) -> list[Perceptron]:
    """Return a list with one perceptron; empty if the body is not a perceptron.

    Args:
        name: Path of the body inside the network.
        body: The body. It is a perceptron if it is a Sequential and there are Linear
            layers in it or heads behind it.
        heads: Output layers that read the last hidden layer of the body.
        role: Purpose of the network.
    """
    if not isinstance(body, nn.Sequential):
        return []
    found = Perceptron(name, body, role, tuple(map(_head, heads)))
    return [found] if found.linears() or heads else []


@perceptrons_of.register(sac.Actor)
@perceptrons_of.register(tqc.Actor)
@perceptrons_of.register(crossq.Actor)
def _gaussian_actor(actor: sac.Actor) -> list[Perceptron]:
    body = getattr(actor, "latent_pi", None)
    heads = (actor.mu, actor.log_std)
    return as_perceptron("latent_pi", body, *heads, role=Role.POLICY)


@perceptrons_of.register(td3.Actor)
def _deterministic_actor(actor: td3.Actor) -> list[Perceptron]:
    return as_perceptron("mu", actor.mu, role=Role.POLICY)


@perceptrons_of.register(ContinuousCritic)
@perceptrons_of.register(tqc.Critic)
@perceptrons_of.register(crossq.CrossQCritic)
def _critics(critic: nn.Module) -> list[Perceptron]:
    named = [(n, body) for n, body in critic.named_children() if n.startswith("qf")]
    role = Role.ACTION_VALUE
    return [p for name, body in named for p in as_perceptron(name, body, role=role)]


@perceptrons_of.register(QNetwork)
def _q_network(network: QNetwork) -> list[Perceptron]:
    body = getattr(network, "q_net", None)
    return as_perceptron("q_net", body, role=Role.Q_VALUES)


@perceptrons_of.register(QuantileNetwork)
def _quantile_network(network: QuantileNetwork) -> list[Perceptron]:
    body = getattr(network, "quantile_net", None)
    return as_perceptron("quantile_net", body, role=Role.Q_VALUES)


@perceptrons_of.register(ActorCriticPolicy)
@perceptrons_of.register(MaskableActorCriticPolicy)
def _actor_critic(policy: ActorCriticPolicy) -> list[Perceptron]:
    # A custom policy may have another extractor, or none.
    extractor = getattr(policy, "mlp_extractor", None)
    if not isinstance(extractor, MlpExtractor):
        return []
    noise = [policy.log_std] if getattr(policy, "use_sde", False) else []
    actor = as_perceptron(
        "mlp_extractor.policy_net",
        extractor.policy_net,
        policy.action_net,
        *noise,
        role=Role.POLICY,
    )
    critic = as_perceptron(
        "mlp_extractor.value_net",
        extractor.value_net,
        policy.value_net,
        role=Role.STATE_VALUE,
    )
    return actor + critic


def find_perceptrons(policy: nn.Module) -> list[Perceptron]:
    """Return every perceptron of a policy and its direct children.

    The children are its networks, target networks included.
    """
    found = perceptrons_of(policy)
    for name, child in policy.named_children():
        for each in perceptrons_of(child):
            found.append(replace(each, name=f"{name}.{each.name}"))
    return found
