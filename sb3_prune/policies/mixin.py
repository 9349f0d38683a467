"""The mixin that turns a policy class into a masked policy class."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import nn

from sb3_prune.exceptions import CheckpointError, UnsupportedPolicyError
from sb3_prune.gates import OPTIONAL, Gate
from sb3_prune.networks.ofexinet import EARLY, OFEXiNet
from sb3_prune.policies.gating import insert_gates
from sb3_prune.surgery.built import AS_BUILT, BUILT, GIVEN, note_built
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.flow.modes import usual_modes
from sb3_prune.surgery.flow.slots import MASK
from sb3_prune.surgery.resizing import (
    noted,
    resize,
    resize_plan,
    untold_layers,
    without_notes,
)
from sb3_prune.surgery.weight_masks import Maskable, load_masks
from sb3_prune.surgery.wiring import Wiring, wire


class MaskedPolicyMixin(nn.Module):
    """Gates behind the hidden layers, and a ``load_state_dict`` that resizes them.

    Put it in front of a policy class of Stable-Baselines3 or sb3-contrib, or of a
    subclass of your own::

        class MyMaskedPolicy(MaskedPolicyMixin, MyPolicy): ...

    With all gates open, outputs and training equal those of the stock policy bit for
    bit. The argument ``net_arch`` sets the *initial* widths; ``SAC.load`` and
    ``set_parameters`` shrink or grow the networks to the saved widths.

    Attributes:
        initial_units: Initial number of units of each hidden layer, by layer name, as
            noted before the first change.
    """

    initial_units: dict[str, int]
    keeps_weight_masks = True

    def __init__(
        self,
        *args: Any,
        initial_units: Mapping[str, int] | None = None,
        **kwargs: Any,
    ) -> None:
        """Build the stock networks and insert gates into them.

        Args:
            *args: Arguments of the stock policy.
            initial_units: Initial numbers of units that differ from the other
                arguments, by layer name. Saved agents use it: after an LSTM is pruned,
                ``lstm_hidden_size`` is its new width, and this is the initial one.
            **kwargs: Keyword arguments of the stock policy.
        """
        super().__init__(*args, **kwargs)
        _check_dictionary(self)
        self.initialize_gates()
        if initial_units:
            self.initial_units |= initial_units
            vars(self)[GIVEN] = dict(initial_units)

    def initialize_gates(self) -> None:
        """Insert the gates and set ``initial_units`` to the current widths.

        Where surgery has changed a width before, the width before that counts.
        """
        insert_gates(self)
        noted, units = vars(self).pop(BUILT, {}), wire(self).units()
        self.initial_units = {name: noted.get(name, k) for name, k in units.items()}
        vars(self)[AS_BUILT] = not noted

    def wiring(self) -> Wiring:
        """Return the wiring: the hidden layers by name."""
        return wire(self)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return all tensors, and the widths that cannot be derived from their shapes.

        Most policies have no such widths; see :mod:`sb3_prune.surgery.resizing`.
        """
        state = super().state_dict(*args, **kwargs)
        if "initial_units" not in vars(self) or kwargs.get("prefix"):
            return state  # Not built yet, or saved as a part of another module.
        with suppress(UnsupportedPolicyError):  # A compiled policy, for example.
            state.update(noted(self, wire(self), state))
        return state

    @usual_modes()
    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Resize the hidden layers to the saved widths, then load the weights.

        Parameters and buffers stay the same objects, even if their shapes change. Where
        weights come without gates, as those of a stock policy, all gates are open
        afterwards. Gates of layers that are not among the tensors stay as they are.

        Raises:
            RuntimeError: The networks differ in more than the widths of hidden layers.
                Nothing was loaded.
            CheckpointError: The widths of some layers cannot be derived from the saved
                tensors. Nothing was loaded.
        """
        plan = resize_plan(self, wire(self), state_dict)
        tensors = without_notes(state_dict)
        if not fits(self, plan, tensors, strict):
            missing = super().state_dict().keys() - tensors.keys()
            untold = untold_layers(self, wire(self), state_dict)
            return self._refuse(tensors, strict, [] if missing else untold)
        # Before resizing: weights that diverged could not be traced anew.
        gates = [(gate, _held(gate)) for gate in _left_out(self, tensors)]
        if plan:
            note_built(self, wire(self).units())
        resize(self, plan)
        load_masks(self, tensors)
        loaded = super().load_state_dict(tensors, strict, assign)
        for gate, held in gates:
            for name, tensor in held.items():
                setattr(gate, name, tensor)
        device = next(self.parameters()).device
        for module in self.modules():
            if isinstance(module, Gate):  # A new mask is still on the saved device.
                module.to(device)
        return loaded

    def _refuse(
        self, tensors: Mapping[str, Any], strict: bool, untold: list[str]
    ) -> Any:
        """Raise an error that tells what does not fit; nothing stays loaded."""
        before = copy.deepcopy(super().state_dict())
        try:
            super().load_state_dict(tensors, strict)
            raise RuntimeError("A saved gate does not have one entry per unit.")
        except Exception as error:
            super().load_state_dict(before)
            if untold:
                raise CheckpointError(
                    f"Cannot derive the saved number of units of {', '.join(untold)}: "
                    "the units of these layers lie side by side in one tensor, and no "
                    "entry tells how many belong to each layer. Neither the initial "
                    f"nor the current widths of this {type(self).__name__} fit the "
                    f"saved tensors. ({error})"
                ) from error
            if isinstance(error, RuntimeError):
                raise
            # For example a ValueError, if the extra state holds another optimiser.
            raise RuntimeError(f"Cannot load: {error}") from error


def _left_out(policy: nn.Module, tensors: Mapping[str, Any]) -> Iterator[Gate]:
    """Yield the gates of all layers that have no tensor in a state dictionary."""
    saved = {name.rpartition(".")[0] for name in tensors}
    named = policy.named_modules(remove_duplicate=False)
    loaded = {module for path, module in named if path in saved}
    layers = [twin for la in wire(policy).values() for twin in la.with_targets()]
    for layer in layers:
        if not loaded & {*layer.module.modules(), *layer.group.gates}:
            yield from layer.group.gates


def _held(gate: Gate) -> dict[str, torch.Tensor | None]:
    return {name: getattr(gate, name) for name in OPTIONAL}


def _check_dictionary(policy: Any) -> None:
    """Check that a policy for dictionary observations does not flatten them.

    Raises:
        UnsupportedPolicyError: It has a FlattenExtractor, which needs an array.
    """
    flattens = any(isinstance(m, FlattenExtractor) for m in policy.modules())
    if flattens and isinstance(policy.observation_space, spaces.Dict):
        raise UnsupportedPolicyError(
            f"{type(policy).__name__} flattens its observations, but they are a "
            "dictionary: use a MultiInput policy, such as "
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
        policy: The policy that is to load the tensors.
        plan: Changes that resize the policy, by layer name.
        state_dict: The saved tensors by name.
        strict: Whether the saved tensors must have the same names as the policy's. The
            tensors of gates are exempt.
    """
    here = without_notes(policy.state_dict(keep_vars=True))
    tensors = {name: t for name, t in here.items() if torch.is_tensor(t)}
    shapes = {id(tensor): list(tensor.shape) for tensor in tensors.values()}
    # Modules that networks share are saved under each of their paths.
    named = list(policy.named_modules(remove_duplicate=False))
    gates = [path for path, module in named if isinstance(module, Gate)]
    free = {f"{path}.{name}" for path in gates for name in OPTIONAL}
    free |= {f"{p}.{MASK}" for p, m in named if isinstance(m, Maskable)}
    free |= {f"{p}.{EARLY}" for p, m in named if isinstance(m, OFEXiNet)}
    if strict and (here.keys() ^ state_dict.keys()) - free:
        return False
    wiring = wire(policy)
    for name, change in plan.items():
        for twin in wiring[name].with_targets():
            for slot in twin.slots():
                grown = (change.after - change.before) * slot.block
                shapes[id(slot.tensor)][slot.axis] += grown
    expected = {name: shapes[id(tensor)] for name, tensor in tensors.items()}
    expected |= _gate_shapes(wiring, plan, named)
    expected |= {
        f"{path}.{MASK}": expected[f"{path}.weight"]
        for path, _ in named
        if f"{path}.weight" in expected
    }
    return all(
        list(getattr(saved, "shape", ())) == expected[name]
        for name, saved in state_dict.items()
        if name in expected
    )


def _gate_shapes(
    wiring: Wiring, plan: Mapping[str, Change], named: Iterable[tuple[str, nn.Module]]
) -> dict[str, list[int]]:
    """Return the shapes that the tensors of gates have once the plan is carried out."""
    units: dict[nn.Module | None, int] = {
        twin.gate: plan[name].after if name in plan else layer.units
        for name, layer in wiring.items()
        for twin in layer.with_targets()
    }
    return {
        f"{path}.{tensor}": [] if tensor == "theta_steps" else [units[module]]
        for path, module in named
        if isinstance(module, Gate) and module in units
        for tensor in OPTIONAL
    }
