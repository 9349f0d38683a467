"""Examples of inputs, and the error of weights in eight bits on some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np

from sb3_prune.exceptions import ExportError
from sb3_prune.exporting.program import Decision, Port
from sb3_prune.exporting.samples import Batch, from_space
from sb3_prune_export.c.rounding import Rounded

MEASURED = 1000
"""Observations on which the error of weights in eight bits is measured."""
COMPARED, APART, OTHER = 100, 1e-3, 0.02
"""Observations on which a header must do what its weights say; how far numbers may be
apart, relative to the largest, and which share of choices may differ, at near ties."""

Run = Callable[..., Sequence[np.ndarray]]
"""Function of one array per input that returns one array per output."""


def examples(decision: Decision, count: int) -> Iterator[list[np.ndarray]]:
    """Yield inputs of a decision, with observations that are drawn from their space.

    All actions are allowed, and memories hold small random numbers.
    """
    rng = np.random.default_rng(0)
    drawn = from_space(decision.observation_space, count, rng)
    for row in range(count):
        yield [_input(port, drawn, row, rng) for port in decision.inputs]


def _input(port: Port, drawn: Batch, row: int, rng: np.random.Generator) -> np.ndarray:
    shape = (1, *port.shape)
    if port.kind == "observation":
        found = np.asarray(drawn[port.key or ""][row]).reshape(shape)
    elif port.kind == "state":
        found = rng.normal(size=shape) * 0.1
    else:
        found = np.full(shape, float(port.kind == "action_mask"))
    return found.astype(port.dtype)


def int8_error(decision: Decision, run: Run, planned: Rounded) -> dict[str, float]:
    """Return how far the actions of a header are from those of exact weights.

    Args:
        decision: The agent's decision.
        run: The compiled header, whose weights have eight bits.
        planned: The program that it should compute.

    Returns:
        ``largest`` and ``mean`` difference of numbers, or the ``share`` of choices that
        differ; and the number of ``observations``.

    Raises:
        ExportError: The header computes something else.
    """
    _require_planned(decision, run, planned)
    exact = Rounded(decision.program, ())
    pairs = [
        (run(*given)[0], exact(given)[0]) for given in examples(decision, MEASURED)
    ]
    found = difference(*(np.stack(side) for side in zip(*pairs, strict=True)))
    return {**found, "observations": MEASURED}


def _require_planned(decision: Decision, run: Run, planned: Rounded) -> None:
    """Check that a header computes what its program says."""
    some = list(islice(examples(decision, MEASURED), COMPARED))
    ours, theirs = ([each(x) for x in some] for each in (lambda x: run(*x), planned))
    for number, port in enumerate(decision.outputs):
        found, said = (np.stack([each[number] for each in o]) for o in (ours, theirs))
        apart = difference(found, said)
        most = APART * np.abs(said).max(initial=1e-4) if "largest" in apart else OTHER
        if not max(apart.get("largest", 0.0), apart.get("share", 0.0)) <= most:
            raise ExportError(
                f"With weights in eight bits, output '{port.name}' of the header is "
                f"not what these weights say: {apart}. Export without int8, and report "
                "this, please."
            )


def difference(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Return how far two batches of actions are apart."""
    if one.dtype.kind != "f":
        changed = (one != other).reshape(len(one), -1).any(axis=1)
        return {"share": float(changed.mean())}
    apart = np.abs(one.astype(np.float64) - other)
    return {"largest": float(apart.max()), "mean": float(apart.mean())}


def in_words(error: dict[str, float]) -> str:
    """Return the error as two lines of text."""
    count = error["observations"]
    begin = f"Weights have 8 bits: on {count} observations from the space,"
    end = "from those of exact weights."
    if "share" in error:
        return f"{begin}\n{error['share']:.1%} of the choices differ {end}"
    largest, mean = error["largest"], error["mean"]
    return f"{begin}\nactions are at most {largest:.2g}, on average {mean:.2g} {end}"
