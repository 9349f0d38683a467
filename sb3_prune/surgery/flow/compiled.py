"""Compiled: run what torch.compile made of a policy as it is written, and copy it.

Modules that are compiled in place (``module.compile()``), compiled methods and compiled
functions are followed. A module that is wrapped (``torch.compile(module)``) has other
paths: :func:`.wire` refuses it.
"""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from types import MethodType
from typing import Any

import torch
from torch import nn

from sb3_prune.surgery.flow.shared import Shared

_COMPILER = "torch._dynamo"
"""Torch loads it, which takes long, when something is compiled."""


_EAGER = Shared(lambda: torch.compiler.set_stance("force_eager"))


def as_written() -> AbstractContextManager[None]:
    """Let compiled code run as it is written, inside a block.

    Else torch compiles with it whatever watches it: that takes tens of times as long,
    uses up the number of times that torch compiles one function, and fails with
    ``fullgraph=True``. Meanwhile the code of other threads runs as it is written, too.
    """
    return _EAGER if _COMPILER in sys.modules else nullcontext()


def rebind(policy: nn.Module, memo: dict[int, Any]) -> None:
    """Let the copy of a policy run its own methods where those are compiled.

    A compiled method runs the module with which it was compiled, and deepcopy leaves it
    as it is. The copy's method is not compiled.

    Args:
        policy: The policy that was copied.
        memo: What ``copy.deepcopy`` noted.
    """
    for module in policy.modules():
        twin = memo.get(id(module))  # None if a module copied itself in its own way.
        for name, method in () if twin is None else _methods(module):
            setattr(twin, name, copy.deepcopy(method, memo))


def _methods(module: nn.Module) -> Iterator[tuple[str, MethodType]]:
    """Yield the compiled methods among a module's attributes, as they are written."""
    for name, value in vars(module).items():
        if hasattr(value, "_torchdynamo_orig_callable"):
            method = inspect.unwrap(value)
            # Copies drop what module.compile() made.
            if inspect.ismethod(method) and name != "_compiled_call_impl":
                yield name, method
