"""Initialisation of the multi-layer perceptrons of a policy."""

from __future__ import annotations

from torch import nn

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.networks.perceptrons import find_perceptrons
from sb3_prune.surgery.targets import target_networks


def xavier(policy: nn.Module) -> None:
    r"""Draw every weight anew, biases zero, in place; targets become copies.

    .. math:: W_{ij} \sim U(-a, a), \quad a = \sqrt{6 / (inputs + outputs)}

    Method 1 starts from these; its deep, narrow Q-networks learn about twice as fast as
    from the default initialisation of torch. Call it before training.

    Args:
        policy: A policy, whose optimisers have no state yet.

    Raises:
        UnsupportedPolicyError: The policy has none.
    """
    found = find_perceptrons(policy)
    if not found:
        raise UnsupportedPolicyError(
            f"{type(policy).__name__} has no multi-layer perceptron of SB3 to draw."
        )
    pairs = target_networks(policy)
    copies = tuple(f"{name}." for names in pairs.values() for name in names)
    for perceptron in found:
        if perceptron.name.startswith(copies or "?"):
            continue
        for module in (*perceptron.body, *perceptron.heads):
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
    for name, targets in pairs.items():
        for target in targets:
            online = policy.get_submodule(name)
            policy.get_submodule(target).load_state_dict(online.state_dict())
