"""Export modules to C, compile them with every warning and sanitiser, and run them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from sb3_prune_export.c.code import Code, translate
from sb3_prune_export.c.header import header
from torch import nn
from torch.export import ExportedProgram
from torch.utils._pytree import tree_leaves

COMPILERS = ("gcc", "clang")
CXX = {"gcc": "g++", "clang": "clang++"}
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2"]
SANITISERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
"""Where their run-time library is not installed, as is so with Debian's clang, a
compiler goes without; gcc brings its own."""


class Calls(nn.Module):
    """A function as a module."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(*inputs)


def traced(module: Any, *inputs: torch.Tensor) -> ExportedProgram:
    """Trace a module or a function."""
    module = module if isinstance(module, nn.Module) else Calls(module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(module.eval(), inputs).run_decompositions()


def written(
    module: Any, *inputs: torch.Tensor, prefix: str = "net", **options: Any
) -> tuple[str, Code]:
    """Return the header of a module, with a test of these inputs."""
    program = traced(module, *inputs)
    with torch.no_grad():
        outputs = tree_leaves(program.module()(*inputs))
    code = translate(
        program,
        [f"in_{i}" for i in range(len(inputs))],
        [f"out_{i}" for i in range(len(outputs))],
        **options,
    )
    example, expected = ([t.numpy() for t in each] for each in (inputs, outputs))
    return header(code, prefix, "words", {"a": 1}, example, expected), code


def require(name: str) -> str:
    """Return a compiler; skip the test if it is not here."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


@cache
def sanitisers(compiler: str) -> tuple[str, ...]:
    """Return the sanitisers that a compiler can link."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "main.c").write_text("int main(void) { return 0; }\n", "utf-8")
        line = [compiler, *SANITISERS, "main.c", "-o", "main"]
        done = subprocess.run(line, cwd=folder, capture_output=True, check=False)
    return tuple(SANITISERS) if done.returncode == 0 else ()


def compiled(source: str, headers: dict[str, str], *command: str) -> str:
    """Compile a program with headers beside it, run it, and return what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**headers, "main.c": source}.items():
            Path(folder, name).write_text(text, "utf-8")
        options = [*STRICT, *sanitisers(command[0])]
        line = [*command, *options, "main.c", "-o", "main", "-lm"]
        for each in (line, ["./main"]):
            done = subprocess.run(
                each, cwd=folder, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{each[0]}: {done.stdout}{done.stderr}"
        return done.stdout


def difference(
    module: Any, *inputs: torch.Tensor, compiler: str = "gcc", **options: Any
) -> float:
    """Return how far C is from torch, relative to numbers above 1."""
    text, _ = written(module, *inputs, **options)
    return measured(text, require(compiler), "-std=c99")


def measured(text: str, *command: str) -> float:
    """Return what the ``main`` of a header finds."""
    source = '#define NET_MAIN\n#include "net.h"\n'
    return float(compiled(source, {"net.h": text}, *command).split()[-1])
