"""The mixin that turns a stock policy class into one whose units can be pruned."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import nn

from sb3_prune.exceptions import CheckpointError, UnsupportedPolicyError
from sb3_prune.gates import OPTIONAL, Gate
from sb3_prune.policies.gating import insert_gates
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.resizing import (
    noted,
    resize,
    resize_plan,
    untold_layers,
    without_notes,
)
from sb3_prune.surgery.wiring import Wiring, wire


class MaskedPolicyMixin(nn.Module):
    """Gates behind every hidden layer, and a ``load_state_dict`` that resizes.

    Put it in front of any policy class of Stable-Baselines3 or sb3-contrib::

        class MyMaskedPolicy(MaskedPolicyMixin, MyPolicy): ...

    With all gates open, outputs and training equal the stock policy's bit for bit. The
    constructor's ``net_arch`` says the *initial* widths; ``SAC.load`` and
    ``set_parameters`` shrink or grow the networks to what was saved.

    Attributes:
        initial_units: Units of every hidden layer when it was built.
    """

    initial_units: dict[str, int]

    def __init__(
        self,
        *args: Any,
        initial_units: Mapping[str, int] | None = None,
        **kwargs: Any,
    ) -> None:
        """Build the stock networks, and put gates into them.

        Args:
            *args: Arguments of the stock policy.
            initial_units: Units that layers had before the agent was pruned, where the
                other arguments say less: surgery notes those of an LSTM here.
            **kwargs: Keyword arguments of the stock policy.
        """
        super().__init__(*args, **kwargs)
        _check_dictionary(self)
        self.initialize_gates()
        self.initial_units |= dict(initial_units or {})

    def initialize_gates(self) -> None:
        """Insert the gates and remember the widths; once is enough."""
        insert_gates(self)
        self.initial_units = wire(self).units()

    def wiring(self) -> Wiring:
        """Return the hidden layers by name."""
        return wire(self)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return all tensors, and the units of layers whose tensors do not tell them.

        See :mod:`sb3_prune.surgery.resizing`; most policies have no such layer.
        """
        state = super().state_dict(*args, **kwargs)
        if "initial_units" not in vars(self) or kwargs.get("prefix"):
            return state  # It is not built yet, or only a part of what is saved.
        with suppress(UnsupportedPolicyError):  # It was compiled, for example.
            state.update(noted(self, wire(self), state))
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load weights of any widths: hidden layers are resized to them first.

        Parameters and buffers keep their identity, whatever their shape becomes.

        Raises:
            RuntimeError: Something else than a hidden layer's width differs; nothing
                was loaded.
            CheckpointError: What was saved does not tell the widths of some layers.
        """
        plan = resize_plan(self, wire(self), state_dict)
        tensors = without_notes(state_dict)
        if not fits(self, plan, tensors, strict):
            untold = untold_layers(self, wire(self), state_dict)
            return self._refuse(tensors, strict, untold)
        resize(self, plan)
        loaded = super().load_state_dict(tensors, strict, assign)
        device = next(self.parameters()).device
        for module in self.modules():
            if isinstance(module, Gate):  # A mask that was not there had no device.
                module.to(device)
        return loaded

    def _refuse(
        self, tensors: Mapping[str, Any], strict: bool, untold: list[str]
    ) -> Any:
        """Let torch say what does not fit, and undo what it loaded until then."""
        before = copy.deepcopy(super().state_dict())
        try:
            super().load_state_dict(tensors, strict)
            raise RuntimeError("Tensors of a gate do not have one entry per unit.")
        except Exception as error:
            super().load_state_dict(before)
            if untold:
                raise CheckpointError(
                    f"Cannot tell the units of {', '.join(untold)}: they lie side by "
                    "side in one tensor, nothing noted how many each had, and neither "
                    f"the widths of {type(self).__name__} as it was built nor as it is "
                    f"now agree with what was saved. ({error})"
                ) from error
            if isinstance(error, RuntimeError):
                raise
            # An optimiser in an extra state, for one, is refused by a ValueError.
            raise RuntimeError(f"Cannot load: {error}") from error


def _check_dictionary(policy: Any) -> None:
    """Refuse to flatten a dictionary of observations, as no extractor of SB3 can.

    Raises:
        UnsupportedPolicyError: The policy would.
    """
    flattens = any(isinstance(m, FlattenExtractor) for m in policy.modules())
    if flattens and isinstance(policy.observation_space, spaces.Dict):
        raise UnsupportedPolicyError(
            f"{type(policy).__name__} flattens its observations, and these are a "
            "dictionary: take a MultiInput policy, such as "
            "MaskedMultiInputActorCriticPolicy or MaskedSACMultiInputPolicy."
        )


def fits(
    policy: nn.Module,
    plan: Mapping[str, Change],
    state_dict: Mapping[str, Any],
    strict: bool = True,
) -> bool:
    """Tell whether every saved tensor fits the policy once the plan is carried out.

    Args:
        policy: The policy that is to load.
        plan: What resizes it.
        state_dict: What was saved.
        strict: Every tensor must be there, and no other; gates may hold any of theirs.
    """
    here = without_notes(policy.state_dict(keep_vars=True))
    tensors = {name: t for name, t in here.items() if torch.is_tensor(t)}
    shapes = {id(tensor): list(tensor.shape) for tensor in tensors.values()}
    paths = {module: name for name, module in policy.named_modules()}
    gates = [path for module, path in paths.items() if isinstance(module, Gate)]
    free = {f"{path}.{name}" for path in gates for name in OPTIONAL}
    if strict and (here.keys() ^ state_dict.keys()) - free:
        return False
    wiring = wire(policy)
    for name, change in plan.items():
        for twin in wiring[name].with_targets():
            for slot in twin.slots():
                grown = (change.after - change.before) * slot.block
                shapes[id(slot.tensor)][slot.axis] += grown
    expected = {name: shapes[id(tensor)] for name, tensor in tensors.items()}
    expected |= _gate_shapes(wiring, plan, paths)
    return all(
        list(getattr(saved, "shape", ())) == expected[name]
        for name, saved in state_dict.items()
        if name in expected
    )


def _gate_shapes(
    wiring: Wiring, plan: Mapping[str, Change], paths: Mapping[nn.Module, str]
) -> dict[str, list[int]]:
    """Return the shapes of all that gates may hold once the plan is carried out."""
    shapes = {}
    for name, layer in wiring.items():
        units = plan[name].after if name in plan else layer.units
        for twin in layer.with_targets():
            if twin.gate is None:
                continue
            for tensor in OPTIONAL:
                path = f"{paths[twin.gate]}.{tensor}"
                shapes[path] = [] if tensor == "theta_steps" else [units]
    return shapes
