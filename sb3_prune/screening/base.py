"""The abstract screener: one number by which a fresh agent is kept or given up."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from sb3_prune.exceptions import (
    NonFiniteError,
    PluginError,
    require_at_least,
    require_one_of,
    shown,
)
from sb3_prune.plugins.instances import instance_of
from sb3_prune.plugins.pluggable import Pluggable
from sb3_prune.plugins.registry import base_of
from sb3_prune.screening.window import Window

Direction = Literal["above", "below"]
"""Which side of the threshold a run that goes on is on."""


@dataclass(frozen=True, kw_only=True)
class ScreenerConfig:
    """How long a screener looks, and on which side of the threshold runs go on."""

    window: int = 50
    """Environment steps before the run is judged, those of all environments counted."""
    direction: Direction = "above"
    """Which runs go on: ``above`` those with value >= threshold, ``below`` the others,
    with value < threshold."""

    def __post_init__(self) -> None:
        require_at_least("window", self.window)
        require_one_of("direction", self.direction, get_args(Direction))


@base_of("screeners")
class Screener(Pluggable):
    """Measures a number by which fresh agents are sorted out early in their training.

    Plug-ins register screeners through the hook ``register_screeners``. Options of a
    screener of one's own derive from :class:`ScreenerConfig`.

    Raises:
        PluginError: The options are no :class:`ScreenerConfig`.
    """

    Config = ScreenerConfig
    config: ScreenerConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        if not isinstance(self.config, ScreenerConfig):
            raise PluginError(
                f"The Config of screener '{self.name}' must derive from "
                f"ScreenerConfig, which has the window; got {self.config!r}."
            )

    @classmethod
    def broken_rules(cls) -> Iterator[str]:
        """Yield that the options lack those of every screener, if that is so."""
        if not issubclass(cls.Config, ScreenerConfig):
            yield "its Config is not derived from ScreenerConfig"

    @abstractmethod
    def measure(self, window: Window) -> float:
        """Return the value of the agent; it must be finite.

        The agent must stay as it is: methods of the window see to that.
        """

    def details(self, window: Window) -> Mapping[str, Any]:
        """Return further numbers that JSON can store; by default none."""
        del window
        return {}

    def value(self, window: Window) -> float:
        """Return what :meth:`measure` finds, as a checked number.

        Raises:
            NonFiniteError: It is NaN or infinite.
            PluginError: It is no number.
        """
        measured = self.measure(window)
        try:
            found = float(measured)
        except (TypeError, ValueError) as error:
            raise self._no_number(measured) from error
        if isinstance(measured, str):
            raise self._no_number(measured)
        if not math.isfinite(found):
            raise NonFiniteError(f"Screener '{self.name}' measures {found}.")
        return found

    def _no_number(self, measured: Any) -> PluginError:
        return PluginError(
            f"Screener '{self.name}' measures {shown(measured)}, expected a number."
        )

    def passes(self, value: float, threshold: float) -> bool:
        """Tell whether a run with this value goes on."""
        # NumPy compares a float with a float32 as float32, where 1.1 is 1.1.
        return (value >= float(threshold)) == (self.config.direction == "above")


def make_screener(
    screener: str | Screener, config: Mapping[str, Any] | None = None
) -> Screener:
    """Build a screener from its name and options; return an instance as it is.

    Args:
        screener: Name of a screener, or an instance.
        config: Options of the screener; an instance has its own.

    Raises:
        UnknownNameError: No plug-in has a screener of that name.
        ConfigError: An option does not exist or is out of range; or ``screener`` is
            neither a name nor an instance, or an instance with further options.
    """
    return cast("Screener", instance_of("screeners", screener, config))
