"""Tracing: turn an agent into a decision, one program of core ATen operations."""

from __future__ import annotations

import logging
import platform
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from io import StringIO
from typing import Any

import numpy as np
import stable_baselines3
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecNormalize
from torch import fx
from torch.export import ExportedProgram, default_decompositions
from torch.export.graph_signature import InputKind

import sb3_prune
from sb3_prune.exceptions import ExportError, UnsupportedPolicyError, require_one_of
from sb3_prune.exporting.deciding import Deciding
from sb3_prune.exporting.extras import EXTRAS
from sb3_prune.exporting.facts import number
from sb3_prune.exporting.folding import fold
from sb3_prune.exporting.normalisation import normalisations
from sb3_prune.exporting.ports import observation_ports, other_inputs
from sb3_prune.exporting.program import Decision, Port
from sb3_prune.exporting.refusals import check_exportable
from sb3_prune.exporting.writing import mutated, refuse_writing, written
from sb3_prune.surgery import trial
from sb3_prune.surgery.flow.quiet import quiet
from sb3_prune.surgery.masking import remove_closed
from sb3_prune.surgery.thetas import absorb

ATEN = torch.ops.aten


def trace(
    model: BaseAlgorithm,
    statistics: VecNormalize | None = None,
    extras: Sequence[str] = (),
    *,
    dynamic: bool = False,
) -> Decision:
    """Trace the whole decision of an agent.

    Units with a closed gate are removed, thetas and the statistics of normalisations
    are folded into weights.

    Args:
        model: The agent; it is not changed.
        statistics: Those that its observations are normalised by.
        extras: What to give besides the action: ``distribution``, ``value``.
        dynamic: Let the batch have any size; else it is 1.

    Raises:
        ExportError: The networks cannot be traced, the statistics are of other
            observations, or the agent does not have what was asked for, has NaN, or
            does more than its policy's ``_predict``.
    """
    for extra in extras:
        require_one_of("outputs", extra, EXTRAS)
    check_exportable(model)
    policy: Any = trial.copied(model.policy).cpu()
    with suppress(UnsupportedPolicyError):  # Then the program multiplies by gates.
        remove_closed(policy)
        absorb(policy)
    found = normalisations(statistics, policy.observation_space)
    with quiet(policy), traceable():
        deciding = Deciding(policy, found, extras).eval()
        inputs = (
            *observation_ports(policy.observation_space, deciding.keys),
            *other_inputs(policy),
        )
        program, outputs = _traced(deciding, inputs, dynamic)
    return Decision(
        program=program,
        inputs=inputs,
        outputs=outputs,
        observation_space=model.observation_space,
        action_space=model.action_space,
        details=_details(model, statistics, extras),
    )


def _traced(
    deciding: Deciding, inputs: Sequence[Port], dynamic: bool
) -> tuple[ExportedProgram, tuple[Port, ...]]:
    batch = 2 if dynamic else 1
    example = tuple(_example(port, batch) for port in inputs)
    try:
        given = deciding(*example)
        once = lowered(deciding, example, dynamic)
        flat = fold(unlifted(once, [port.name for port in inputs]))
        program = lowered(flat, example, dynamic)
    except ExportError:
        raise
    except Exception as error:  # Torch raises errors of many kinds.
        reason = str(error).strip().partition("\n")[0]
        raise ExportError(
            f"{type(deciding.policy).__name__} cannot be traced by torch.export: "
            f"{type(error).__name__}: {reason}"
        ) from error
    return program, tuple(_outputs(deciding, inputs, given))


def lowered(
    module: torch.nn.Module, example: tuple[torch.Tensor, ...], dynamic: bool = False
) -> ExportedProgram:
    """Export a module as core ATen operations; batch normalisations are spelled out."""
    shapes: Any = None
    if dynamic:
        one = torch.export.Dim.AUTO
        shapes = tuple({0: one} for _ in example)
        shapes = (shapes,) if isinstance(module, Deciding) else shapes
    exported = torch.export.export(module, example, dynamic_shapes=shapes, strict=False)
    table = default_decompositions()
    name = ATEN._native_batch_norm_legit_no_training.default
    table[name] = _plain_batch_norm
    try:
        decomposed: ExportedProgram = exported.run_decompositions(table)
    except AssertionError:  # What torch says of writing into buffers, and of others.
        refuse_writing(sorted(written(exported)))
        raise
    refuse_writing(mutated(decomposed))
    return decomposed


