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


def perceptron(name: str, body: Any, *heads: Any) -> list[Chain]:
    """Return a chain if its body is one of SB3's: a Sequential of Linear layers.

    Args:
        name: Path of the body inside the network.
        body: What may be the body.
        heads: What reads its last hidden layer.
    """
    if not isinstance(body, nn.Sequential):
        return []
    chain = Chain(name, body, tuple(map(_head, heads)))
    return [chain] if chain.linears() or heads else []


@chains.register(sac.Actor)
@chains.register(tqc.Actor)
@chains.register(crossq.Actor)
def _gaussian_actor(actor: sac.Actor) -> list[Chain]:
    return perceptron("latent_pi", actor.latent_pi, actor.mu, actor.log_std)


@chains.register(td3.Actor)
def _deterministic_actor(actor: td3.Actor) -> list[Chain]:
    return perceptron("mu", actor.mu)


@chains.register(ContinuousCritic)
@chains.register(tqc.Critic)
@chains.register(crossq.CrossQCritic)
def _critics(critic: nn.Module) -> list[Chain]:
    named = [(n, body) for n, body in critic.named_children() if n.startswith("qf")]
    return [chain for name, body in named for chain in perceptron(name, body)]


@chains.register(QNetwork)
def _q_network(network: QNetwork) -> list[Chain]:
    return perceptron("q_net", getattr(network, "q_net", None))


@chains.register(QuantileNetwork)
def _quantile_network(network: QuantileNetwork) -> list[Chain]:
    return perceptron("quantile_net", network.quantile_net)


@chains.register(ActorCriticPolicy)
@chains.register(MaskableActorCriticPolicy)
def _actor_critic(policy: ActorCriticPolicy) -> list[Chain]:
    extractor, path = policy.mlp_extractor, "mlp_extractor"
    if not isinstance(extractor, MlpExtractor):
        return []
    noise = [policy.log_std] if getattr(policy, "use_sde", False) else []
    actor = (extractor.policy_net, policy.action_net, *noise)
    return [
        *perceptron(f"{path}.policy_net", *actor),
        *perceptron(f"{path}.value_net", extractor.value_net, policy.value_net),
    ]


def _named(policy: nn.Module) -> Iterator[Chain]:
    yield from chains(policy)
    for child_name, child in policy.named_children():
        for chain in chains(child):
            yield replace(chain, name=f"{child_name}.{chain.name}")


def policy_chains(policy: nn.Module) -> list[Chain]:
    """Return every chain of a policy, targets included; none that is not SB3's own."""
    return list(_named(policy))
