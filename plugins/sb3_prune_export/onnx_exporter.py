"""The exporter ``onnx``: one file for ONNX Runtime and whatever else reads it."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from sb3_prune.exceptions import ConfigError, ExportError, require_at_least
from sb3_prune.exporting.asking import Agent
from sb3_prune.exporting.base import Exporter
from sb3_prune.exporting.facts import in_words
from sb3_prune.exporting.program import Decision

PRODUCER = "sb3-prune"
"""Who wrote a file, in its header."""
KEY = "sb3_prune"
"""Key of the facts, as JSON, in the metadata of the file."""
BATCH = "batch"
"""Name of the size of the batch, if it may be any."""
NOISY = (
    "torch.onnx._internal.exporter._registration",
    "onnxscript.optimizer",
    "onnx_ir.passes.common.initializer_deduplication",
)
"""Loggers that tell of packages which no agent needs, and of what stays slow or is
stored twice."""
LEAST_OPSET = 18
"""Oldest version of the operators that torch writes without converting it."""


class OnnxExporter(Exporter):
    """An ONNX file, with what it means in its metadata."""

    name = "onnx"
    suffix = ".onnx"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """How to write it."""

        opset: int = LEAST_OPSET
        """Version of the ONNX operators, from 18 on."""
        batch: Literal["one", "any"] = "one"
        """Size of the batch: always 1, or any."""
        input_names: tuple[str, ...] = ()
        """Names of the inputs in their order; observation and so on if not given."""
        output_names: tuple[str, ...] = ()
        """Names of the outputs in their order; action and so on if not given."""

        def __post_init__(self) -> None:
            require_at_least("opset", self.opset, LEAST_OPSET)
            _check_names((*self.input_names, *self.output_names))

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._converted: tuple[Decision, Any] | None = None

    @property
    def dynamic(self) -> bool:
        """Whether batches may have any size."""
        return bool(self.config.batch == "any")

    def write(self, decision: Decision, path: Path, facts: Mapping[str, Any]) -> None:
        """Write one file, weights included."""
        inputs = _renamed(facts["inputs"], self.config.input_names)
        outputs, names = facts["outputs"], self.config.output_names
        if facts["check"] is None:  # A check may ask for more outputs.
            names = _giving_way(outputs, names, [port["name"] for port in inputs])
        named = {"inputs": inputs, "outputs": _renamed(outputs, names)}
        _check_names([port["name"] for ports in named.values() for port in ports])
        told = {**facts, **named}
        if self._converted is None or self._converted[0] is not decision:
            self._converted = decision, self._convert(decision, named)
        program = self._converted[1]
        program.model.metadata_props[KEY] = json.dumps(told)
        program.model.doc_string = in_words(told)
        program.model.producer_name = PRODUCER
        program.save(str(path))

    def _convert(self, decision: Decision, named: Mapping[str, Any]) -> Any:
        _require("onnx", "onnxscript")
        with _silent():
            try:
                program: Any = torch.onnx.export(
                    decision.program,
                    (),
                    dynamo=True,
                    opset_version=self.config.opset,
                    verbose=False,
                )
            except Exception as error:  # Torch raises errors of many kinds.
                # Torch explains itself at length, and names the cause behind.
                cause = error.__cause__ or error
                reason = str(cause).strip().partition("\n")[0]
                raise ExportError(
                    f"torch.onnx cannot express this agent in opset "
                    f"{self.config.opset}: {type(cause).__name__}: {reason}"
                ) from error
        names = [[each["name"] for each in named[way]] for way in ("inputs", "outputs")]
        name_ports(program.model, *names)
        if self.dynamic:
            _name_batch(program.model.graph)
        # Torch only logs that it could not convert a program, and keeps the old one.
        if (written := program.model.opset_imports[""]) != self.config.opset:
            raise ExportError(
                f"torch.onnx cannot write opset {self.config.opset} for this agent, "
                f"only {written}."
            )
        return program

    @classmethod
    def load(cls, path: Path) -> Agent:
        """Load the file by ONNX Runtime, on one thread."""
        _require("onnxruntime")
        import onnxruntime  # noqa: PLC0415  # Optional.

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers)
            facts = json.loads(session.get_modelmeta().custom_metadata_map[KEY])
        except Exception as error:  # Each damage has an error of its own.
            raise ExportError(f"'{path}' cannot be loaded: {error!r}.") from error
        return Agent(facts, _runner(session))

    @classmethod
    def wrote(cls, path: Path) -> bool:
        """Tell whether a file is an ONNX file that names its producer."""
        named = path.is_file() and path.suffix == cls.suffix
        return named and PRODUCER.encode() in path.read_bytes()


def _runner(session: Any) -> Callable[..., Sequence[np.ndarray]]:
    names = [each.name for each in session.get_inputs()]

    def run(*inputs: np.ndarray) -> Sequence[np.ndarray]:
        found: list[np.ndarray] = session.run(
            None, dict(zip(names, inputs, strict=True))
        )
        return found

    return run


def name_ports(model: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Name inputs and outputs; values inside, for which torch has names, give way.

    Args:
        model: A model of ``onnx_ir``, whose inner graphs see the values of outer ones.
        inputs: Names of its inputs.
        outputs: Names of its outputs, different ones.
    """
    wanted = {*inputs, *outputs}
    taken = wanted | {value.name for value in _values(model)}
    for value in [each for each in _values(model) if each.name in wanted]:
        name = value.name
        while name in taken:
            name += "_"
        taken.add(name)
        value.name = name
    ports = chain(model.graph.inputs, model.graph.outputs)
    for port, name in zip(ports, chain(inputs, outputs), strict=True):
        port.name = name