def _plain_batch_norm(
    x: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    mean: torch.Tensor,
    variance: torch.Tensor,
    momentum: float,
    eps: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Do a batch normalisation by elementary operations, which can be folded."""
    del momentum
    shape = (1, -1, *[1] * (x.ndim - 2))
    scale = (variance + eps).rsqrt()
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    nothing = x.new_empty(0)
    return x * scale.reshape(shape) + shift.reshape(shape), nothing, nothing


def unlifted(program: ExportedProgram, inputs: Sequence[str]) -> fx.GraphModule:
    """Return a program whose weights are attributes.

    Args:
        program: The program.
        inputs: Names that its inputs get.
    """
    graph, root = fx.Graph(), torch.nn.Module()
    known: dict[fx.Node, Any] = {}
    specs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
    names = iter(inputs)
    for node in program.graph.nodes:
        if node.op == "placeholder":
            spec = specs[node.name]
            if spec.kind is InputKind.USER_INPUT:
                known[node] = graph.placeholder(next(names))
            else:
                known[node] = _attribute(root, graph, spec.target, program)
        else:
            known[node] = graph.node_copy(node, known.__getitem__)
        known[node].meta = dict(node.meta)
    return fx.GraphModule(root, graph)


def _attribute(
    root: torch.nn.Module, graph: fx.Graph, target: str | None, program: ExportedProgram
) -> fx.Node:
    assert target is not None
    state = program.state_dict
    tensor: Any = state[target] if target in state else program.constants[target]
    name = target.removeprefix("policy.").replace(".", "_")
    while hasattr(root, name):  # "layer.1" and "layer_1" are two.
        name += "_"
    root.register_buffer(name, tensor.detach().clone())
    return graph.get_attr(name)


def _example(port: Port, batch: int) -> torch.Tensor:
    dtype = getattr(torch, port.dtype.name)
    fill = torch.ones if port.kind == "action_mask" else torch.zeros
    return fill(batch, *port.shape, dtype=dtype)


def _outputs(
    deciding: Deciding, inputs: Sequence[Port], given: Sequence[torch.Tensor]
) -> Iterator[Port]:
    states = [port for port in inputs if port.kind == "state"]
    named = [("action", "action")]
    named += [(f"new_{port.name}", "state") for port in states]
    named += [(kind, kind) for kind in deciding.given]
    for (name, kind), tensor in zip(named, given, strict=True):
        yield Port(
            name=name,
            shape=tuple(tensor.shape[1:]),
            dtype=tensor.numpy().dtype,
            kind=kind,  # type: ignore[arg-type]
        )


@contextmanager
def traceable() -> Iterator[None]:
    """Switch off checks of values, which no trace can follow, and what torch tells.

    Of code that looks at values it prints whole programs, beside raising an error.
    """
    logger = logging.getLogger("torch.fx.experimental.symbolic_shapes")
    level = logger.level
    cls: Any = torch.distributions.Distribution
    before = cls._validate_args
    cls.set_default_validate_args(False)
    try:
        logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        cls.set_default_validate_args(before)


def _details(
    model: BaseAlgorithm, statistics: VecNormalize | None, extras: Sequence[str]
) -> Mapping[str, Any]:
    space = model.action_space
    branches = (
        [int(n) for n in np.ravel(space.nvec)]
        if isinstance(space, spaces.MultiDiscrete)
        else None
    )
    normalisation = None
    if statistics is not None:
        keys = statistics.norm_obs_keys
        normalisation = {
            "clip": number(statistics.clip_obs),
            "epsilon": float(statistics.epsilon),
            "keys": None if keys is None else list(keys),
        }
    return {
        "algorithm": type(model).__name__,
        "policy": type(model.policy).__name__,
        "branches": branches,
        "normalisation": normalisation,
        "extras": list(extras),
        "versions": {
            "sb3_prune": sb3_prune.__version__,
            "stable_baselines3": stable_baselines3.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
