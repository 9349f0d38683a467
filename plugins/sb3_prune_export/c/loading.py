"""Load a header in Python: compile it on the spot, and ask it for actions."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from sb3_prune.exceptions import ExportError
from sb3_prune.exporting.asking import NUMBERS, Agent
from sb3_prune_export.c.compilers import shared_library
from sb3_prune_export.c.header import facts_in


class CAgent(Agent):
    """An agent that was exported to C, compiled for this machine.

    :meth:`predict` is that of all exports. Where every microsecond counts, write the
    observation into :attr:`given`, call :meth:`decide`, and read :attr:`found`.

    Args:
        facts: What the export says of itself.
        own: What the header says of its code.
        library: The compiled wrapper, whose pointers nobody else has bound.

    Attributes:
        own: What the header says of its code: ``prefix``, ``types`` of inputs and
            outputs, ``float``, ``int8`` and ``int8_error``, number of ``weights``,
            bytes of ``scratch``.
        given: Name of an input -> its array, with a batch axis of 1.
        found: Name of an output -> its array, with a batch axis of 1, which the next
            decision overwrites.
    """

    def __init__(
        self, facts: Mapping[str, Any], own: Mapping[str, Any], library: ctypes.CDLL
    ) -> None:
        super().__init__(facts, self._run)
        self.own, single = own, own["float"]
        given, found = (
            {port["name"]: _buffer(port, single) for port in facts[side]}
            for side in ("inputs", "outputs")
        )
        # C has their addresses, so no array may take the place of another.
        self.given, self.found = MappingProxyType(given), MappingProxyType(found)
        self._types = [p["dtype"] for p in facts["outputs"]]
        buffers = [*self.given.values(), *self.found.values()]
        pointers = (ctypes.c_void_p * len(buffers))(*(b.ctypes.data for b in buffers))
        library.sb3_prune_bind(pointers)
        self._decide = library.sb3_prune_decide
        (first, *others) = facts["inputs"]
        plain = not others and first["key"] is None and first["choices"] is None
        self._only = self.given[first["name"]][0] if plain else None
        self._kind = np.dtype(first["dtype"])
        self._actions = self.found[facts["outputs"][0]["name"]]

    def decide(self) -> None:
        """Compute what is :attr:`found` from what is :attr:`given`.

        Raises:
            ValueError: An observation is NaN.
        """
        if self._decide():
            raise ValueError("The observation has NaN.")

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
        action_masks: Any = None,
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]:
        """Return the actions, see :meth:`Agent.predict`.

        One array of numbers, the most frequent case, takes the shortest way.
        """
        only = self._only
        if (
            only is None
            or type(observation) is not np.ndarray
            or observation.shape != only.shape
            or observation.dtype.kind not in NUMBERS
            or not (only.dtype.kind == "f" or observation.dtype == only.dtype)
            or not (deterministic and action_masks is None)
        ):
            return super().predict(
                observation, state, episode_start, deterministic, action_masks
            )
        # In a header of doubles, too, an observation is rounded as the agent does.
        only[...] = observation.astype(self._kind, copy=False)
        self.decide()
        # Of one choice this is a number, so it must be looked up each time.
        return self._actions[0].astype(self._types[0]), None

    def _run(self, *inputs: np.ndarray) -> list[np.ndarray]:
        """Return the outputs for one array per input, each with a batch axis."""
        for buffer, array in zip(self.given.values(), inputs, strict=True):
            buffer[...] = array
        self.decide()
        pairs = zip(self.found.values(), self._types, strict=True)
        return [buffer.astype(kind) for buffer, kind in pairs]


def _buffer(port: Mapping[str, Any], single: str) -> np.ndarray:
    kind = {"bool": "uint8", "float32": single}.get(port["dtype"], port["dtype"])
    return np.zeros((1, *port["shape"]), kind)


def load(path: Path) -> CAgent:
    """Compile a header and load it.

    Raises:
        ExportError: The file is damaged, there is no compiler, or it refuses the file.
    """
    text = path.read_text("utf-8")
    try:
        told = facts_in(text)
    except ValueError as error:
        raise ExportError(f"'{path}' is damaged: its facts are no JSON.") from error
    if told is None or told.keys() != {"facts", "c"}:
        raise ExportError(f"'{path}' is no C export.")
    facts, own = told["facts"], told["c"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "agent.h").write_text(text, "utf-8")
        source, target = Path(folder, "agent.c"), Path(folder, "agent.so")
        source.write_text(wrapper(facts, own), "utf-8")
        shared_library(source, target)
        try:
            library = ctypes.CDLL(str(target))
        except OSError as error:  # Where programs may not run from temporary folders.
            raise ExportError(f"'{path}' cannot be run: {error}.") from error
        return CAgent(facts, own, library)


def wrapper(facts: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """Return the C code of a library with two functions around a header.

    ``sb3_prune_bind`` takes the arrays of all inputs and outputs once;
    ``sb3_prune_decide`` computes the outputs and returns 0, or returns 1 for NaN.
    """
    prefix, ports = own["prefix"], [*facts["inputs"], *facts["outputs"]]
    types = own["types"]
    names = [port["name"] for port in ports]
    checks = [
        f"    for (int i = 0; i < {prefix.upper()}_{p['name'].upper()}_SIZE; ++i)\n"
        f"        if ({p['name']}[i] != {p['name']}[i]) return 1;"
        for p in facts["inputs"]
        if p["kind"] == "observation"
    ]
    lines = [
        f"#define {prefix.upper()}_NO_STATIC",
        '#include "agent.h"',
        f"static {prefix}_scratch scratch;",
        *(f"static {t} *{n};" for t, n in zip(types, names, strict=True)),
        "void sb3_prune_bind(void **arrays) {",
        *(
            f"    {n} = ({t} *)arrays[{i}];"
            for i, (t, n) in enumerate(zip(types, names, strict=True))
        ),
        "}",
        "int sb3_prune_decide(void) {",
        *checks,
        f"    {prefix}_predict_with(&scratch, {', '.join(names)});",
        "    return 0;",
        "}",
    ]
    return "\n".join(lines) + "\n"
