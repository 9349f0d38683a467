"""Facts: what an export says of itself, as values that JSON can hold, and as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from sb3_prune.exporting.program import Decision, Port

FORMAT = 1
"""Version of the facts."""

UNITS = """\
The observation is raw: what the environment gives, before VecNormalize. Statistics, the
scaling of images and the one-hot code of choices are inside. Images have their channels
first here, (channels, height, width); a camera's (height, width, channels) must be
turned. Stacked frames are the caller's: keep the last ones and stack them as
VecFrameStack does, the newest last. The parts of a dictionary are inputs of their own.
Observations that are normalised are float64, so nothing is lost before the mean is
subtracted; infinite ones end at the clip. NaN in gives NaN or any action out, and a
choice out of range counts as none of the choices: whoever calls has to check, as
`predict` of the Python loaders does. The action is the greedy one, as the environment
takes it: unscaled, clipped to its box, or the index of a choice."""
"""What every export means by its inputs and outputs."""


def facts_of(decision: Decision, name: str) -> dict[str, Any]:
    """Return what an export says of itself.

    Args:
        decision: The traced decision.
        name: Name of the export, such as that of its file without suffix.
    """
    return {
        "format": FORMAT,
        "name": name,
        "inputs": [_input(port, decision) for port in decision.inputs],
        "outputs": [_port(port) for port in decision.outputs],
        "observation_space": space_facts(decision.observation_space),
        "action_space": space_facts(decision.action_space),
        **decision.details,
    }


def _port(port: Port) -> dict[str, Any]:
    return {
        "name": port.name,
        "kind": port.kind,
        "key": port.key,
        "shape": list(port.shape),
        "dtype": port.dtype.name,
    }


def _input(port: Port, decision: Decision) -> dict[str, Any]:
    found = {**_port(port), "choices": None, "branches": None}
    if port.kind == "observation":
        space: Any = decision.observation_space
        part = space if port.key is None else space[port.key]
        found["choices"] = _choices(part)
    if port.kind == "action_mask":
        found["branches"] = _choices(decision.action_space, spread=True)
    return found


def _choices(space: Any, *, spread: bool = False) -> Any:
    """Return the number of choices of each entry; None if it has none."""
    if isinstance(space, spaces.Discrete):
        return [int(space.n)] if spread else int(space.n)
    if isinstance(space, spaces.MultiDiscrete):
        return [int(n) for n in space.nvec.flat] if spread else space.nvec.tolist()
    if isinstance(space, spaces.MultiBinary):
        return [2] * int(np.prod(space.shape)) if spread else 2
    return None


def space_facts(space: spaces.Space[Any]) -> dict[str, Any]:
    """Return a space as values that JSON can hold; infinite bounds as text."""
    found: dict[str, Any] = {"type": type(space).__name__}
    if isinstance(space, spaces.Dict):
        return found | {"spaces": {k: space_facts(s) for k, s in space.items()}}
    found |= {"shape": list(space.shape or ()), "dtype": np.dtype(space.dtype).name}
    if isinstance(space, spaces.Box):
        return found | {"low": _bound(space.low), "high": _bound(space.high)}
    return found | {"choices": _choices(space)}


def _bound(bound: np.ndarray) -> Any:
    """Return one number if all entries are equal, else nested lists."""
    if bound.size and (bound == bound.flat[0]).all():
        return number(bound.flat[0])
    return _nested(bound.tolist())


def _nested(value: Any) -> Any:
    return (
        [_nested(each) for each in value] if isinstance(value, list) else number(value)
    )


def number(value: Any) -> Any:
    """Return a number as JSON can hold it: infinite ones as text."""
    return float(value) if np.isfinite(value) else str(float(value))


def in_words(facts: Mapping[str, Any], *, rounded: bool = False) -> str:
    """Return the facts as text for readers of the file, in lines of 88 characters.

    Args:
        facts: What the export says of itself.
        rounded: Whether weights were rounded after the check.
    """
    normalised = "are" if facts["normalisation"] else "are not"
    lines = [
        f"{facts['name']}: the decisions of an agent of {facts['algorithm']} "
        f"({facts['policy']}), exported by sb3-prune.",
        "",
        *(_row("in ", port) for port in facts["inputs"]),
        *(_row("out", port) for port in facts["outputs"]),
        "",
        f"Observations {normalised} normalised by the export.",
        *UNITS.splitlines(),
    ]
    if facts["branches"]:
        lines.append(f"Entries of the action have {facts['branches']} choices each.")
    if check := facts.get("check"):
        before = "Before its weights were rounded, it" if rounded else "It"
        lines += [
            f"{before} was checked on {check['observations']} observations:",
            f"{compared(facts['action_space']['type'], check)}.",
        ]
    return "\n".join(lines)


def compared(space: str, check: Mapping[str, Any]) -> str:
    """Return how an export's actions compare with the agent's, as a part of a sentence.

    Args:
        space: Name of the class of the space of actions.
        check: How it was checked.
    """
    if space == "Box":
        worst = f"{check['largest_difference']:.1e}"
        return f"its actions differ by at most {worst} from the agent's"
    if not check["ties"]:
        return "its choices are the agent's"
    return f"{check['ties']} choices differ where the agent sees no difference"


def _row(way: str, port: Mapping[str, Any]) -> str:
    return f"  {way}  {port['name']}: {port['dtype']}, {tuple(port['shape'])}"
