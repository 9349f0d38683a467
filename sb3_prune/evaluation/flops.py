r"""FLOPs: multiplications and additions of one action, counted while a policy acts.

The product :math:`y = W x` with :math:`W \in R^{O \times I}` costs

.. math:: (2 I - 1) O

FLOPs, because each of the O outputs needs I multiplications and I - 1 additions (Su et
al. 2024, equation 23). Every product is counted as often as it is computed. Counted are

- Linear layers and all other matrix products, including products of two activations
  (attention, the variance of gSDE). Products with a vector are counted if one factor is
  a parameter;
- convolutions, with :math:`I = k_1 \dotsm k_d C_{in} / g` inputs for every position of
  the output, where zeros of the padding count as inputs. For a transposed convolution,
  every input is multiplied by its part of W and the products are summed up;
- LSTM, GRU and RNN: the products of :math:`W_{ih}`, :math:`W_{hh}` and projections in
  every step, such as :math:`(2 I - 1) 4 H + (2 H - 1) 4 H` for an LSTM.

Not counted are biases, activation functions, normalisations, pooling, gates, the scales
of dense blocks, elementwise operations of recurrent cells, and table look-ups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten
FACTORS = dict.fromkeys((aten.mm, aten.bmm, aten.mv, aten.dot), 0)
FACTORS |= dict.fromkeys((aten.addmm, aten.baddbmm, aten.addmv), 1)
"""Product -> index of the first factor among the arguments."""
RECURRENT = {"mkldnn_rnn_layer": 1, "_cudnn_rnn": 1, "miopen_rnn": 1, "_lstm_mps": 2}
"""Recurrent layer that runs as one operation -> index of its weights among the
arguments."""
Sizes = list[int]


class FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the FLOPs of all products that torch runs in the context.

    Units with a closed gate do not count. To know the reduced shapes, the counter
    follows views and elementwise operations. Behind other operations the reduced shape
    is unknown, so products of two activations there still count closed units.

    Attributes:
        flops: Multiplications and additions so far.
        sparse_flops: Those that are left if products skip masked weights; a product
            with a share S of them has (1 - S) of its FLOPs.
        read: Parameters that were read so far.
    """

    def __init__(
        self,
        network: nn.Module,
        shapes: Mapping[Tensor, Sizes],
        densities: Mapping[Tensor, float] | None = None,
    ) -> None:
        """Start counting at zero.

        Args:
            network: Module that holds the parameters.
            shapes: Tensor -> the shape it would have if units with a closed gate were
                removed.
            densities: Masked weight -> the share of its entries, between open units,
                that are not masked.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0
        self.sparse_flops = 0.0
        self._density = {_memory(w): d for w, d in (densities or {}).items()}
        self.read: set[Tensor] = set()
        self._parameters = set(network.parameters())
        self._weights = {_memory(parameter) for parameter in self._parameters}
        self._sizes = {t: s for t, s in shapes.items() if s != list(t.shape)}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run an operation, then count it or follow the shapes through it."""
        kwargs = kwargs or {}
        # In inference mode and on MPS, some operations arrive here composed of others.
        with self:
            out = func.decompose(*args, **kwargs)
        if out is NotImplemented:
            out = func(*args, **kwargs)
        tensors = _tensors((args, kwargs))
        self.read |= self._parameters.intersection(tensors)
        before = self.flops
        if self._multiplies(func.overloadpacket, args, out):
            density = [self._density.get(_memory(t), 1.0) for t in tensors]
            self.sparse_flops += (self.flops - before) * min(density)
        else:
            self._follow([t for t in tensors if t in self._sizes], _tensors(out))
        return out

    def _multiplies(self, packet: Any, args: Any, out: Any) -> bool:
        """Count an operation if it is a product; return whether it was counted."""
        if (at := FACTORS.get(packet)) is not None:
            return self._matrices(args[at], args[at + 1], out)
        if packet in (aten.convolution, aten._convolution):
            self._convolution(*args, out=out)
        elif packet is aten._trilinear:  # nn.Bilinear: its rows multiply all x_i y_j.
            rows, *entries = self._left(args[1])
            self._count(len(out) * rows * prod(entries), [len(out), rows], out)
        elif packet.__name__.startswith("_scaled_dot_product"):
            q, k, v = map(self._left, args[:3])
            self._count(prod(q) * k[-2], [*q[:-1], k[-2]])
            self._count(prod(q[:-1]) * prod(v[-2:]), [*q[:-1], v[-1]], out[0])
        elif at := RECURRENT.get(packet.__name__):
            self._recurrent(args[0], _tensors(args[at : at + 2]))
        else:
            return False
        return True

    def _matrices(self, a: Tensor, b: Tensor, out: Tensor) -> bool:
        if b.ndim == 1 and not self._weights & {_memory(a), _memory(b)}:
            return False  # Such as the mean over the active units in a normalisation.
        x, y = self._left(a), self._left(b)
        sizes = x[:-1] + y[-1:] * (b.ndim > 1)
        self._count(min(x[-1], y[-2:][0]) * prod(sizes), sizes, out)
        return True

    def _convolution(self, x: Tensor, w: Tensor, *rest: Any, out: Tensor) -> None:
        transposed, groups, left = rest[4], rest[6], self._left(w)
        channels = left[1] * min(groups, left[0]) if transposed else left[0]
        places = (x if transposed else out).shape[2:]
        sizes = [len(x), channels, *out.shape[2:]]
        self._count(len(x) * prod(places) * prod(left), sizes, out)

    def _recurrent(self, x: Tensor, weights: list[Tensor]) -> None:
        steps = prod(x.shape[:-1])
        for rows, columns in (self._left(w) for w in weights if w.ndim > 1):
            self._count(steps * rows * columns, [steps, rows])

    def _count(self, products: int, sizes: Sizes, out: Tensor | None = None) -> None:
        """Count multiplications that are summed up to a tensor of the given sizes."""
        self.flops += 2 * products - prod(sizes)
        if out is not None and sizes != list(out.shape):
            self._sizes[out] = sizes

    def _left(self, tensor: Tensor) -> Sizes:
        return list(self._sizes.get(tensor, tensor.shape))

    def _follow(self, sources: list[Tensor], made: list[Tensor]) -> None:
        for source, out in product(sources, made):
            sizes = self._left(out)
            for i, j in _same_axes(source, out):
                sizes[j] = min(sizes[j], self._sizes[source][i])
            self._sizes[out] = sizes


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _same_axes(a: Tensor, b: Tensor) -> Iterator[tuple[int, int]]:
    """Yield the pairs of axes along which the entries of a and b correspond."""
    is_view = _memory(a) == _memory(b)
    for i, j in product(range(-a.ndim, 0), range(-b.ndim, 0)):
        same = a.stride(i) == b.stride(j) if is_view else i == j
        if same and a.shape[i] == b.shape[j]:
            yield i, j
