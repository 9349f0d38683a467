"""Perceptrons: the multi-layer perceptrons of an agent, and the role of each.

This is the one place that knows which network acts and which estimates values. A family
of policies of your own says so by one registration::

    @perceptrons_of.register(MyCritic)
    def _my_critic(critic):
        return as_perceptron("body", critic.body, role=Role.STATE_VALUE)

Where units are, whatever the network, is traced (:mod:`sb3_prune.surgery.flow`).
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
    """What a network is for."""

    POLICY = "policy"
    """It chooses actions: an actor."""
    Q_VALUES = "q-values"
    """It values every action at once, and the best is chosen: a Q-network."""
    STATE_VALUE = "state-value"
    """It values an observation, V(s), for training only."""
    ACTION_VALUE = "action-value"
    """It values an action that it reads, Q(s, a), for training only."""

    @property
    def acts(self) -> bool:
        """Whether the network is needed to act, so that it is deployed."""
        return self in (Role.POLICY, Role.Q_VALUES)

    @property
    def estimates_values(self) -> bool:
        """Whether its outputs are values."""
        return self is not Role.POLICY

    @property
    def reads_actions(self) -> bool:
        """Whether it reads an action beside the observation."""
        return self is Role.ACTION_VALUE


@dataclass(frozen=True)
class Perceptron:
    """One multi-layer perceptron: a Sequential of Linear layers, and its heads."""

    name: str
    """Path of the body inside the policy, e.g. ``critic.qf0``."""
    body: nn.Sequential
    """Linear layers with what stands between them."""
    role: Role
    """What it is for; that of a target network is that of its online network."""
    heads: tuple[nn.Linear | nn.Parameter, ...] = ()
    """What reads the last hidden layer: Linear layers, and the ``log_std`` of gSDE,
    (units, actions); empty if the body's last Linear is the head."""

    def linears(self) -> list[nn.Linear]:
        """Return the Linear layers in the body."""
        return [module for module in self.body if isinstance(module, nn.Linear)]

    @property
    def inputs(self) -> int:
        """Width of what it reads."""
        first = (*self.linears(), *self.heads)[0]
        return first.in_features if isinstance(first, nn.Linear) else first.shape[0]

    @property
    def outputs(self) -> int:
        """Number of outputs of its heads together."""
        heads = self.heads or self.linears()[-1:]
        return sum(
            head.out_features if isinstance(head, nn.Linear) else head.shape[1]
            for head in heads
        )


@singledispatch
def perceptrons_of(network: nn.Module) -> list[Perceptron]:
    """Return the perceptrons of one network; none if its class is not registered.

    Args:
        network: An actor, a critic, a Q-network or an actor-critic policy.
    """
    del network  # Nothing is known of it.
    return []


def _head(head: Any) -> nn.Linear | nn.Parameter:
    """Return the Linear of a head that may be a Sequential, or the noise of gSDE."""
    if isinstance(head, nn.Parameter):
        return head
    return next(m for m in head.modules() if isinstance(m, nn.Linear))


def as_perceptron(name: str, body: Any, *heads: Any, role: Role) -> list[Perceptron]:
    """Return a perceptron, or nothing if its body is no Sequential of Linear layers.

    Args:
        name: Path of the body inside the network.
        body: What may be the body.
        heads: What reads its last hidden layer.
        role: What the network is for.
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
    # A policy of one's own may have another extractor, or none.
    extractor, path = getattr(policy, "mlp_extractor", None), "mlp_extractor"
    if not isinstance(extractor, MlpExtractor):
        return []
    noise = [policy.log_std] if getattr(policy, "use_sde", False) else []
    actor = (extractor.policy_net, policy.action_net, *noise)
    critic = (extractor.value_net, policy.value_net)
    return [
        *as_perceptron(f"{path}.policy_net", *actor, role=Role.POLICY),
        *as_perceptron(f"{path}.value_net", *critic, role=Role.STATE_VALUE),
    ]


def find_perceptrons(policy: nn.Module) -> list[Perceptron]:
    """Return every perceptron of a policy, those of its target networks included."""
    found = perceptrons_of(policy)
    for name, child in policy.named_children():
        for each in perceptrons_of(child):
            found.append(replace(each, name=f"{name}.{each.name}"))
    return found