def _values(model: Any) -> Iterator[Any]:
    """Yield what has a name in a model: inputs, weights and results of every graph."""
    for graph in model.graphs():
        yield from chain(graph.inputs, graph.initializers.values())
        for node in graph:
            yield from node.outputs


def _name_batch(graph: Any) -> None:
    """Call the size of the batch by its name, for which torch has numbers."""
    first = (each.shape[0] for each in graph.inputs)
    numbered = {str(size) for size in first if not isinstance(size, int)}
    results = (result for node in graph for result in node.outputs)
    for value in chain(graph.inputs, results):
        for axis, size in enumerate(value.shape or ()):
            if str(size) in numbered:
                value.shape[axis] = BATCH


def _check_names(names: Sequence[str]) -> None:
    """Check that inputs and outputs have names, and no two the same.

    Raises:
        ConfigError: Two have, or one has none.
    """
    if len(set(names)) < len(names) or "" in names:
        raise ConfigError(
            "Names of inputs and outputs must differ and not be empty, got "
            f"{', '.join(map(repr, names))}."
        )


def _giving_way(
    outputs: Sequence[Mapping[str, Any]], chosen: Sequence[str], taken: Sequence[str]
) -> list[str]:
    """Return names of outputs: those chosen, then others that differ from all."""
    names = list(chosen)
    for output in outputs[len(names) :]:
        name = output["name"]
        while name in {*taken, *names}:
            name += "_"
        names.append(name)
    return names


def _renamed(
    ports: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> list[dict[str, Any]]:
    if not names:
        return [dict(port) for port in ports]
    if len(names) != len(ports):
        known = ", ".join(port["name"] for port in ports)
        raise ConfigError(
            f"{len(ports)} names are needed, for {known}; got {', '.join(names)}."
        )
    return [{**port, "name": n} for port, n in zip(ports, names, strict=True)]


def _require(*packages: str) -> None:
    """Check that optional packages are installed.

    Raises:
        ExportError: One is not.
    """
    for package in packages:
        try:
            __import__(package)
        except ImportError as error:
            raise ExportError(
                f"The exporter 'onnx' needs {package}: pip install 'sb3-prune[export]'."
            ) from error


@contextmanager
def _silent() -> Iterator[None]:
    """Keep warnings of torch about itself away."""
    loggers = [logging.getLogger(name) for name in NOISY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
