"""Trace: the groups of hidden units of a policy, found by running it once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.gates import OPTIONAL, Gate
from sb3_prune.surgery.flow.axes import Axis, fix
from sb3_prune.surgery.flow.collect import OUTPUT, Groups
from sb3_prune.surgery.flow.forwards import (
    REPEATS,
    Inputs,
    all_forwards,
    is_actor_critic,
    redraws,
    sample_inputs,
    training_forwards,
)
from sb3_prune.surgery.flow.groups import Group
from sb3_prune.surgery.flow.known import is_known
from sb3_prune.surgery.flow.names import leaves
from sb3_prune.surgery.flow.quiet import noise, quiet
from sb3_prune.surgery.flow.still import LEVELS, Still
from sb3_prune.surgery.flow.tracer import Tracer
from sb3_prune.surgery.flow.unseen import unseen_readers

NORMS = nn.LayerNorm | nn.RMSNorm
CHANNEL_NORMS = nn.modules.batchnorm._NormBase
FEATURES = ("out_features", "in_features")
"""Attributes for the lengths of a weight."""


def trace(policy: nn.Module) -> list[Group]:
    """Run every forward of a policy, and return the groups of its hidden units.

    A policy with modules that nobody knows runs in training mode as well.

    Args:
        policy: A policy with its target networks; it is left as it was.

    Raises:
        UnsupportedPolicyError: A forward fails on inputs drawn from the spaces.
    """
    with quiet(policy), open_gates(policy) as gates:
        watch = Watch(policy, gates)
        watch.run(policy)
    return watch.groups(policy).all()


@contextmanager
def open_gates(policy: nn.Module) -> Iterator[list[Gate]]:
    """Take the tensors of all gates away, so that gates change nothing."""
    gates = [module for module in policy.modules() if isinstance(module, Gate)]
    before = [{name: getattr(gate, name) for name in OPTIONAL} for gate in gates]
    try:
        for gate in gates:
            for name in OPTIONAL:
                setattr(gate, name, None)
        yield gates
    finally:
        for gate, tensors in zip(gates, before, strict=True):
            for name, tensor in tensors.items():
                setattr(gate, name, tensor)


class Watch:
    """A tracer, with hooks that record the units at gates and in stored widths."""

    def __init__(self, policy: nn.Module, gates: list[Gate]) -> None:
        self.tracer = Tracer(policy)
        noisy = [module for module in policy.modules() if redraws(module)]
        self.tracer.drawn = frozenset(id(b) for m in noisy for b in m.buffers(False))
        self.gates: list[tuple[Gate, Axis]] = []
        self.widths: dict[tuple[nn.Module, str], Axis] = {}
        self._gates = gates

    def inputs(self, policy: nn.Module) -> Inputs:
        """Return what the forwards run on."""
        return sample_inputs(policy)

    def run(self, policy: nn.Module) -> None:
        """Run every forward once."""
        known, inputs = is_known(policy), self.inputs(policy)
        assert inputs.actions is not None
        with ExitStack() as stack:
            for handle in self._hooks(policy):
                stack.callback(handle.remove)
            for module in policy.modules():
                if (distribution := noise(module)) is not None:
                    with self.tracer:  # gSDE's noise matrices depend on log_std.
                        log_std = module.get_parameter("log_std")
                        distribution.sample_weights(log_std, len(inputs.actions))
            repeats = REPEATS if known and is_actor_critic(policy) else ()
            for name, call in all_forwards(policy, inputs):
                if name not in repeats:
                    self._run(policy, name, call)
            if not known:
                self._train(policy, inputs, len(inputs.actions))
                self._remember(policy)
        for axis, why in unseen_readers(policy, self.tracer):
            fix(axis, why)

    def _run(self, policy: nn.Module, name: str, call: Any) -> None:
        self.tracer.lineage.hidden.clear()
        try:
            with self.tracer:
                result = call()
        except Exception as error:
            raise UnsupportedPolicyError(
                f"The forward '{name}' of {type(policy).__name__} fails on inputs "
                f"drawn from its spaces: {type(error).__name__}: {error}"
            ) from error
        self._returns(name, result)

    def _returns(self, name: str, result: Any) -> None:
        said = list(leaves(result))
        self.tracer.lineage.show(said)
        self.tracer.fix_all(said, f"{OUTPUT}{name}")

    def _train(self, policy: nn.Module, inputs: Inputs, rows: int) -> None:
        """Run every forward in training mode, for code that only runs there.

        A forward that fails stops; what it showed is kept. A trial looks at failures.
        """
        self.tracer.evaluated = self.tracer.calls + 1
        for level in LEVELS:
            still = Still(level, rows)
            with suppress(Exception), quiet(policy, training=True), still:
                for name, call in training_forwards(policy, inputs):
                    self.tracer.lineage.hidden.clear()
                    with suppress(Exception), self.tracer:
                        self._returns(name, call())
            if not still.drawn:
                return

    def _remember(self, policy: nn.Module) -> None:
        """Note the widths from which networks with own noise draw it anew."""
        for module in policy.modules():
            stored = [getattr(module, name, None) for name in FEATURES]
            for weight in module.parameters(False) if redraws(module) else ():
                if list(weight.shape) == stored:
                    axes = self.tracer.axes(weight)
                    for name, axis in zip(FEATURES, axes, strict=True):
                        self.widths[module, name] = axis

    def _hooks(self, policy: nn.Module) -> Iterator[Any]:
        for gate in self._gates:
            yield gate.register_forward_pre_hook(self._passes)
        for module in policy.modules():
            if isinstance(module, BaseFeaturesExtractor):
                yield module.register_forward_hook(self._extracts)
            elif isinstance(module, NORMS) and module.weight is None:
                yield module.register_forward_pre_hook(
                    self._normalises, with_kwargs=True
                )
            elif isinstance(module, CHANNEL_NORMS) and not module.state_dict():
                yield module.register_forward_pre_hook(self._counts, with_kwargs=True)

    def _passes(self, gate: nn.Module, args: Any) -> None:
        assert isinstance(gate, Gate)
        self.gates.append((gate, self.tracer.axes(args[0])[gate.axis]))

    def _extracts(self, module: nn.Module, args: Any, out: Any) -> None:
        del args  # The module stores the width of its output only.
        if isinstance(out, torch.Tensor):
            self.widths[module, "_features_dim"] = self.tracer.axes(out)[-1]

    def _normalises(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        x = args[0] if args else kwargs["input"]
        self.widths[module, "normalized_shape"] = self.tracer.axes(x)[-1]

    def _counts(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        x = args[0] if args else kwargs["input"]
        self.widths[module, "num_features"] = self.tracer.axes(x)[1]

    def groups(self, policy: nn.Module) -> Groups:
        """Return what was learnt about the units."""
        return Groups(policy, self.tracer, self.widths, self.gates)
