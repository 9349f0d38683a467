"""Entropies: screeners by the entropy of activations, weighted or not."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch

from sb3_prune.exceptions import (
    UnsupportedPolicyError,
    require_at_least,
    require_one_of,
)
from sb3_prune.screening import Screener, ScreenerConfig, Window, sensitivities
from sb3_prune_screening.attributions import integrated
from sb3_prune_screening.histograms import (
    Floats,
    HistogramConfig,
    entropies,
    entropy_of,
)

SOURCE = 'Saad 2023, "Using pre-training to speed up deep reinforcement learning"'


@dataclass(frozen=True, kw_only=True)
class EntropyConfig(ScreenerConfig, HistogramConfig):
    """The window, the histogram, and the networks whose units count."""

    networks: tuple[str, ...] = ()
    """Paths of networks, such as ``mlp_extractor.value_net``; those that choose actions
    if there are none. Layers count if the wiring lists them."""

    def __post_init__(self) -> None:
        ScreenerConfig.__post_init__(self)
        HistogramConfig.__post_init__(self)


class UnitEntropy(Screener):
    """The entropy of values of hidden units; what values, a subclass says."""

    Config = EntropyConfig
    config: EntropyConfig

    @abstractmethod
    def values(self, window: Window) -> Mapping[str, torch.Tensor]:
        """Return the values, layer name -> (rows, units)."""

    def measure(self, window: Window) -> float:
        """Return the entropy of the values."""
        return entropy_of(self._arrays(window), self.config)

    def details(self, window: Window) -> Mapping[str, Any]:
        """Return the entropy of each unit, by layer."""
        found = self._arrays(window)
        return {n: entropies(a, self.config, n).tolist() for n, a in found.items()}

    def _arrays(self, window: Window) -> dict[str, Floats]:
        return {n: t.cpu().numpy() for n, t in self.values(window).items()}


class Entropy(UnitEntropy):
    """Entropy of the activations of hidden units."""

    name = "entropy"
    reference = f"{SOURCE}, equation 9; the width term is that of equation 8"

    def values(self, window: Window) -> Mapping[str, torch.Tensor]:
        """Return the activations."""
        return window.activations(self.config.networks)


class GradientEntropy(UnitEntropy):
    """Entropy of activations times the gradient of A2C's loss."""

    name = "gradient-entropy"
    reference = f"{SOURCE}, section 3.3"

    def values(self, window: Window) -> Mapping[str, torch.Tensor]:
        """Return activations times gradients."""
        found = sensitivities(window, self.config.networks)
        return {name: each.weighted for name, each in found.items()}


Others = Literal["refuse", "plain", "leave-out"]
"""What is done with layers that are not behind a ReLU."""


@dataclass(frozen=True, kw_only=True)
class GuidedConfig(EntropyConfig):
    """The options of the entropy, and what is done with layers without a ReLU."""

    others: Others = "refuse"
    """Layers that are not behind a ReLU: ``refuse`` raises an error, ``plain`` measures
    them with the gradient that reaches them, ``leave-out`` does not measure them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of("others", self.others, get_args(Others))


class GuidedEntropy(UnitEntropy):
    """Entropy of activations times the gradient by guided back-propagation."""

    name = "guided-entropy"
    reference = (
        f"{SOURCE}, section 6; Springenberg et al. 2015, "
        '"Striving for simplicity: the all convolutional net"'
    )
    Config = GuidedConfig
    config: GuidedConfig

    def values(self, window: Window) -> Mapping[str, torch.Tensor]:
        """Return activations times guided gradients.

        Raises:
            UnsupportedPolicyError: A layer is not behind a ReLU and is refused, or none
                is left.
        """
        found = sensitivities(window, self.config.networks, guided=True)
        others = [name for name, each in found.items() if not each.is_relu]
        if others and (self.config.others == "refuse" or len(others) == len(found)):
            raise UnsupportedPolicyError(
                "Guided back-propagation is for ReLU networks, and these layers are "
                f"not seen directly behind a ReLU: {', '.join(others)}. Measure "
                "'gradient-entropy', or, of networks that mix ReLU with others, set "
                "others to 'plain' or 'leave-out'."
            )
        left_out = others if self.config.others == "leave-out" else []
        return {n: each.weighted for n, each in found.items() if n not in left_out}


@dataclass(frozen=True, kw_only=True)
class IntegratedConfig(EntropyConfig):
    """The options of the entropy, and how exact the integral is."""

    points: int = 16
    """Points of the integral, between activations for zeros and those observed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least("points", self.points)


class IntegratedGradients(UnitEntropy):
    """Entropy of the integrated gradients of A2C's loss, by captum."""

    name = "integrated-gradients"
    reference = (
        f"{SOURCE}, section 8 (outlook); Sundararajan et al. 2017, "
        '"Axiomatic attribution for deep networks"'
    )
    Config = IntegratedConfig
    config: IntegratedConfig

    def values(self, window: Window) -> Mapping[str, torch.Tensor]:
        """Return what each activation contributes to the loss."""
        return integrated(window, self.config.networks, self.config.points)
