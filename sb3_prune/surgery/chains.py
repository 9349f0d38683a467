"""Chains: where the multi-layer perceptrons of Stable-Baselines3's networks are.

A chain is one ``nn.Sequential`` of Linear layers and the heads behind it. Only what
speaks of perceptrons needs chains: their initialisation, and Method 2's equations.
Where units are, whatever the network, is traced (:mod:`sb3_prune.surgery.flow`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Chain:
    """One multi-layer perceptron."""

    name: str
    """Path of the body inside the policy, e.g. ``critic.qf0``."""
    body: nn.Sequential
    """Linear layers with what stands between them."""
    heads: tuple[nn.Linear | nn.Parameter, ...] = ()
    """What reads the last hidden layer: Linear layers, and the ``log_std`` of gSDE,
    (units, actions); empty if the body's last Linear is the head."""

    def linears(self) -> list[nn.Linear]:
        """Return the Linear layers in the body."""
        return [module for module in self.body if isinstance(module, nn.Linear)]

    @property
    def inputs(self) -> int:
        """Width of what the chain reads."""
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
def chains(network: nn.Module) -> list[Chain]:
    """Return the chains of a network; none for a network that is not known.

    Args:
        network: An actor, a critic, a Q-network or an actor-critic policy.
    """
    del network  # Unknown networks have no chains.
    return []


def _head(head: Any) -> nn.Linear | nn.Parameter:
    """Return the Linear of a head that may be a Sequential, or the noise of gSDE."""
    if isinstance(head, nn.Parameter):
        return head
    return next(m for m in head.modules() if isinstance(m, nn.Linear))


@chains.register(sac.Actor)
@chains.register(tqc.Actor)
@chains.register(crossq.Actor)
def _gaussian_actor(actor: sac.Actor) -> list[Chain]:
    heads = (_head(actor.mu), _head(actor.log_std))
    return [Chain("latent_pi", actor.latent_pi, heads)]


@chains.register(td3.Actor)
def _deterministic_actor(actor: td3.Actor) -> list[Chain]:
    return [Chain("mu", actor.mu)]


@chains.register(ContinuousCritic)
@chains.register(tqc.Critic)
@chains.register(crossq.CrossQCritic)
def _critics(critic: nn.Module) -> list[Chain]:
    return [
        Chain(name, body)
        for name, body in critic.named_children()
        if name.startswith("qf") and isinstance(body, nn.Sequential)
    ]


@chains.register(QNetwork)
def _q_network(network: QNetwork) -> list[Chain]:
    body = getattr(network, "q_net", None)
    return [Chain("q_net", body)] if isinstance(body, nn.Sequential) else []


@chains.register(QuantileNetwork)
def _quantile_network(network: QuantileNetwork) -> list[Chain]:
    return [Chain("quantile_net", network.quantile_net)]


@chains.register(ActorCriticPolicy)
@chains.register(MaskableActorCriticPolicy)
def _actor_critic(policy: ActorCriticPolicy) -> list[Chain]:
    extractor = policy.mlp_extractor
    if not isinstance(extractor, MlpExtractor):
        return []
    heads: tuple[nn.Linear | nn.Parameter, ...] = (_head(policy.action_net),)
    if getattr(policy, "use_sde", False):
        heads = (*heads, _head(policy.log_std))
    value_heads = (_head(policy.value_net),)
    return [
        Chain("mlp_extractor.policy_net", extractor.policy_net, heads),
        Chain("mlp_extractor.value_net", extractor.value_net, value_heads),
    ]


def _named(policy: nn.Module) -> Iterator[Chain]:
    yield from chains(policy)
    for child_name, child in policy.named_children():
        for chain in chains(child):
            yield replace(chain, name=f"{child_name}.{chain.name}")


def policy_chains(policy: nn.Module) -> list[Chain]:
    """Return every chain of a policy, targets included; none that is not SB3's own."""
    return list(_named(policy))
