"""Learner: learns the thetas of all networks that share an optimiser."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sb3_prune.gates import Gate
from sb3_prune.surgery import HiddenLayer
from sb3_prune_xinet.anatomy import Anatomy, Network
from sb3_prune_xinet.calibration import Calibration
from sb3_prune_xinet.config import XiNetConfig
from sb3_prune_xinet.price import EXTRACTOR, Price, kind_of
from sb3_prune_xinet.stepping import step

ROUND_UP_FROM = 0.5
"""Thetas from this value on are rounded to 1, others to 0."""


class Learner:
    """Learns the thetas of all networks whose weights one optimiser steps.

    Args:
        config: The options of the strategy.
        anatomy: The parts of the agent.
        networks: The networks that the optimiser steps; empty if it steps the features
            extractor.
        calibration: Measurements of gradients so far, for relative prices.
    """

    def __init__(
        self,
        config: XiNetConfig,
        anatomy: Anatomy,
        networks: Sequence[Network],
        calibration: Calibration | None = None,
    ) -> None:
        self.config = config
        self.calibration = calibration or Calibration(config.calibration)
        self.anatomy, self.networks = anatomy, networks
        stepped = [la for n in networks for la in n.layers] or anatomy.blocks
        self.learnable = [la for la in stepped if la.gate]
        self.layers = [la for la in self.learnable if la.is_part_of(*config.networks)]
        self.gates = [la.gate for la in self.layers if la.gate is not None]
        names = [layer.name for layer in anatomy.layers]
        self._places = [names.index(layer.name) for layer in self.layers]
        self.price = Price(config, anatomy, networks, self.calibration.nus)

    def after_step(self, optimizer: torch.optim.Optimizer, progress: float) -> None:
        """Start, step or round the thetas after a step of the weights.

        Args:
            optimizer: The optimiser of the weights.
            progress: Share of training done, in [0, 1].
        """
        if progress < self.config.begin or not self.gates:
            return
        if progress >= self.config.end:
            self.round()
        elif not all(gate.drawn for gate in self.gates):
            self.start()
        else:
            self._step(optimizer)

    def slopes(self) -> list[float]:
        """Return, for each layer, the gradient of the price at each of its thetas."""
        return self._own(self.price)

    @torch.no_grad()
    def round(self) -> None:
        """Round every theta to 0 or 1; layers whose thetas are all 1 stop learning."""
        for layer, gate in zip(self.layers, self.gates, strict=True):
            if gate.theta is not None:
                gone = given_up(gate, ROUND_UP_FROM, self.config.min_units)
                self._round(layer, ~gone)

    def _round(self, layer: HiddenLayer, sure: torch.Tensor) -> None:
        done = bool(sure.all())
        for twin in layer.with_targets():
            if twin.gate is None or twin.gate.theta is None:
                continue
            if done:
                twin.gate.settle()
            else:
                twin.gate.theta.copy_(sure)
                twin.gate.theta.grad = None

    def start(self) -> None:
        """Let every gate sample; gates that have thetas already keep them."""
        for layer in self.layers:
            for twin in layer.with_targets():
                if twin.gate is not None and twin.gate.theta is None:
                    twin.gate.learn(twin.like)
        for gate in self.gates:
            gate.drawn = True

    def resume(self) -> None:
        """Let the gates sample if all of them have thetas from an earlier run."""
        if all(gate.theta is not None for gate in self.gates):
            self.start()

    def stop(self) -> None:
        """Stop all gates from sampling."""
        for gate in self.gates:
            gate.drawn = False

    def _parts(self) -> dict[str, tuple[str, list[HiddenLayer]]]:
        """Return the priced parts: name -> (name of the option nu, hidden layers)."""
        if not self.networks:
            return {EXTRACTOR: ("nu_extractor", self.layers)}
        parts = {n.name: (kind_of(n), self._layers_of(n)) for n in self.networks}
        # Networks that are not pruned have no thetas, so no gradients to measure.
        return {name: part for name, part in parts.items() if part[1]}

    def _layers_of(self, network: Network) -> list[HiddenLayer]:
        return [layer for layer in self.layers if layer.network == network.name]

    def _calibrate(self) -> bool:
        """Measure gradients; return whether thetas must wait for more of them."""
        if self.config.relative is None:
            return False
        parts, nus = self._parts(), self.calibration.nus
        waiting = [name for name in parts if name not in nus]
        for name in waiting:
            kind, layers = parts[name]
            gates = [la.gate for la in layers if la.gate is not None]
            if self.calibration.observe(name, gates):
                strength = self.config.relative * self.config.share(kind)
                self.calibration.settle(name, strength, self._slope_of(name, layers))
        if waiting:
            self.price = Price(self.config, self.anatomy, self.networks, nus)
            for gate in self.gates:
                assert gate.theta is not None
                gate.theta.grad = None
        return bool(waiting)

    def _slope_of(self, name: str, layers: Sequence[HiddenLayer]) -> float:
        """Return the parameters that the average unit of a part costs."""
        parameters = Price(self.config, self.anatomy, self.networks, {name: 1.0})
        slopes = dict(zip(self.layers, self._own(parameters), strict=True))
        units = sum(layer.units for layer in layers)
        return sum(slopes[layer] * layer.units for layer in layers) / units

    def _own(self, price: Price) -> list[float]:
        slopes = price.slopes().tolist()
        return [slopes[place] for place in self._places]

    def _step(self, optimizer: torch.optim.Optimizer) -> None:
        if self._calibrate():
            return
        rate = self.config.theta_rate
        if rate is None:
            # SB3's linear learning rate schedules end slightly below zero.
            rate = max(0.0, optimizer.param_groups[0]["lr"])
        step(
            self.gates,
            self.slopes(),
            optimizer=self.config.optimizer,
            learning_rate=rate,
        )


@torch.no_grad()
def given_up(gate: Gate, tolerance: float, min_units: int) -> torch.Tensor:
    """Return which open units are to be removed, bool, (units,).

    Args:
        gate: A gate with thetas. Units that its mask closes are not returned.
        tolerance: Open units are removed if their theta is below this value.
        min_units: The units with the largest thetas that are kept in any case.
    """
    assert gate.theta is not None
    theta = gate.theta
    passing = torch.ones_like(theta, dtype=torch.bool)
    if gate.mask is not None:
        passing = gate.mask != 0
    # -1.0: closed units rank behind open units whose theta is 0.
    best = torch.where(passing, theta, -1.0).argsort(descending=True, stable=True)
    gone = passing & (theta < tolerance)
    gone[best[:min_units]] = False
    return gone
