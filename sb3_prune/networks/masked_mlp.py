"""Masked multi-layer perceptrons: stock networks with a gate behind every layer."""

from __future__ import annotations

from torch import nn

from sb3_prune.gates import Gate
from sb3_prune.surgery.chains import Chain, policy_chains


def insert_gates(policy: nn.Module) -> None:
    """Put a :class:`Gate` behind every hidden layer of a policy, in place.

    A gate stands after the activation and any normalisation, right before the next
    Linear, under the name ``gate<i>``. All other modules keep their names and identity,
    so stock weights load and optimisers stay valid. Calling it twice changes nothing.

    Args:
        policy: A policy, targets included.

    Raises:
        UnsupportedPolicyError: None of the policy's networks is known.
    """
    for chain in policy_chains(policy):
        _gate_chain(chain)


def _gate_chain(chain: Chain) -> None:
    last = {}
    for name, _, between in chain.hidden():
        if not any(isinstance(module, Gate) for _, module in between):
            last[between[-1][0] if between else name] = name
    children = list(chain.body.named_children())
    for name, _ in children:
        delattr(chain.body, name)
    for name, module in children:
        chain.body.add_module(name, module)
        if name in last:
            chain.body.add_module(f"gate{last[name]}", Gate())
