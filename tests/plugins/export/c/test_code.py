"""Tests for sb3_prune_export/c/code.py."""

from __future__ import annotations

import pytest
import torch
from sb3_prune_export.c.code import translate
from torch import nn

from . import running


def mlp(width: int = 9) -> nn.Module:
    layers = [nn.Linear(5, width), nn.Tanh(), nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 2))


def test_a_program_reads_inputs_writes_outputs_and_needs_little_scratch() -> None:
    program = running.traced(mlp(), torch.randn(1, 5))
    code = translate(program, ["observation"], ["action"])
    assert [b.name for b in code.inputs] == ["observation"]
    assert [(b.name, b.size) for b in code.outputs] == [("action", 2)]
    assert code.sizes == {"f": 21}  # 9 numbers, and 9 that are padded to 12.
    assert code.scratch_bytes == 4 * 21
    assert code.weights == 6 * 12 + 10 * 12 + 10 * 4


def test_double_takes_twice_the_memory_and_agrees() -> None:
    net, x = mlp(), torch.randn(1, 5)
    _, code = running.written(net, x, double=True)
    assert set(code.sizes) == {"d"}
    assert running.difference(net, x, double=True) < 1e-6


def test_eight_bits_take_a_quarter_of_the_memory() -> None:
    net, x = mlp(64), torch.randn(1, 5)
    (_, exact), (_, rounded) = (
        running.written(net, x, int8=choice) for choice in (False, True)
    )
    assert len(rounded.rounded) == 3
    assert rounded.weight_bytes < exact.weight_bytes / 3


def test_outputs_may_lie_in_inputs() -> None:
    """States that are swapped are read before they are written."""
    text, _ = running.written(lambda a, b: (b, a), torch.ones(1, 3), torch.zeros(1, 3))
    source = """
        #include "net.h"
        #include <stdio.h>
        int main(void) {
            float a[3] = {1, 2, 3}, b[3] = {4, 5, 6};
            net_predict(a, b, a, b);
            printf("%g %g ", (double)a[0], (double)a[2]);
            printf("%g %g", (double)b[0], (double)b[2]);
            return 0;
        }
    """
    gcc = running.require("gcc")
    assert running.compiled(source, {"net.h": text}, gcc, "-std=c99") == "4 6 1 3"


@pytest.mark.parametrize("compiler", running.COMPILERS)
@pytest.mark.parametrize("standard", ["c99", "c++11"])
def test_every_compiler_takes_it_without_a_warning(
    compiler: str, standard: str
) -> None:
    text, _ = running.written(mlp(), torch.randn(1, 5))
    cxx = standard.startswith("c++")
    name = running.require(running.CXX[compiler] if cxx else compiler)
    options = ["-x", "c++"] if cxx else []
    assert running.measured(text, name, f"-std={standard}", *options) < 1e-5


def test_gcc_has_its_sanitisers() -> None:
    assert running.sanitisers(running.require("gcc"))
