"""Coverage: which layers of an agent xinet learns, and which it has to leave dense."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sb3_prune.exceptions import ConfigError, UnsupportedPolicyError
from sb3_prune.surgery import Wiring


def left_dense(
    wiring: Wiring, learnable: Collection[str], networks: Sequence[str]
) -> list[str]:
    """Return the chosen layers whose units nobody learns to do without, by name.

    A price is known for the units of an OFEXiNet and of perceptrons that a policy has
    registered; not for a convolution, or a network of the user's own.

    Args:
        wiring: The hidden layers of the agent.
        learnable: Names of the layers whose thetas can be learnt.
        networks: Networks to prune; all if empty.

    Raises:
        ConfigError: A network is named of which no layer can be learnt.
        UnsupportedPolicyError: No layer of the agent can be learnt.
    """
    if not learnable:
        raise UnsupportedPolicyError(
            "xinet knows the price of units in an OFEXiNet and in the perceptrons that "
            f"SB3's policies build; of the layers here ({', '.join(wiring)}) it can "
            "learn none. Take another strategy, such as magnitude."
        )
    for network in networks:
        if not any(wiring[name].is_part_of(network) for name in learnable):
            known = dict.fromkeys(wiring[name].network for name in learnable)
            raise ConfigError(
                f"xinet cannot learn which units of {network!r} are needed: it knows "
                f"no price of them. Networks that it learns: {', '.join(known)}."
            )
    chosen = [n for n, layer in wiring.items() if layer.is_part_of(*networks)]
    return [n for n in chosen if n not in learnable and wiring[n].gate is not None]
