"""Strategies that, unless told otherwise, prune the network that acts and no other."""

from __future__ import annotations

from sb3_prune.exceptions import ConfigError
from sb3_prune.strategies import PenalisedStrategy
from sb3_prune.surgery import HiddenLayer, Wiring


class ActingStrategy(PenalisedStrategy):
    """Pruning of networks that act: an actor, or a Q-network without one.

    Critics, and features extractors, are pruned only if the option ``networks`` names
    them.
    """

    def chosen(self, wiring: Wiring) -> dict[str, list[HiddenLayer]]:
        """Return the layers of the networks that act, or those of the chosen networks.

        Raises:
            ConfigError: Nobody knows which of the networks act.
        """
        if self.config.networks:
            return super().chosen(wiring)
        names = acting_networks(wiring)
        return {n: la for n, la in wiring.by_network().items() if n in names}


def acting_networks(wiring: Wiring) -> list[str]:
    """Return the names of the networks that choose actions.

    Raises:
        ConfigError: Nobody knows which of the networks do.
    """
    roles = wiring.roles
    found = [n for n in wiring.by_network() if n in roles and roles[n].acts]
    if not found:
        raise ConfigError(
            "Nobody knows which of these networks acts: "
            f"{', '.join(wiring.by_network())}. Name it by the option networks."
        )
    return found
