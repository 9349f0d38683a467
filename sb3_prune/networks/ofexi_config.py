"""Configuration of an OFEXiNet."""

from __future__ import annotations

import inspect
import math
import sys
from dataclasses import dataclass
from typing import Any

from sb3_prune.exceptions import ConfigError, shown
from sb3_prune.networks.dense import Activation, Norm
from sb3_prune.plugins.options import fit, hints_of


@dataclass(frozen=True, kw_only=True)
class OFEXiConfig:
    """Shape and training of an OFEXiNet.

    Raises:
        ConfigError: A value has a wrong type or is outside its range.
    """

    blocks: int = 6
    """Dense blocks of each branch, L_o = L_oa. Guenter & Sideris 2025 have 8 for
    HalfCheetah and 6 for the other tasks."""
    units: int = 32
    """Number of units that each block appends."""
    norm: Norm = "layer"
    """Normalisation inside the blocks; Guenter & Sideris 2025 use ``batch``."""
    activation: Activation = "silu"
    """Activation function of the units."""
    predicted: int | None = None
    """Number of entries of the next observation to predict, counted from the first;
    None predicts all. Use 27 for Ant-v5 and 270 for Humanoid-v5: their contact forces
    come last and are left out."""
    learning_rate: float = 3e-4
    """Learning rate of the extractor's own Adam."""

    def __post_init__(self) -> None:
        for name, hint in hints_of(OFEXiConfig).items():
            object.__setattr__(self, name, _fitted(name, getattr(self, name), hint))
        for name in ("blocks", "units", "predicted", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= sys.maxsize:
                most = "finite" if value == math.inf else f"at most {sys.maxsize}"
                wanted = most if value > 0 else "positive"
                raise ConfigError(f"{name} must be {wanted}, got {shown(value)}.")


def _fitted(name: str, value: Any, hint: Any) -> Any:
    try:
        return fit(value, hint)
    except TypeError:
        wanted = inspect.formatannotation(hint)
        raise ConfigError(f"{name} must be {wanted}, got {shown(value)}.") from None
