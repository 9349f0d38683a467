"""Tests for surgery/plan.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import zoo
from damages import damages
from safetensors import safe_open
from safetensors.torch import save_file

import sb3_prune as sp
from sb3_prune.exceptions import PlanError
from sb3_prune.surgery.elementary import add, keep, merge, remove, reset
from sb3_prune.surgery.plan import Plan

COLUMNS = torch.randn(12, 9, generator=torch.Generator().manual_seed(0)).double()
FITTED = sp.Change(
    rows=keep(range(9), 12).rows, columns=COLUMNS, shifts=torch.arange(12.0)
)
PLANS = {
    "cut": Plan({"actor.latent_pi.0": remove([1, 2], 12)}),
    "permute": Plan({"actor.latent_pi.0": keep([3, 1], 12)}),
    "merge": Plan({"critic.qf0.2": merge([[0, 1], range(2, 10)], 10, range(1, 11))}),
    "draws": Plan(
        {"critic.qf1.0": reset([1, 5], 12, 3), "critic.qf0.0": add(2, 12, 9)}
    ),
    "one unit": Plan({"critic.qf1.0": add(2, 1), "critic.qf0.0": reset([0], 1, 3)}),
    "fitted": Plan({"critic.qf0.0": FITTED, "actor.latent_pi.2": remove([1], 10)}),
    "two steps": Plan({"critic.qf0.0": FITTED}).then(
        Plan({"critic.qf0.0": remove([0], 9), "actor.latent_pi.0": add(1, 12, 3)})
    ),
    "empty": Plan(),
}
every_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())


@every_plan
def test_a_plan_is_saved_and_loaded_exactly(plan: Plan, tmp_path: Path) -> None:
    plan.save(tmp_path / "plan")
    loaded = Plan.load(tmp_path / "plan")
    assert list(loaded) == list(plan)
    for name, change in plan.items():
        for attribute in ("rows", "columns", "draws", "seeds", "shifts"):
            found = getattr(loaded[name], attribute)
            assert zoo.equal(found, getattr(change, attribute))


@pytest.mark.parametrize("name", ["cut", "merge", "draws", "fitted", "two steps"])
def test_a_loaded_plan_does_the_same(name: str, tmp_path: Path) -> None:
    PLANS[name].save(tmp_path / "plan")
    policies = [zoo.copied("SAC") for _ in range(2)]
    sp.apply(policies[0], PLANS[name])
    sp.apply(policies[1], Plan.load(tmp_path / "plan"))
    zoo.assert_same(zoo.snapshot(policies[1]), zoo.snapshot(policies[0]))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_plan_is_refused(share: float, tmp_path: Path) -> None:
    path = tmp_path / "plan"
    PLANS["merge"].save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(PlanError, match=f"'{path}' is not a plan"):
        Plan.load(path)


@pytest.mark.parametrize("data", [b"PK\3\4 a zip", b"{}", b"\0" * 100])
def test_another_kind_of_file_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "plan"
    path.write_bytes(data)
    with pytest.raises(PlanError, match=f"'{path}' is not a plan"):
        Plan.load(path)


@pytest.mark.parametrize("head", [None, {"format": "pt"}, {"format": "5"}])
def test_other_safetensors_are_refused(
    head: dict[str, str] | None, tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"a": torch.zeros(2)}, path, metadata=head)
    expected = (head or {}).get("format")
    with pytest.raises(PlanError, match=f"not a plan of format 1 to 4: {expected}"):
        Plan.load(path)


@pytest.mark.parametrize(
    "head",
    [
        {"format": "1"},
        {"format": "1", "layers": "no json"},
        {"format": "1", "layers": '{"actor": [5]}'},
        {"format": "1", "layers": '{"actor": 5}'},
        {"format": "1", "layers": "[1]"},
    ],
)
def test_a_damaged_head_is_refused(head: dict[str, str], tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "plan", metadata=head)
    with pytest.raises(PlanError, match="is not a plan"):
        Plan.load(tmp_path / "plan")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="nowhere' is not a plan: No such file"):
        Plan.load(tmp_path / "nowhere")


def test_saving_replaces_an_old_plan(tmp_path: Path) -> None:
    for plan in (PLANS["cut"], PLANS["merge"]):
        plan.save(tmp_path / "plan")
    assert list(Plan.load(tmp_path / "plan")) == list(PLANS["merge"])
    assert list(tmp_path.iterdir()) == [tmp_path / "plan"]


def test_one_plan_after_another_composes_layer_by_layer() -> None:
    first = Plan({"a": remove([0], 5), "b": remove([1], 5)})
    second = Plan({"b": remove([0], 4), "c": remove([2], 5)})
    both = first.then(second)
    kept = {name: change.selection.tolist() for name, change in both.items()}
    assert kept == {"a": [1, 2, 3, 4], "b": [2, 3, 4], "c": [0, 1, 3, 4]}
    assert list(first) == ["a", "b"]


def test_a_plan_is_printed_layer_by_layer() -> None:
    text = repr(Plan({"a": remove([0], 5), "b": add(2, 5)}))
    assert text == "Plan:\n  a: 5 -> 4 units\n  b: 5 -> 7 units"
    assert "nothing changes" in repr(Plan())


def test_an_empty_plan_is_false() -> None:
    assert not Plan() and PLANS["cut"]


# What a file may hold instead.


def written(path: Path, width: object, **tensors: torch.Tensor) -> Path:
    """Write a plan of one layer by hand; ``width`` may be followed by seeds."""
    head = width if isinstance(width, list) else [width]
    parts = {f"0/a/{key}": tensor for key, tensor in tensors.items()}
    steps = json.dumps([{"a": head}])
    save_file(parts, path, metadata={"format": "2", "steps": steps})
    return path


EYE = {"rows": torch.eye(2), "columns": torch.eye(2) * 1, "draws": torch.zeros(2, 0)}
DRAWN = {**EYE, "draws": torch.eye(2) * 1}
FIRST = {"keep": torch.tensor([0])}
DAMAGED = {
    "a text for a width": ("4", FIRST, "must have 1 to 65536 units, not '4'"),
    "half a unit": (4.5, FIRST, "not 4.5"),
    "a yes": (True, FIRST, "not True"),
    "too many units": (10**13, FIRST, "not 10000000000000"),
    "fewer than none": (-3, FIRST, "not -3"),
    "no width": ([], FIRST, "not enough values"),
    "half an index": (4, {"keep": torch.tensor([0.5])}, "a list of whole numbers"),
    "a table of indices": (4, {"keep": torch.zeros(2, 2).long()}, "a list of whole"),
    "one index": (4, {"keep": torch.tensor(1)}, "a list of whole numbers"),
    "other rows": (7, EYE, "has 7 units, but its rows are for 2"),
    "no column": (
        2,
        {**EYE, "rows": torch.ones(2, 0), "columns": torch.ones(0, 2)},
        "at least one",
    ),
    "a text for a seed": ([2, "x", "y"], DRAWN, "A seed is .* got 'x'"),
    "a huge seed": ([2, 10**30, 1], DRAWN, "A seed is a whole number from 0"),
    "a seed below zero": ([2, -1, 1], DRAWN, "A seed is .* got -1"),
    "a shift too many": (2, {**EYE, "shifts": torch.ones(3)}, r"shifts must be \(2,\)"),
    "an infinite shift": (2, {**EYE, "shifts": torch.ones(2) / 0}, "must be finite"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_plan_that_says_nonsense_is_refused(kind: str, tmp_path: Path) -> None:
    width, tensors, why = DAMAGED[kind]
    path = written(tmp_path / "plan", width, **tensors)
    with pytest.raises(PlanError, match=f"'{path}' is not a plan: .*{why}"):
        Plan.load(path)


@pytest.mark.parametrize("version", ["1", "2"])
def test_files_of_earlier_versions_have_no_shifts(version: str, tmp_path: Path) -> None:
    merged = merge([[0, 1], [2]], 3)
    prefix = {"1": "a", "2": "0/a"}[version]
    parts = {
        f"{prefix}/{key}": getattr(merged, key).contiguous()
        for key in ("rows", "columns", "draws")
    }
    parts[f"{prefix[:-1]}b/keep"] = torch.tensor([2, 0])
    layers = {"a": [3], "b": [4]}
    head = {
        "1": {"format": "1", "layers": json.dumps(layers)},
        "2": {"format": "2", "steps": json.dumps([layers])},
    }[version]
    save_file(parts, tmp_path / "plan", metadata=head)
    loaded = Plan.load(tmp_path / "plan")
    assert torch.equal(loaded["a"].columns, merged.columns)
    assert not loaded["a"].shifts.any() and loaded["a"].shifts.shape == (3,)
    assert loaded["b"].selection is not None
    assert loaded["b"].selection.tolist() == [2, 0]


def test_too_deep_a_head_and_a_folder_are_refused(tmp_path: Path) -> None:
    head = {"format": "2", "steps": "[" * 200_000}
    save_file({"a": torch.zeros(2)}, tmp_path / "plan", metadata=head)
    with pytest.raises(PlanError, match="is not a plan: RecursionError"):
        Plan.load(tmp_path / "plan")
    with pytest.raises(PlanError, match="is not a plan but a folder"):
        Plan.load(tmp_path)


def test_steps_of_different_precision_are_joined() -> None:
    one = Plan({"a": sp.Change(rows=torch.eye(2).double(), columns=torch.eye(2))})
    both = one.then(Plan({"a": reset([0], 2, 3)})).then(one)
    assert both["a"].rows.dtype == both["a"].draws.dtype == torch.float64
    assert both["a"].drawn(3).dtype == torch.float64
    whole = torch.ones(2, 2, dtype=torch.int64)
    assert sp.Change(rows=whole, columns=whole).rows.dtype == torch.float32


def test_a_change_takes_numbers_and_no_gradients() -> None:
    taught = torch.eye(2, requires_grad=True)
    assert not sp.Change(rows=taught, columns=taught).rows.requires_grad


@pytest.mark.parametrize("value", [None, [1, 2], 3, {0: 1}])
def test_what_is_no_change_is_refused(value: object) -> None:
    policy = zoo.copied("SAC")
    before = zoo.snapshot(policy)
    wrong = {"actor.latent_pi.0": value}
    for function in (sp.apply, sp.mask):
        with pytest.raises(PlanError, match=r"'actor.latent_pi.0' needs a Change, got"):
            function(policy, wrong)
        with pytest.raises(PlanError, match="names of layers to changes, got None"):
            function(policy, None)
        with pytest.raises(PlanError, match="A layer is named by a text, got 0"):
            function(policy, {0: sp.remove([0], 2)})
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)


def test_a_change_is_made_of_tensors() -> None:
    for wrong in ([[1.0]], torch.eye(2, dtype=torch.complex64)):
        with pytest.raises(PlanError, match="A change is made of real tensors, got"):
            sp.Change(rows=wrong, columns=torch.eye(2))


@every_plan
def test_any_damage_is_found(plan: Plan, tmp_path: Path) -> None:
    path = tmp_path / "plan"
    plan.save(path)
    for data in damages(path.read_bytes(), 150):
        path.write_bytes(data)
        with pytest.raises(PlanError, match=f"'{path}' is"):
            Plan.load(path)


def test_a_checksum_counts_in_every_version(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    PLANS["cut"].save(path)
    path.write_bytes(path.read_bytes().replace(b'"format":"4"', b'"format":"3"'))
    with pytest.raises(PlanError, match="is damaged: it is not what its checksum"):
        Plan.load(path)


def test_plans_of_version_3_have_no_checksum(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    PLANS["fitted"].save(path)
    with safe_open(path, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        steps = file.metadata()["steps"]
    for version in ("3", "4"):
        save_file(tensors, path, metadata={"format": version, "steps": steps})
        if version == "4":
            with pytest.raises(PlanError, match="is damaged"):
                Plan.load(path)
        else:
            assert torch.equal(Plan.load(path)["critic.qf0.0"].columns, COLUMNS)


@pytest.mark.parametrize("path", ["a" * 5000, "a\0b", None, 3, "."])
def test_impossible_paths_are_named(path: Any) -> None:
    with pytest.raises(PlanError, match=r"is not a plan"):
        Plan.load(path)
    with pytest.raises(PlanError, match="The plan cannot be saved: "):
        PLANS["cut"].save(path)


def test_a_plan_is_not_saved_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "no" / "plan", tmp_path / "file" / "plan"):
        with pytest.raises(PlanError, match="The plan cannot be saved: "):
            PLANS["cut"].save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_layer_may_have_any_name(tmp_path: Path) -> None:
    names = ["?" * 64, '"checksum":"' + "?" * 64, "ä/0"]
    Plan({name: sp.remove([0], 3) for name in names}).save(tmp_path / "plan")
    assert list(Plan.load(tmp_path / "plan")) == names
