"""Rules of recurrent layers: one memory cell has a row in each of the layer's gates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sb3_prune.surgery.flow.axes import Axis, resolve, roots, unify
from sb3_prune.surgery.flow.names import leaves
from sb3_prune.surgery.flow.rules.table import RULES, Rule
from sb3_prune.surgery.flow.slots import Side

if TYPE_CHECKING:
    from sb3_prune.surgery.flow.tracer import Tracer


def _recurrent(gates: int) -> Rule:
    """Return the rule of a layer with this many gates."""

    def apply(
        tracer: Tracer,
        out: Any,
        input: Tensor,
        hx: Any,
        flat: Sequence[Tensor],
        biases: bool,
        layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: Any = None,
    ) -> bool:
        del dropout, train  # They do not change where units lie.
        per = 4 if biases else 2
        if bidirectional or len(flat) != per * layers or batch_first is None:
            return False
        states = list(leaves(hx))
        hidden = tracer.axes(states[0])[-1]
        for state in states[1:]:
            unify(hidden, tracer.axes(state)[-1], "state")
        for layer in range(layers):
            own = flat[layer * per : (layer + 1) * per]
            _layer(tracer, own, hidden, gates, input if layer == 0 else None)
        _outputs(tracer, out, input, states, hidden)
        return True

    return apply


def _layer(
    tracer: Tracer, own: Sequence[Tensor], hidden: Axis, gates: int, below: Any
) -> None:
    """Unify the weights of one layer; the first reads ``below``."""
    from_below, from_itself, *biases = own
    for tensor in own:
        unify(tracer.axes(tensor)[0], resolve(hidden) * gates, "gates")
        tracer.holds(tensor, 0, Side.ROWS)
    if below is None:
        unify(tracer.axes(from_below)[1], hidden, "memory")
        tracer.holds(from_below, 1, Side.COLUMNS)
    else:
        bias = biases[0] if biases else None
        tracer.contract(below, -1, from_below, 1, "memory", bias)
    unify(tracer.axes(from_itself)[1], hidden, "memory")
    tracer.holds(from_itself, 1, Side.COLUMNS)


def _outputs(
    tracer: Tracer, out: Any, input: Tensor, states: list[Tensor], hidden: Axis
) -> None:
    result, *after = out
    tracer.put(result, [*tracer.axes(input)[:-1], hidden], True)
    for state, old in zip(leaves(after), states, strict=True):
        tracer.put(state, [*tracer.axes(old)[:-1], hidden], True)
    for units in roots(hidden):
        units.mark(unfoldable=["its memory varies"])


def _cell(gates: int) -> Rule:
    """Return the rule of one step of a layer with this many gates."""

    def apply(tracer: Tracer, out: Any, input: Tensor, hx: Any, *weights: Any) -> None:
        states, made = list(leaves(hx)), list(leaves(out))
        hidden = tracer.axes(states[0])[-1]
        for state in states[1:]:
            unify(hidden, tracer.axes(state)[-1], "state")
        own = [tensor for tensor in weights if tensor is not None]
        _layer(tracer, own, hidden, gates, input)
        _outputs(tracer, (made[0], made[1:]), input, states[1:], hidden)

    return apply


RULES["lstm_cell"] = _cell(4)
RULES["gru_cell"] = _cell(3)
RULES["rnn_tanh_cell"] = RULES["rnn_relu_cell"] = _cell(1)
RULES["lstm"] = _recurrent(4)
RULES["gru"] = _recurrent(3)
RULES["rnn_tanh"] = RULES["rnn_relu"] = _recurrent(1)
