"""Configuration: how strongly to prune each part of the agent, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sb3_prune.exceptions import ConfigError, shown
from sb3_prune.strategies import (
    ScheduledConfig,
    require_at_least,
    require_finite,
    require_one_of,
)

PRESETS: dict[str, dict[str, float]] = {
    "prune-a": {
        "lambda_extractor": 1e-9,
        "lambda_agent": 1e-9,
        "nu_extractor": 5e-8,
        "nu_policy": 2e-6,
        "nu_value": 1e-4,
        "rho": 1.0,
    },
    "prune-b": {
        "lambda_extractor": 1e-6,
        "lambda_agent": 1e-9,
        "nu_extractor": 2e-7,
        "nu_policy": 1e-5,
        "nu_value": 5e-4,
        "rho": 0.5,
    },
    "prune-c": {
        "lambda_extractor": 1e-6,
        "lambda_agent": 1e-9,
        "nu_extractor": 3e-7,
        "nu_policy": 2e-5,
        "nu_value": 2.5e-3,
        "rho": 0.5,
    },
}
"""The settings of Guenter & Sideris 2025, Table 2."""


@dataclass(frozen=True, kw_only=True)
class XiNetConfig(ScheduledConfig):
    """How strongly to prune each part of the agent, and when.

    Theta is the probability that a unit's gate is open.

    Raises:
        ConfigError: A value is outside its range.
    """

    preset: Literal["prune-a", "prune-b", "prune-c"] = "prune-b"
    """Strengths of the paper, from mild (a) to strong (c)."""
    lambda_extractor: float | None = None
    """L2 strength on the extractor's parameters; None uses the preset's value."""
    lambda_agent: float | None = None
    """L2 strength on the agent's networks; None uses the preset's value."""
    nu_extractor: float | None = None
    """Price of a parameter of the extractor; None uses the preset's value."""
    nu_policy: float | None = None
    """Price of a parameter of the policy; None uses the preset's value."""
    nu_value: float | None = None
    """Price of a parameter of value and Q-networks; None uses the preset's value."""
    rho: float | None = None
    """Weight of the parameters that only training needs, in the extractor's complexity.
    0 ignores them, 1 counts them in full; None uses the preset's value."""
    price: float = 1.0
    """Factor on every nu. Smaller networks and shorter trainings need a larger one."""
    relative: float | None = None
    """Price of the average unit, relative to the gradient of the loss at its theta.
    The gradient is measured first; nus then only count relative to those of prune-b.
    Use it if losses differ much from those of the paper's tasks.
    None uses the nus as they are."""
    calibration: int = 100
    """Number of gradients to measure for ``relative``."""
    begin: float = 0.2
    """Share of training after which theta is learnt; before, every theta is 1."""
    end: float = 0.8
    """Share of training at which every theta is rounded to 0 or 1 and then fixed."""
    tolerance: float = 0.1
    """Units are removed when their theta is below this value."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """Optimiser of theta."""
    theta_rate: float | None = None
    """Learning rate of theta; None uses the learning rate of theta's network."""
    min_units: int = 1
    """Smallest number of units in each layer."""

    def __post_init__(self) -> None:
        require_one_of("preset", self.preset, PRESETS)
        require_one_of("optimizer", self.optimizer, ("adam", "sgd"))
        for name in [*PRESETS["prune-a"], "price", "relative", "theta_rate"]:
            value = getattr(self, name)
            if value is not None:
                require_finite(name, value)
        for name in ("nu_extractor", "nu_policy", "nu_value"):
            require_finite(f"{name} * price", self.strength(name))
        for name in ("rho", "tolerance"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ConfigError(f"{name} must be in [0, 1], got {shown(value)}.")
        require_at_least("min_units", self.min_units)
        require_at_least("calibration", self.calibration)
        super().__post_init__()

    def strength(self, name: str) -> float:
        """Return a lambda, a nu (times ``price``) or rho: as given, or the preset's."""
        given = getattr(self, name)
        value: float = PRESETS[self.preset][name] if given is None else given
        return value * self.price if name.startswith("nu_") else value

    def share(self, name: str) -> float:
        """Return a nu divided by that of the preset prune-b."""
        return self.strength(name) / PRESETS["prune-b"][name]
