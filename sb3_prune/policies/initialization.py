"""Initialisation of the multi-layer perceptrons of a policy."""

from __future__ import annotations

from torch import nn

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.networks.perceptrons import find_perceptrons
from sb3_prune.surgery.targets import target_networks


def xavier(policy: nn.Module) -> None:
    r"""Draw the weights of all multi-layer perceptrons by Xavier's rule, in place.

    .. math:: W_{ij} \sim U(-a, a), \quad a = \sqrt{6 / (inputs + outputs)}

    Biases become zero. Target networks become copies of their online networks.

    Feldotto et al. 2022 start from this initialisation. Deep, narrow Q-networks such as
    theirs learn about twice as fast from it as from the default initialisation of
    torch.

    Args:
        policy: A policy before training, while its optimisers have no state.

    Raises:
        UnsupportedPolicyError: The policy has no multi-layer perceptron.
    """
    found = find_perceptrons(policy)
    if not found:
        raise UnsupportedPolicyError(
            f"{type(policy).__name__} has no multi-layer perceptron to initialise."
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
