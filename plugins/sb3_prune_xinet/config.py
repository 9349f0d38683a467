"""Configuration: how strongly to prune what, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sb3_prune.exceptions import ConfigError
from sb3_prune.strategies import ScheduledConfig, require_at_least, require_one_of

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
"""The paper's Table 2."""


@dataclass(frozen=True, kw_only=True)
class XiNetConfig(ScheduledConfig):
    """How strongly to prune what, and when.

    Raises:
        ConfigError: A value is outside its range.
    """

    preset: Literal["prune-a", "prune-b", "prune-c"] = "prune-b"
    """Strengths of the paper, from mild (a) to strong (c)."""
    lambda_extractor: float | None = None
    """L2 strength on the extractor's parameters; None takes the preset's."""
    lambda_agent: float | None = None
    """L2 strength on the agent's networks; None takes the preset's."""
    nu_extractor: float | None = None
    """Price of a parameter of the extractor; None takes the preset's."""
    nu_policy: float | None = None
    """Price of a parameter of the policy; None takes the preset's."""
    nu_value: float | None = None
    """Price of a parameter of value and Q-networks; None takes the preset's."""
    rho: float | None = None
    """Weight of what only training needs in the extractor's complexity, from 0 (care
    for deployment) to 1 (for learning on); None takes the preset's."""
    price: float = 1.0
    """Factor on every nu: smaller networks and shorter trainings need more."""
    relative: float | None = None
    """Price of the average unit, in units of the gradient of the loss at its theta,
    measured at the beginning; nus then only say how presets differ from prune-b. For
    tasks whose losses are far from those of the paper. None takes the nus as given."""
    calibration: int = 100
    """Gradients that are measured for ``relative``."""
    begin: float = 0.2
    """Share of training before which every theta is 1 and fixed."""
    end: float = 0.8
    """Share of training at which every theta is rounded to 0 or 1 and fixed."""
    tolerance: float = 0.1
    """Units whose theta is below are removed."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """What steps theta."""
    theta_rate: float | None = None
    """Learning rate of theta; None takes that of the network it belongs to."""
    min_units: int = 1
    """Units that every layer keeps."""

    def __post_init__(self) -> None:
        require_one_of("preset", self.preset, PRESETS)
        require_one_of("optimizer", self.optimizer, ("adam", "sgd"))
        for name in [*PRESETS["prune-a"], "price", "relative", "theta_rate"]:
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ConfigError(f"{name} must not be negative, got {value}.")
        for name in ("rho", "tolerance"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ConfigError(f"{name} must be in [0, 1], got {value}.")
        require_at_least("min_units", self.min_units)
        require_at_least("calibration", self.calibration)
        super().__post_init__()

    def strength(self, name: str) -> float:
        """Return a lambda, a nu or rho: what was given, or the preset's."""
        given = getattr(self, name)
        value: float = PRESETS[self.preset][name] if given is None else given
        return value * self.price if name.startswith("nu_") else value

    def share(self, name: str) -> float:
        """Return a nu beside that of prune-b."""
        return self.strength(name) / PRESETS["prune-b"][name]
