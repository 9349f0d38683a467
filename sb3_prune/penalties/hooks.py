"""Hooks: a penalty's gradient joins that of the loss, before it is clipped."""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from sb3_contrib import TRPO
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.networks.perceptrons import Role
from sb3_prune.penalties.base import Penalty
from sb3_prune.penalties.pricing import Priced, price
from sb3_prune.surgery.flow.slots import MASK
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.wiring import Wiring, wire


class PenaltyHooks:
    """Adds a penalty's gradient to the gradients of weights, while these learn.

    The penalty joins once per update: when a backward pass begins the gradient of a
    weight anew. Until its optimiser clears a gradient, it is not added again. So a
    network that only passes the gradient of another one on, as SAC's critic does for
    the actor, is not penalised for it.

    A penalty is alive during the call of ``learn()`` in which it was attached. A
    training that was interrupted leaves hooks behind, but these are idle.
    """

    def __init__(self) -> None:
        self._handles: list[Any] = []
        self._priced: list[Priced] = []
        self._gradients: dict[int, list[Any]] = defaultdict(list)
        self._pass = -1

    def attach(
        self,
        model: BaseAlgorithm,
        penalty: Penalty,
        strengths: Mapping[HiddenLayer, float],
    ) -> None:
        """Penalise hidden layers of a model, and nothing else any more.

        Args:
            model: The model.
            penalty: The penalty.
            strengths: For each layer of the wiring the factor of its penalty; layers
                with factor 0 are not penalised. Target networks never are.

        Raises:
            UnsupportedPolicyError: The algorithm is TRPO and a layer is of its actor.
            PluginError: The penalty's gradients have wrong shapes.
        """
        self.release()
        chosen = {layer.name: s for layer, s in strengths.items() if s}
        if not chosen:
            return
        wiring = wire(model)
        _check_learns(model, wiring, chosen)
        self._model, self._began = weakref.ref(model), model.start_time
        self._penalty, self._strengths = penalty, chosen
        self._look(wiring)
        for priced in self._priced:
            priced.check()  # Errors come before training.
        for parameter in self._weights.values():
            self._hook(parameter)

    def release(self) -> None:
        """Remove all hooks; nothing is penalised any more."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._priced.clear()
        self._gradients.clear()

    def _look(self, wiring: Wiring) -> None:
        self._priced = price(wiring, self._penalty, self._strengths)
        stretches = [each for p in self._priced for each in p.stretches]
        # By their ids: tensors are slow keys.
        self._weights = {id(each.parameter): each.parameter for each in stretches}
        self._slots = {id(each.parameter): each.slot for each in stretches}
        self._gates = {gate for p in self._priced for gate in p.gates}

    def _hook(self, parameter: torch.Tensor) -> None:
        """Hook into a weight, also into one that does not learn at the moment."""
        learns = parameter.requires_grad
        parameter.requires_grad_(True)
        self._handles += [
            parameter.register_hook(self._before),  # type: ignore[no-untyped-call]
            parameter.register_post_accumulate_grad_hook(self._after),  # type: ignore[no-untyped-call]
        ]
        parameter.requires_grad_(learns)

    def _before(self, gradient: torch.Tensor) -> None:
        """Compute the gradients of the penalty at the start of a backward pass."""
        del gradient  # The penalty joins in _after, never in torch.autograd.grad.
        current = torch._C._current_graph_task_id()
        if current != self._pass:
            self._pass = current
            self._begin()

    def _after(self, parameter: torch.Tensor) -> None:
        """Add the gradient of the penalty to that of the loss."""
        for stretch, part, strength in self._gradients.pop(id(parameter), ()):
            assert parameter.grad is not None
            stretch.add(part, parameter.grad, strength)
            if (mask := stretch.slot.owner._buffers.get(MASK)) is not None:
                parameter.grad.mul_(
                    mask
                )  # The weights stay zero, whatever the penalty.

    def _begin(self) -> None:
        self._gradients.clear()
        model = self._model()
        if model is None or model.start_time != self._began:
            return  # The training was interrupted, and another one runs.
        for key, slot in self._slots.items():
            if slot.tensor is not self._weights[key]:
                self._look(wire(model))  # Someone else has changed units.
                break
        new = {
            key
            for key, weight in self._weights.items()
            if weight.grad is None or not bool(weight.grad.any())
        }
        if not new:
            return
        gated = any(gate.expected is not None for gate in self._gates)
        for priced in self._priced:
            for stretch, part in priced.gradients(gated):
                key = id(stretch.parameter)
                if key in new:
                    self._gradients[key].append((stretch, part, priced.strength))


def _check_learns(
    model: BaseAlgorithm, wiring: Wiring, chosen: Mapping[str, float]
) -> None:
    """Refuse layers whose gradients never meet an optimiser."""
    if not isinstance(model, TRPO):
        return
    for name in chosen:
        if wiring.roles.get(wiring[name].network) is not Role.STATE_VALUE:
            raise UnsupportedPolicyError(
                f"TRPO updates '{name}' without an optimiser, so no penalty can join "
                "its gradient: use PPO, or set the strength of the penalty to 0."
            )
