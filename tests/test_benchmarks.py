"""Tests for benchmarks/: what is published follows from the results kept with it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.clusters import agents, mapping, pruning
from benchmarks.clusters import budget as clusters_budget
from benchmarks.clusters.agents import main_settings
from benchmarks.cuda.__main__ import main as cuda
from benchmarks.flow import counting, judging, keeping
from benchmarks.ofexinet import budget, pace, running
from benchmarks.ofexinet.__main__ import MARK, PAGE, trunks, whole_text
from benchmarks.ofexinet.cost import hardly_slower
from sb3_prune.exceptions import JobError
from sb3_prune.runs import Job, carry_out

SMALL = budget.BUDGETS["small"]
TASK = SMALL.tasks[0]


@pytest.mark.slow
def test_the_page_of_method_2_is_made_of_its_results() -> None:
    assert whole_text() == PAGE.read_text().partition(MARK)[2][2:]


def keep(folder: Path, variant: budget.Variant) -> None:
    """Keep a result of the small budget."""
    place = running.place_of(SMALL, TASK, variant, 1)
    settings = running.settings_of(SMALL, TASK, variant)
    path = folder / f"{place}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"history": [], "settings": settings}))


def test_a_task_may_have_its_own_phases() -> None:
    own, shared = replace(TASK, phases=(0.7, 0.9)), replace(TASK, phases=None)

    def phases(task: budget.Task, variant: budget.Variant) -> Any:
        settings = running.settings_of(SMALL, task, variant)["budget"]
        return settings.get("begin"), settings.get("end")

    assert phases(own, budget.PRUNE_B) == (0.7, 0.9)
    assert phases(shared, budget.PRUNE_B) == (SMALL.begin, SMALL.end)
    assert phases(own, budget.OFE_BIG) == phases(shared, budget.OFE_BIG)
    strategies = [
        running._callbacks(SMALL, task, budget.PRUNE_B, 1, None)[1]["pruning"].strategy  # type: ignore[arg-type]
        for task in (own, shared)
    ]
    found = [(s.config.begin, s.config.end) for s in strategies]
    assert found == [(0.7, 0.9), (SMALL.begin, SMALL.end)]


@pytest.mark.parametrize("variant", [budget.OFE_BIG, budget.PRUNE_B])
@pytest.mark.parametrize(
    ("change", "refused"),
    [({}, ""), ({"batch_size": 7}, "both"), ({"begin": 0.1}, "prune-b")],
)
def test_results_of_other_settings_are_refused(
    variant: budget.Variant,
    change: dict[str, Any],
    refused: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "RESULTS", tmp_path)
    keep(tmp_path, variant)
    asked = replace(SMALL, **change)
    if refused in ("both", variant.name):
        with pytest.raises(JobError, match=r"(ofe-big|prune-b)-1.json' is of other"):
            running.read(asked, TASK, variant, 1)
    else:
        assert running.read(asked, TASK, variant, 1) == {"history": []}
    assert running.read(asked, TASK, variant, 2) is None


# Pace.


def test_a_whole_training_is_the_sum_of_its_phases() -> None:
    asked = replace(SMALL, begin=0.4, end=0.6)
    same = pace.whole_training(asked, learning=1, left=1, cuts=0)
    assert same == pytest.approx(1)
    found = pace.whole_training(asked, learning=0.8, left=2, cuts=0.01)
    assert found == pytest.approx(0.4 + 0.2 / 0.8 + 0.4 / 2 + 0.01)


@pytest.mark.slow
def test_every_phase_can_be_timed() -> None:
    smoke = budget.BUDGETS["smoke"]
    task = smoke.tasks[0]
    work = pace.training(smoke, task, learning=True)
    assert work() == work() == pace.STEPS
    assert pace.seconds_per_cut(smoke, task) > 0


def test_at_most_5_percent_more_time_is_not_95_percent_of_the_rate() -> None:
    assert hardly_slower(1.1) and hardly_slower(100 / 104.9)
    assert not hardly_slower(0.951)  # 5.2 % more time.


# Trainings that share their first part.


def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Return a budget and a task that train in seconds, into a folder of the test."""
    monkeypatch.setattr(running, "ROOT", tmp_path / "runs")
    monkeypatch.setattr(running, "RESULTS", tmp_path / "results")
    smoke = replace(budget.BUDGETS["smoke"], random_steps=40)
    return smoke, replace(smoke.tasks[0], steps=100, phases=(0.5, 0.8), shared=True)


def train(*training: Any) -> Any:
    """Carry out one training; return the rows of its history."""
    job, (results, work) = running.job_of(*training), (running.RESULTS, running.ROOT)
    with ThreadPoolExecutor(1) as pool:
        found = carry_out([job], results, work=work, executor=pool)
    return found[job.name]["history"]


