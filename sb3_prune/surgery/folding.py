"""Folding: readers' biases take over what removed units say, as far as it is constant.

Units may be constant by themselves, or a change may say by its shifts which constant
part of them the biases shall take over.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field

import torch
from torch import nn

from sb3_prune.surgery.change import Change
from sb3_prune.surgery.comparison import moved, outputs
from sb3_prune.surgery.flow.forwards import all_forwards, sample_inputs
from sb3_prune.surgery.flow.observe import Observer, installed
from sb3_prune.surgery.flow.quiet import exact_arithmetic, precision, quiet
from sb3_prune.surgery.flow.slots import Key, Place, Read, Side
from sb3_prune.surgery.hidden_layer import MATRIX, HiddenLayer

TOLERANCE = 1e-6
"""How far the activations of a constant unit may differ between inputs."""
FAR = 1000
"""How far folding may move outputs, as a multiple of the rounding error."""


@dataclass
class Folding:
    """Folds constant units, layer by layer. It collects new tensors, installs none.

    Attributes:
        policy: The policy that loses units.
        tensors: The tensors changed so far: weights and biases of readers.
        kept: Why constant units could not be folded, by layer.
    """

    policy: nn.Module
    tensors: MutableMapping[Key, torch.Tensor] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)

    def fold(self, layer: HiddenLayer, change: Change) -> None:
        r"""Fold the removed units of a layer that are constant.

        .. math:: b_{l+1}' = b_{l+1} + \sum_{k \text{ removed}} W_{l+1, \cdot k} c_k

        A unit k is constant if all weights that feed it are zero: its activation
        :math:`c_k` is the same for every input. A run of the policy observes it where
        readers get it. They add :math:`W c` to their outputs, so adding it to their
        biases instead keeps the outputs.

        Afterwards, the readers' weights of all removed units are set to zero. A unit
        of the next layer that read only removed units is constant now, and is folded
        in turn if it is removed as well. A unit with a shift is not folded: biases have
        taken over what the change says that it is.

        Args:
            layer: The layer that loses units.
            change: What happens to its units.
        """
        gone = change.removed
        if change.kept is None or not len(gone):
            return
        constant = gone[self._is_fed_nothing(layer)[gone] & (change.shifts[gone] == 0)]
        if len(constant):
            self._move(layer, constant)
        for slot in layer.readers:
            if slot.side is Side.COLUMNS:
                weight = self._current(slot.key).clone()
                units = slot.units(weight, layer.units)
                # An index of many columns is slow: 8 ms against 0.6 for 1024 x 1024.
                units.masked_fill_(_along(units, gone), 0.0)
                self.tensors[slot.key] = weight

    def _current(self, key: Key) -> torch.Tensor:
        known = self.tensors.get(key)
        tensor: torch.Tensor = getattr(*key).detach() if known is None else known
        return tensor

    def _is_fed_nothing(self, layer: HiddenLayer) -> torch.Tensor:
        """Tell which units have only incoming weights of zero, bool, (K,)."""
        zero = is_fed_nothing(layer)
        weights = [s for s in layer.group.slots if s.side is Side.ROWS]
        if any(slot.key in self.tensors for slot in weights):
            zero = torch.ones_like(zero)
            for slot in weights:
                tensor = self._current(slot.key)
                if tensor.ndim >= MATRIX:
                    zero &= are_zero(slot.units(tensor, layer.units).flatten(1))
        return zero

    def _move(self, layer: HiddenLayer, units: torch.Tensor) -> None:
        """Add to each reader's bias what the reader gets from constant units."""
        why = sorted(layer.mixes | layer.group.unfoldable)
        if layer.group.two_sided:
            why.append("one weight both makes and reads them")
        before = dict(self.tensors)
        arrived = {} if why else self._observe(layer)
        done: set[tuple[Place, Key | None]] = set()
        speak = False
        for read in layer.reads if not why else ():
            key = read.slot.key
            # A weight may have several biases, one for each network that shares it.
            where = read.slot.place, read.bias
            if where in done or key not in arrived:
                continue
            done.add(where)
            given = [read.arrived(x, layer.units)[..., units, :] for x in arrived[key]]
            said = torch.cat([x.reshape(-1, *x.shape[-2:]) for x in given])
            speak |= bool(said.any())
            if reason := self._add(read, layer, units, said):
                why.append(reason)
        far = 0.0 if why else self._moved(layer, units, before)
        if far > FAR * torch.finfo(precision(self.policy)).eps:
            self.tensors = before
            why.append("folding them would change outputs of the policy")
        if speak and layer.unwatched is not None:
            why.append(f"{layer.unwatched} reads them, too, where nothing shows it")
        if why:
            self.kept[layer.name] = ", ".join(dict.fromkeys(why))

    def _moved(
        self,
        layer: HiddenLayer,
        units: torch.Tensor,
        before: Mapping[Key, torch.Tensor],
    ) -> float:
        """Return how far outputs move if biases replace the constant units."""
        if all(before.get(key) is new for key, new in self.tensors.items()):
            return 0.0
        now = dict(self.tensors)
        for read in layer.reads:
            key = read.slot.key
            now[key] = now.get(key, getattr(*key).detach()).clone()
            read.slot.units(now[key], layer.units)[units.to(now[key].device)] = 0.0
        said = []
        for tensors in (before, now):
            with installed(tensors):
                said.append(outputs(self.policy, choices=False))
        return max(moved(*said).values(), default=0.0)

    def _observe(self, layer: HiddenLayer) -> Mapping[Key, list[torch.Tensor]]:
        """Run the policy with the tensors changed so far; return readers' inputs."""
        keys = {read.slot.key for read in layer.reads}
        with quiet(self.policy), exact_arithmetic(), installed(self.tensors):
            observer = Observer(keys)
            for _, call in all_forwards(self.policy, sample_inputs(self.policy)):
                with observer:
                    call()
        return observer.arrived

    def _add(
        self, read: Read, layer: HiddenLayer, units: torch.Tensor, said: torch.Tensor
    ) -> str | None:
        """Add W c to the bias of a reader; return why not if that is impossible.

        Args:
            read: The reader.
            layer: The layer.
            units: Indices of the constant units of the layer.
            said: Activations of these units, (observations, units, block).
        """
        constant = said[0]
        if not bool(constant.any()) and not bool(said.any()):
            return None
        if not torch.allclose(said, constant.expand_as(said), atol=TOLERANCE):
            return "they vary, although nothing feeds them"
        if (why := read.unshiftable) is None:
            self._take_over(read, layer, units, constant)
        return why

    def _take_over(
        self, read: Read, layer: HiddenLayer, units: torch.Tensor, said: torch.Tensor
    ) -> None:
        """Add W c to the bias of a reader, where c are constants (units, block)."""
        assert read.bias is not None
        slot = read.slot
        weight = self._current(slot.key)
        columns = slot.units(weight, layer.units)[units.to(weight.device)]
        # (units, block, outputs, ...): a convolution has its kernel at the end.
        outputs = columns.flatten(3).sum(-1) if weight.ndim > MATRIX else columns
        gain = torch.tensordot(said.to(weight), outputs, dims=2)
        self.tensors[read.bias] = self._current(read.bias) + gain

    def shift(self, layer: HiddenLayer, shifts: torch.Tensor) -> None:
        """Let readers' biases take over the shifts of a change, (K,)."""
        units = shifts.nonzero().flatten()
        done: set[tuple[Place, Key | None]] = set()
        for read in layer.reads if len(units) else ():
            slot = read.slot
            where = slot.place, read.bias
            if where not in done:
                done.add(where)
                said = shifts[units, None].expand(-1, slot.block)
                self._take_over(read, layer, units, said)


def _along(units: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Return a mask of the chosen units, (K, 1, ...), for a tensor (K, ...)."""
    mask = torch.zeros(len(units), dtype=torch.bool)
    mask[chosen] = True
    return mask.view(-1, *[1] * (units.ndim - 1)).to(units.device)


def is_fed_nothing(layer: HiddenLayer) -> torch.Tensor:
    """Tell which units have only incoming weights of zero, bool, (K,)."""
    return are_zero(layer.incoming())


def are_zero(rows: torch.Tensor) -> torch.Tensor:
    """Tell which rows of a matrix (K, N) are zero, bool, (K,), on the CPU."""
    zero = (rows[:, :1] == 0).all(dim=1)
    # Mostly, the first column has no zero, and the others need not be read.
    return ((rows == 0).all(dim=1) if bool(zero.any()) else zero).cpu()
