"""Plans: one change per hidden layer. They can be printed, saved and applied."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from sb3_prune import checksums
from sb3_prune.exceptions import PlanError, shown
from sb3_prune.files import write_bytes
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.elementary import WIDEST, keep

_DAMAGED = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""Errors that reading a damaged file may raise; too deep JSON is a RuntimeError."""
FORMAT = 4
"""Version of the file format. Files of version 1 hold a single step, those of versions
1 and 2 no shifts, and those of versions 1 to 3 no checksum."""


class Plan(Mapping[str, Change]):
    """A change for some of an agent's hidden layers, by layer name.

    To make a plan changes nothing: :func:`sb3_prune.apply` carries it out.

    Attributes:
        steps: The changes of each step; steps are carried out one after the other.
            Plans that :meth:`then` joins keep their steps, because folding a constant
            unit into biases depends on the network as it is between two steps.
    """

    def __init__(self, changes: Mapping[str, Change] = MappingProxyType({})) -> None:
        """Make a plan of one step.

        Raises:
            PlanError: ``changes`` is not a mapping, a key in it not a name, or a value
                not a :class:`Change`.
        """
        if not isinstance(changes, Mapping):
            raise PlanError(
                f"A plan maps names of layers to changes, got {shown(changes)}."
            )
        for name, change in changes.items():
            if not isinstance(name, str):
                raise PlanError(f"A layer is named by a text, got {shown(name)}.")
            if not isinstance(change, Change):
                raise PlanError(f"'{name}' needs a Change, got {shown(change)}.")
        self._changes = dict(changes)
        self.steps: tuple[Mapping[str, Change], ...] = (self._changes,)

    def __getitem__(self, name: str) -> Change:
        return self._changes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._changes)

    def __len__(self) -> int:
        return len(self._changes)

    def __repr__(self) -> str:
        lines = [
            f"  {name}: {change.before} -> {change.after} units"
            for name, change in self.items()
        ]
        return "\n".join(["Plan:", *(lines or ["  (nothing changes)"])])

    def then(self, other: Plan) -> Plan:
        """Return the plan that does this one first, then ``other``."""
        merged = dict(self._changes)
        for name, change in other.items():
            merged[name] = merged[name].then(change) if name in merged else change
        both = Plan(merged)
        both.steps = tuple(step for step in (*self.steps, *other.steps) if step)
        return both

    def save(self, path: str | Path) -> None:
        """Write the plan as safetensors with JSON metadata, whole or not at all.

        Raises:
            PlanError: The file cannot be written.
        """
        tensors: dict[str, torch.Tensor] = {}
        steps: list[dict[str, list[int]]] = []
        for i, step in enumerate(self.steps):
            for name, change in step.items():
                parts = _tensors(change).items()
                tensors |= {f"{i}/{name}/{key}": tensor for key, tensor in parts}
            steps.append({n: [c.before, *c.seeds] for n, c in step.items()})
        head = {"format": str(FORMAT), "steps": json.dumps(steps)}
        head[checksums.KEY] = checksums.BLANK
        try:
            write_bytes(path, checksums.seal(save(tensors, metadata=head)))
        except (OSError, ValueError) as error:
            raise PlanError(f"The plan cannot be saved: {error}") from error

    @classmethod
    def load(cls, path: str | Path) -> Plan:
        """Read a plan that :meth:`save` wrote.

        Raises:
            PlanError: The file is not a plan, is missing or damaged, or has another
                version.
        """
        try:
            if Path(path).is_dir():
                raise PlanError(f"'{path}' is not a plan but a folder.")
            with safe_open(path, framework="pt") as file:
                head = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            data = Path(path).read_bytes()
        except PlanError:
            raise
        except (SafetensorError, OSError, TypeError, ValueError) as error:
            raise PlanError(f"'{path}' is not a plan: {error}.") from error
        if head.get("format") not in {str(n) for n in range(1, FORMAT + 1)}:
            raise PlanError(
                f"'{path}' is not a plan of format 1 to {FORMAT}: {head.get('format')}."
            )
        sealed = head["format"] == str(FORMAT) or checksums.KEY in head
        if sealed and not checksums.is_whole(data, head.get(checksums.KEY)):
            raise PlanError(f"'{path}' is damaged: it is not what its checksum is of.")
        try:
            return _joined(head, tensors)
        except _DAMAGED as error:
            raise PlanError(f"'{path}' is not a plan: {error!r}.") from error


def _joined(head: Mapping[str, str], tensors: dict[str, torch.Tensor]) -> Plan:
    """Build a plan from the metadata and tensors of a file."""
    if head["format"] == "1":
        layers = json.loads(head["layers"]).items()
        return Plan({name: _change(name, tensors, rest) for name, rest in layers})
    plan = Plan()
    for i, step in enumerate(json.loads(head["steps"])):
        changes = {n: _change(f"{i}/{n}", tensors, rest) for n, rest in step.items()}
        plan = plan.then(Plan(changes))
    return plan


def _tensors(change: Change) -> dict[str, torch.Tensor]:
    if change.selection is not None:
        return {"keep": change.selection}
    tensors = {
        "rows": change.rows,
        "columns": change.columns,
        "draws": change.draws,
        "shifts": change.shifts,
    }
    # Copies: safetensors refuses tensors that share memory.
    return {
        key: tensor.clone(memory_format=torch.contiguous_format)
        for key, tensor in tensors.items()
    }


def _change(name: str, tensors: dict[str, torch.Tensor], head: list[int]) -> Change:
    width, *seeds = head
    if type(width) is not int or not 1 <= width <= WIDEST:
        raise PlanError(f"'{name}' must have 1 to {WIDEST} units, not {shown(width)}.")
    kept = tensors.get(f"{name}/keep")
    if kept is not None:
        if kept.ndim != 1 or kept.dtype != torch.int64:
            raise PlanError(
                f"Kept units of '{name}' must be a list of whole numbers, not {kept}."
            )
        return keep(kept.tolist(), width)
    parts = {key: tensors[f"{name}/{key}"] for key in ("rows", "columns", "draws")}
    if f"{name}/shifts" in tensors:
        parts["shifts"] = tensors[f"{name}/shifts"]
    change = Change(**parts, seeds=tuple(seeds))
    if change.before != width:
        raise PlanError(
            f"'{name}' has {width} units, but its rows are for {change.before}."
        )
    return change