@pytest.mark.slow
def test_pruned_agents_go_on_from_the_big_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smoke, task = tiny(tmp_path, monkeypatch)
    big = train(smoke, task, budget.OFE_BIG, 0)
    pruned = train(smoke, task, budget.PRUNE_B, 0)
    rows = [[row for row in h if row["timesteps"] <= 50] for h in (big, pruned)]
    assert rows[0] == rows[1] and len(rows[0]) >= 1
    assert [row["timesteps"] for row in big] == [row["timesteps"] for row in pruned]
    assert big[-1]["seconds"] != pruned[-1]["seconds"]
    assert running.read(smoke, task, budget.PRUNE_B, 0) == {"history": pruned}
    assert not list(running.ROOT.rglob("*.unfinished"))
    alone = replace(task, shared=False)
    with pytest.raises(JobError, match="other settings"):
        running.read(smoke, alone, budget.PRUNE_B, 0)


@pytest.mark.slow
def test_what_is_shared_is_trained_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smoke, task = tiny(tmp_path, monkeypatch)
    todo = [
        (smoke, place, variant, seed)
        for seed in (0, 1)
        for variant in (budget.OFE_BIG, budget.PRUNE_B, budget.SAC)
        for place in (task, replace(task, env="CartPole-v1", shared=False))
    ]
    names = ["smoke/Pendulum-v1/trunk-0", "smoke/Pendulum-v1/trunk-1"]
    assert [job.name for job in trunks(todo)] == names
    train(smoke, task, budget.OFE_BIG, 0)
    assert trunks([todo[0]]) == []
    first = running.train_trunk(smoke, task, 0)
    before = sorted(path.name for path in first.iterdir())
    assert running.train_trunk(smoke, task, 0) == first
    assert sorted(path.name for path in first.iterdir()) == before == ["50"]


# Clusters.


def cluster_jobs(asked: clusters_budget.Budget) -> list[Job]:
    """Return all jobs of a budget."""
    agent = [(*both, seed) for both in main_settings(asked) for seed in (0, 1)]
    return [
        *(agents.job_of(asked, *each) for each in agent),
        *(pruning.job_of(asked, case) for case in dict.fromkeys(pruning.cases(asked))),
        *(mapping.job_of(asked, each) for each in mapping.mappings(asked)),
    ]


@pytest.mark.parametrize("name", clusters_budget.BUDGETS)
def test_every_job_of_method_1_has_its_name(name: str) -> None:
    names = [job.name for job in cluster_jobs(clusters_budget.BUDGETS[name])]
    assert len(names) == len(set(names)) > 10


def test_results_of_method_1_depend_on_what_came_before() -> None:
    smoke = clusters_budget.SMOKE
    before, after = cluster_jobs(smoke), cluster_jobs(replace(smoke, updates=7))
    assert all(a.stored() != b.stored() for a, b in zip(before, after, strict=True))
    more = cluster_jobs(replace(smoke, taus=(0.0, 0.2, 0.3)))
    kept = {job.name: job.stored() for job in more}
    assert all(kept[job.name] == job.stored() for job in before)


# Flow.


def test_what_is_done_for_a_seed_is_done_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "ROOT", tmp_path)
    done: list[int] = []

    def work(seed: int) -> dict[str, Any]:
        done.append(seed)
        return {"seed": seed, "square": seed**2}

    found = keeping.carry_out("squares", work, range(3))
    (kept,) = tmp_path.glob("*/squares.jsonl")
    kept.write_text(kept.read_text() + '{"seed": 3, "squ')  # Stopped in between.
    assert keeping.carry_out("squares", work, [1, 3]) == [found[1], work(3)]
    assert done == [0, 1, 2, 3, 3]


@pytest.mark.slow
def test_refuted_groups_and_missed_slots_fail_the_claims() -> None:
    judged, mutated = judging.judge(5), judging.mutate(5)
    found = counting.table([judged], [mutated])
    assert len(found.claims) == 3 and all(holds for _, holds in found.claims)
    numbers = {row[0]: row[1:] for row in found.rows}
    dropped = numbers[f"slots of {mutated['groups']} layers: dropped"]
    assert dropped[0] == dropped[1] > 10
    judged["groups"][0]["refuted"] = "for a test"
    judged["joint"] = "likewise"
    mutated["mutants"][0] |= {"said": None, "matters": True}
    wrong = counting.table([judged], [mutated])
    assert not any(holds for _, holds in wrong.claims)
    assert all("seed 5" in text for text, _ in wrong.claims)


# CUDA.


@pytest.mark.slow
def test_laws_and_speed_have_a_short_form_on_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cuda(["--device", "cpu"])
    said = capsys.readouterr().out
    assert said.count("- holds") == 8 and "FAILS" not in said
    assert "| SAC 2x32 | cut |" in said
    assert not list(tmp_path.iterdir())


def test_without_a_gpu_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    cuda([])
    assert "no GPU" in capsys.readouterr().out
