"""Plans: one change per hidden layer; printable, serialisable, without effect."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from sb3_prune.exceptions import PlanError
from sb3_prune.files import write_bytes
from sb3_prune.surgery.change import Change, keep

FORMAT = 1


class Plan(Mapping[str, Change]):
    """A change for some of an agent's hidden layers, by layer name.

    A plan is pure: :func:`sb3_prune.apply` carries it out.
    """

    def __init__(self, changes: Mapping[str, Change] | None = None) -> None:
        self._changes = dict(changes or {})

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
        """Return the plan that does this one, then the other."""
        merged = dict(self._changes)
        for name, change in other.items():
            merged[name] = merged[name].then(change) if name in merged else change
        return Plan(merged)

    def save(self, path: str | Path) -> None:
        """Write the plan as safetensors with JSON metadata, whole or not at all."""
        tensors: dict[str, torch.Tensor] = {}
        seeds: dict[str, list[int]] = {}
        for name, change in self.items():
            tensors |= {f"{name}/{key}": t for key, t in _tensors(change).items()}
            seeds[name] = [change.before, *change.seeds]
        head = {"format": str(FORMAT), "layers": json.dumps(seeds)}
        write_bytes(path, save(tensors, metadata=head))

    @classmethod
    def load(cls, path: str | Path) -> Plan:
        """Read a plan that :meth:`save` wrote.

        Raises:
            PlanError: The file is no plan, is truncated, or is of another version.
        """
        try:
            with safe_open(path, framework="pt") as file:
                head = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise PlanError(f"'{path}' is not a plan: {error}.") from error
        if head.get("format") != str(FORMAT):
            raise PlanError(
                f"'{path}' is not a plan of format {FORMAT}: {head.get('format')}."
            )
        try:
            layers = json.loads(head["layers"]).items()
            return cls({name: _change(name, tensors, rest) for name, rest in layers})
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise PlanError(f"'{path}' is not a plan: {error!r}.") from error


def _tensors(change: Change) -> dict[str, torch.Tensor]:
    if change.selection is not None:
        return {"keep": change.selection}
    tensors = {
        "rows": change.rows,
        "columns": change.columns,
        "draws": change.draws,
    }
    # Copies: safetensors refuses tensors that share memory.
    return {
        key: tensor.clone(memory_format=torch.contiguous_format)
        for key, tensor in tensors.items()
    }


def _change(name: str, tensors: dict[str, torch.Tensor], head: list[int]) -> Change:
    if f"{name}/keep" in tensors:
        return keep(tensors[f"{name}/keep"].tolist(), head[0])
    parts = {key: tensors[f"{name}/{key}"] for key in ("rows", "columns", "draws")}
    return Change(**parts, seeds=tuple(head[1:]))
