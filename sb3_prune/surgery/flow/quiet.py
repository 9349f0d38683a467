"""Quiet: run a policy and leave it exactly as it was."""

from __future__ import annotations

import copy
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.distributions import (
    Distribution,
    StateDependentNoiseDistribution,
)
from torch import nn
from torch.overrides import TorchFunctionMode

from sb3_prune.networks.ofexinet import OFEXiNet
from sb3_prune.surgery.flow.compiled import as_written
from sb3_prune.surgery.flow.modes import usual_modes
from sb3_prune.surgery.flow.shared import Shared

_CONTAINERS = (dict, deque, list, set)
"""What modules may fill as they run."""
_OF_TORCH = frozenset(vars(nn.Module()))
"""Attributes of every module."""


@contextmanager
def quiet(policy: nn.Module, *, training: bool = False) -> Iterator[None]:
    """Run a policy in evaluation mode without gradients; afterwards restore its state.

    Restored are the mode, the attributes and the buffers of every module, what is in
    their lists and the like, their random generators, the global random states and the
    attributes of distributions. An OFEXiNet forgets its cached features. Code that is
    compiled runs as it is written.

    Args:
        policy: The policy.
        training: Run it in training mode, with gradients. Then parameters are restored
            as well.
    """
    with ExitStack() as stack:
        stack.enter_context(same_random_state())
        stack.enter_context(_same_state(policy))
        stack.enter_context(_same_contents(policy))
        if training:
            stack.enter_context(_same_values(policy))
        stack.enter_context(_same_distributions(policy))
        stack.enter_context(_plain_features(policy))
        stack.enter_context(usual_modes())
        stack.enter_context(torch.set_grad_enabled(training))
        stack.enter_context(as_written())
        if precision(policy) is not torch.float32:
            stack.enter_context(_Precision(precision(policy)))
        policy.train(training)
        yield


class _Precision(TorchFunctionMode):
    """Lets ``float()`` cast to a policy's dtype: SB3 casts observations by it."""

    def __init__(self, precise: torch.dtype) -> None:
        super().__init__()
        self.precise = precise

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run a call."""
        if func is torch.Tensor.float:
            return args[0].to(self.precise)
        return func(*args, **(kwargs or {}))


def precision(policy: nn.Module) -> torch.dtype:
    """Return the dtype of a policy's weights: float64 after ``policy.double()``."""
    return next((p.dtype for p in policy.parameters()), torch.float32)


@contextmanager
def _exact() -> Iterator[None]:
    onednn: Any = torch.backends.mkldnn
    enabled, precise = onednn.enabled, torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    onednn.enabled = False
    try:
        with torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        onednn.enabled = enabled
        torch.set_float32_matmul_precision(precise)


_EXACT = Shared(_exact)


def exact_arithmetic() -> AbstractContextManager[None]:
    """Make the precision of products independent of their size; no TensorFloat-32.

    cuDNN and oneDNN choose another algorithm for another number of units, so outputs
    before and after a cut would differ by more than float32's rounding.
    """
    return _EXACT


@contextmanager
def same_random_state() -> Iterator[None]:
    """Put back the global random states of Python, NumPy and torch afterwards."""
    states = random.getstate(), np.random.get_state()
    started: Callable[[], bool] = torch.cuda.is_initialized
    devices = list(range(torch.cuda.device_count())) if started() else []
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def seed_torch(seed: int) -> None:
    """Seed the global random states of torch, those of devices only if they are in use.

    For a device that nobody has used yet, ``torch.manual_seed`` remembers every call,
    with its traceback (4 ms), and seeds the device when somebody uses it: for good.
    """
    in_use: tuple[Callable[[], bool], ...] = (
        torch.cuda.is_initialized,
        torch.xpu.is_initialized,
        torch.backends.mps.is_available,
    )
    if any(check() for check in in_use):
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


@contextmanager
def _same_state(policy: nn.Module) -> Iterator[None]:
    """Put back attributes and buffers, which a user's networks may change."""
    modules = [
        (module, dict(vars(module)), dict(module._buffers))
        for module in policy.modules()
        if not isinstance(module, torch.jit.ScriptModule)
    ]
    values = [(b, b._version, b.clone()) for b in policy.buffers()]
    try:
        yield
    finally:
        for module, attributes, buffers in modules:
            vars(module).clear()
            vars(module).update(attributes)
            module._buffers.update(buffers)
        for buffer, version, value in values:
            if buffer._version != version:
                buffer.copy_(value)


@contextmanager
def _same_values(policy: nn.Module) -> Iterator[None]:
    """Put back tensors into which code of the training mode may write."""
    tensors = [
        (t, t.detach().clone()) for t in (*policy.parameters(), *policy.buffers())
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in tensors:
                if not torch.equal(tensor, value):
                    tensor.copy_(value)


@contextmanager
def _same_contents(policy: nn.Module) -> Iterator[None]:
    """Put back what is in lists and the like, and where random generators are."""
    own = [v for module in policy.modules() for v in own_attributes(module).values()]
    filled = [(v, copy.copy(v)) for v in own if isinstance(v, _CONTAINERS)]
    drawing = [(g, copy.deepcopy(g)) for g in own if isinstance(g, np.random.Generator)]
    states = [(g, g.get_state()) for g in own if isinstance(g, torch.Generator)]
    try:
        yield
    finally:
        for container, content in filled:
            _refill(container, content)
        for generator, before in drawing:
            generator.bit_generator.state = before.bit_generator.state
        for stream, state in states:
            stream.set_state(state)


def own_attributes(module: nn.Module) -> dict[str, Any]:
    """Return the attributes of a module that not every module has."""
    if isinstance(module, torch.jit.ScriptModule):
        return {}
    return {n: value for n, value in vars(module).items() if n not in _OF_TORCH}


def _refill(container: Any, content: Any) -> None:
    """Give a container its old content, unless it is the same, item by item."""
    old, new = (
        list(c.items() if isinstance(c, dict) else c) for c in (content, container)
    )
    if len(old) == len(new) and all(map(_are_same, old, new)):
        return
    container.clear()
    fill = container.extend if isinstance(container, list | deque) else container.update
    fill(content)


def _are_same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return all(map(_are_same, one, other))
    return one is other


@contextmanager
def _same_distributions(policy: nn.Module) -> Iterator[None]:
    """Put back the attributes of SB3's distributions, such as gSDE's matrices."""
    found = [m.action_dist for m in policy.modules() if _has_distribution(m)]
    before = [dict(vars(distribution)) for distribution in found]
    try:
        yield
    finally:
        for distribution, state in zip(found, before, strict=True):
            vars(distribution).clear()
            vars(distribution).update(state)


def _has_distribution(module: nn.Module) -> bool:
    return isinstance(getattr(module, "action_dist", None), Distribution)


def noise(module: nn.Module) -> StateDependentNoiseDistribution | None:
    """Return the gSDE distribution of a policy or an actor, if it has one."""
    found = getattr(module, "action_dist", None)
    return found if isinstance(found, StateDependentNoiseDistribution) else None


@contextmanager
def _plain_features(policy: nn.Module) -> Iterator[None]:
    """Let every OFEXiNet compute all its layers, without cached features."""
    nets = [m for m in policy.modules() if isinstance(m, OFEXiNet)]
    for net in nets:
        net.forget()
        net.plain = True
    try:
        yield
    finally:
        for net in nets:
            net.forget()
            net.plain = False
