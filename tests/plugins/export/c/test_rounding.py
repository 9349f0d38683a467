"""Tests for sb3_prune_export/c/rounding.py."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sb3_prune_export.c.code import translate
from sb3_prune_export.c.header import header
from sb3_prune_export.c.rounding import Rounded, rounded
from torch import nn

from . import running

NETS = {
    "linear": (nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 2)), (1, 6)),
    "picture": (nn.Sequential(nn.Conv2d(2, 5, 3), nn.Tanh()), (1, 2, 6, 6)),
}


@pytest.mark.parametrize("name", NETS)
def test_what_is_measured_is_what_the_header_computes(name: str) -> None:
    torch.manual_seed(0)
    net, shape = NETS[name]
    for layer in net:
        getattr(layer, "reset_parameters", int)()
    x = torch.randn(shape)
    program = running.traced(net, x)
    code = translate(program, ["in_0"], ["out_0"], int8=True)
    given = [x.numpy()]
    expected = Rounded(program, code.rounded)(given)
    exact = Rounded(program, ())(given)
    assert 1e-5 < np.abs(expected[0] - exact[0]).max() < 0.1
    text = header(code, "net", "words", {}, given, expected)
    assert running.measured(text, running.require("gcc"), "-std=c99") < 1e-5


def test_each_output_has_its_own_scale() -> None:
    weight = torch.tensor([[1.0, 0.5], [1e-3, 5e-4]])
    torch.testing.assert_close(rounded(weight, 0), weight, rtol=0.02, atol=0)
