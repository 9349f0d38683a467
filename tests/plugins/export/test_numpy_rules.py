"""Every rule names a core operation that torch has, and says what torch says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sb3_prune_export.numpy_rules import DEFAULTS, RULES
from torch import nn

from sb3_prune.exporting.folding import fold
from sb3_prune.exporting.tracing import lowered, traceable, unlifted

ATEN = torch.ops.aten


@pytest.mark.parametrize("name", RULES)
def test_it_is_an_operation(name: str) -> None:
    packet, overload = name.split(".")
    assert getattr(getattr(ATEN, packet), overload)
    assert DEFAULTS.keys() <= RULES.keys()


UNARY = ["abs", "atan", "cos", "exp", "expm1", "log1p", "neg", "reciprocal", "relu"]
UNARY += ["round", "rsqrt", "sign", "sin", "sqrt", "tanh", "log"]


@pytest.mark.parametrize("name", UNARY)
def test_elementwise(name: str) -> None:
    x = np.array([[0.25, 1.5, 3.5]], np.float32)
    expected = getattr(ATEN, name).default(torch.tensor(x)).numpy()
    template: Any = RULES[f"{name}.default"]
    found = eval(template.format("x"), {"np": np, "x": x})
    np.testing.assert_allclose(found, expected, rtol=1e-6)


class Everything(nn.Module):
    """Operations with more arguments."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.where(x > 0, x, x * 0.1) + nn.functional.hardtanh(x)
        y = y - y.mean(dim=1, keepdim=True) + y.amax(dim=-1)[:, None] * y.amin()
        y = torch.maximum(y, x.clamp(min=-0.5)) ** 2 + (y.sum(-1, keepdim=True) >= 1)
        y = nn.functional.leaky_relu(y - 1) + nn.functional.softplus(x.clamp(-1, 1))
        whole = (x * 3).long()
        z = torch.clamp(x, min=torch.tensor([0.0, -0.1, 0.2, 0.0]))
        z = z + nn.functional.gelu(x, approximate="tanh") + x.argmax(1, keepdim=True)
        z = z + torch.logical_and(whole, whole + 1) + 2 * torch.logical_not(whole)
        z = z + 4 * torch.logical_or(whole, whole - 1) + (whole ^ 5) + ~(whole | 2)
        return torch.cat([y, z, torch.ones_like(x), x[:, :1].expand(1, 2)], dim=1)


def test_rules_in_a_program() -> None:
    from sb3_prune_export.numpy_code import Writer

    x = torch.tensor([[0.3, -0.7, 1.2, -2.0]])
    with traceable():
        program = lowered(fold(unlifted(lowered(Everything(), (x,)), ["x"])), (x,))
    writer = Writer.of(program, ["x"])
    scope: dict[str, Any] = {"np": np, "x": x.numpy(), **writer.weights}
    scope |= {helper.__name__: helper for helper in writer.helpers}
    exec("\n".join([*writer.constants, *writer.lines]), scope)
    (found,) = eval(f"({writer.returned})", scope)
    np.testing.assert_allclose(found, Everything()(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [n for n, r in RULES.items() if isinstance(r, str)])
def test_templates_read_every_argument(name: str) -> None:
    """What a template leaves out would be ignored without a word."""
    operation, _, overload = name.partition(".")
    schema = getattr(getattr(torch.ops.aten, operation), overload)._schema
    template = str(RULES[name])
    given = [a.name for a in schema.arguments if not a.kwarg_only]
    unread = [
        argument
        for place, argument in enumerate(given)
        if f"{{{place}}}" not in template and not (place == 1 and "{axes}" in template)
    ]
    if "{shape}" in template:  # Which says as much.
        unread = [each for each in unread if each not in ("size", "dim", "self")]
    assert unread in (
        [],
        ["alpha"],
    )  # Positional in a few schemas, by keyword in graphs.
