"""Base class and options of strategies that may have a penalty on weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sb3_prune.exceptions import ConfigError, require_finite, require_one_of, shown
from sb3_prune.penalties import PENALTIES, Penalty, PenaltyHooks
from sb3_prune.strategies.base import AgentView
from sb3_prune.strategies.scheduled import ScheduledConfig, ScheduledStrategy
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.wiring import Wiring

STRENGTH = 1e-4
"""Factor of a penalty by default."""
WEAK = 1e-7
"""A factor with which fits were found to do no harm."""


@dataclass(frozen=True, kw_only=True)
class PenalisedConfig(ScheduledConfig):
    """When something is removed, and what training pays for weights until then.

    Raises:
        ConfigError: A value is outside its range.
    """

    penalty: Literal["none", "dsp", "group-lasso", "l1"] = "none"
    """Price on the weights of the networks that are pruned; training pays it from its
    start to its end."""
    strength: float = STRENGTH
    """Factor of the penalty, lambda."""
    strengths: dict[str, float] = field(default_factory=dict)
    """Other factors for some networks, by name; these need not be pruned."""

    def __post_init__(self) -> None:
        require_one_of("penalty", self.penalty, ("none", *PENALTIES))
        require_finite("strength", self.strength)
        if not isinstance(self.strengths, Mapping):
            raise ConfigError(
                "strengths must map names of networks to numbers, such as "
                f"{{'actor': 1e-4}}, got {shown(self.strengths)}."
            )
        for network, strength in self.strengths.items():
            require_finite(f"strengths[{network!r}]", strength)
        super().__post_init__()


class PenalisedStrategy(ScheduledStrategy):
    """A strategy whose networks may pay a penalty while they are trained.

    Raises:
        ConfigError: There are strengths of a penalty, but there is no penalty.
    """

    config: PenalisedConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._hooks = PenaltyHooks()
        usual = type(self.config).strength
        given = self.config.strength not in (0.0, usual) or self.config.strengths
        if given and self.penalty() is None:
            raise ConfigError(
                f"strength = {self.config.strength} and strengths = "
                f"{self.config.strengths} have no effect without a penalty: set "
                f"penalty to one of {', '.join(PENALTIES)}."
            )

    @property
    def compensates(self) -> bool | None:
        """Whether cuts are compensated; by default not where a penalty is strong.

        A penalty pulls at the weights into a unit the more, the larger those are that
        read it. A fit makes the latter larger, also for the units that the penalty has
        made small. The two drive each other apart.
        """
        wanted, config = super().compensates, self.config
        most = max([config.strength, *config.strengths.values()])
        priced = self.penalty() is not None and most > WEAK
        return False if wanted is None and priced else wanted

    def chosen(self, wiring: Wiring) -> dict[str, list[HiddenLayer]]:
        """Return the layers to prune, by network."""
        return wiring.by_network(self.config.networks)

    def penalty(self) -> Penalty | None:
        """Return the penalty on weights; that of the config, or of a subclass."""
        return PENALTIES.get(self.config.penalty)

    def strengths(self, wiring: Wiring) -> dict[HiddenLayer, float]:
        """Return the factor of the penalty for each layer that has one.

        Raises:
            UnknownNameError: There is no network of a name in ``strengths``.
        """
        found = {
            layer: self.config.strength
            for layers in self.chosen(wiring).values()
            for layer in layers
        }
        # Longer names are more precise.
        for path, strength in sorted(
            self.config.strengths.items(), key=lambda item: len(item[0])
        ):
            for layers in wiring.by_network([path]).values():
                found |= dict.fromkeys(layers, strength)
        return found

    def attach(self, agent: AgentView) -> None:
        """Check that the networks exist, and let the penalty join their gradients.

        Raises:
            UnknownNameError: The agent has no such network.
            UnsupportedPolicyError: The algorithm's updates know no penalty.
        """
        super().attach(agent)
        self._hooks.release()
        penalty = self.penalty()
        if penalty is not None:
            self._hooks.attach(agent.model, penalty, self.strengths(agent.wiring))

    def detach(self) -> None:
        """Forget the last event, and the penalty."""
        super().detach()
        self._hooks.release()
