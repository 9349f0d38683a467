"""Chains: where the multi-layer perceptrons of a policy are.

A chain is one ``nn.Sequential`` of Linear layers and the heads that read its last
hidden layer. :func:`chains` knows the networks of Stable-Baselines3 and sb3-contrib;
teach it another one with ``@chains.register(MyNetwork)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import singledispatch

from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.crossq import policies as crossq
from sb3_contrib.qrdqn.policies import QuantileNetwork
from sb3_contrib.tqc import policies as tqc
from stable_baselines3.common.policies import ActorCriticPolicy, ContinuousCritic
from stable_baselines3.dqn.policies import QNetwork
from stable_baselines3.sac import policies as sac
from stable_baselines3.td3 import policies as td3
from torch import nn

from sb3_prune.exceptions import UnsupportedPolicyError


class Side(Enum):
    """How a tensor holds hidden units along one of its axes."""

    ROWS = "rows"
    """What computes the unit: rows of its weight, its bias."""
    COLUMNS = "columns"
    """What reads the unit: columns of the next weight."""
    UNIT = "unit"
    """What belongs to the unit: gate, scale or running statistics."""


@dataclass(frozen=True)
class Slot:
    """A stretch of a tensor, one entry per hidden unit."""

    owner: nn.Module
    """Module that holds the tensor."""
    attribute: str
    """Name of the parameter or buffer."""
    axis: int
    """Axis along which the units lie."""
    side: Side
    """What the tensor does with the units."""
    start: int = 0
    """Index of the first unit along the axis."""
    through: tuple[Slot, ...] = ()
    """Scales that the units pass on their way here, in a DenseNet."""


@dataclass(frozen=True)
class Chain:
    """One multi-layer perceptron."""

    name: str
    """Path of the body inside the policy, e.g. ``critic.qf0``."""
    body: nn.Sequential
    """Linear layers with what stands between them."""
    heads: tuple[Slot, ...] = ()
    """What reads the last hidden layer; empty if the body's last Linear is the head."""

    def hidden(self) -> list[tuple[str, nn.Linear, list[tuple[str, nn.Module]]]]:
        """List the hidden layers.

        Returns:
            For each its name inside the body, its Linear, and the named modules
            between it and the next Linear.
        """
        layers: list[tuple[str, nn.Linear, list[tuple[str, nn.Module]]]] = []
        for name, module in self.body.named_children():
            if isinstance(module, nn.Linear):
                layers.append((name, module, []))
            elif layers:
                layers[-1][2].append((name, module))
        return layers if self.heads else layers[:-1]

    def readers(self) -> tuple[Slot, ...]:
        """Return what reads the chain's input: its first Linear, or its heads."""
        linears = (m for m in self.body if isinstance(m, nn.Linear))
        first = next(linears, None)
        return self.heads if first is None else (reader(first),)

    def output(self) -> nn.Linear | None:
        """Return the Linear inside the body that is its head, if there is one."""
        linears = [m for m in self.body if isinstance(m, nn.Linear)]
        return None if self.heads or not linears else linears[-1]


@singledispatch
def chains(network: nn.Module) -> list[Chain]:
    """Return the chains of a network; none for a network that is not known.

    Args:
        network: An actor, a critic, a Q-network or an actor-critic policy.
    """
    del network  # Unknown networks have no chains.
    return []


def reader(head: nn.Module) -> Slot:
    """Return the slot of a head that reads the last hidden layer."""
    linear = next(m for m in head.modules() if isinstance(m, nn.Linear))
    return Slot(linear, "weight", 1, Side.COLUMNS)


def _noise(owner: nn.Module) -> Slot:
    """Return the slot of the exploration noise of gSDE, (latent, actions)."""
    return Slot(owner, "log_std", 0, Side.COLUMNS)


@chains.register(sac.Actor)
@chains.register(tqc.Actor)
@chains.register(crossq.Actor)
def _gaussian_actor(actor: sac.Actor) -> list[Chain]:
    # Without gSDE log_std is a Linear, whatever SB3's annotation says.
    spread = actor.log_std if isinstance(actor.log_std, nn.Module) else None
    noise = _noise(actor) if spread is None else reader(spread)
    return [Chain("latent_pi", actor.latent_pi, (reader(actor.mu), noise))]


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
    return [Chain("q_net", network.q_net)]


@chains.register(QuantileNetwork)
def _quantile_network(network: QuantileNetwork) -> list[Chain]:
    return [Chain("quantile_net", network.quantile_net)]


@chains.register(ActorCriticPolicy)
@chains.register(MaskableActorCriticPolicy)
def _actor_critic(policy: ActorCriticPolicy) -> list[Chain]:
    extractor = policy.mlp_extractor
    heads: tuple[Slot, ...] = (reader(policy.action_net),)
    if getattr(policy, "use_sde", False):
        heads = (*heads, _noise(policy))
    value_heads = (reader(policy.value_net),)
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
    """Return every chain of a policy, targets included.

    Raises:
        UnsupportedPolicyError: None of the policy's networks is known.
    """
    found = list(_named(policy))
    if not found:
        known = sorted({t.__name__ for t in chains.registry if t is not object})
        raise UnsupportedPolicyError(
            f"No known network in {type(policy).__name__}. Known: {', '.join(known)}. "
            "Register yours with @sb3_prune.surgery.chains.register."
        )
    return found
