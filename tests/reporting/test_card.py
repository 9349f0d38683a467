"""Tests for reporting/card.py."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from reporting.made import SIZES, WIDTHS, evaluation, whole_run
from sb3_prune import write_card
from sb3_prune.exceptions import ConfigError, RunFolderError
from sb3_prune.reporting.loading import STOCK

EVIL = "```\n---\n<script>alert(1)</script> | [a](b)"
ARM = {"id": "sb3_prune/PlanarArm3-v0", "kwargs": {"action_mode": "joint"}}
BOTH = ("model.zip", "plain.zip")


def head_and_text(folder: Path) -> tuple[dict[str, Any], str]:
    """Return the YAML of a card, and its Markdown."""
    _, head, text = (folder / "README.md").read_text("utf-8").split("---\n", 2)
    return yaml.safe_load(head), text


def test_a_folder_has_the_names_of_huggingface_sb3(tmp_path: Path) -> None:
    files = (*BOTH, "vecnormalize.pkl", "learning.png")
    run = whole_run(tmp_path / "run", config={"env": ARM}, files=files)
    folder = write_card(run, tmp_path / "a" / "hub")
    name = "ppo-sb3_prune-PlanarArm3-v0"
    copies = {
        f"{name}.zip": "plain.zip",
        f"{name}-pruned.zip": "model.zip",
        "vec_normalize.pkl": "vecnormalize.pkl",
        "learning.png": "learning.png",
    }
    assert {p.name for p in folder.iterdir()} == {*copies, "README.md", "results.json"}
    for copy, original in copies.items():
        assert (folder / copy).read_text() == original
    assert json.loads((folder / "results.json").read_text()) == {
        "mean_reward": 200.5,
        "std_reward": 1.5,
        "is_deterministic": True,
        "n_eval_episodes": 20,
    }


def test_what_the_hub_reads(tmp_path: Path) -> None:
    head, _ = head_and_text(write_card(whole_run(tmp_path / "run"), tmp_path / "hub"))
    assert head["library_name"] == "stable-baselines3"
    assert {"CartPole-v1", "reinforcement-learning", "pruned"} <= set(head["tags"])
    (model,) = head["model-index"]
    (result,) = model["results"]
    (metric,) = result["metrics"]
    assert (model["name"], result["dataset"]["type"]) == ("PPO", "CartPole-v1")
    assert (metric["type"], metric["value"]) == ("mean_reward", "200.50 +/- 1.50")


def test_what_people_read(tmp_path: Path) -> None:
    _, text = head_and_text(write_card(whole_run(tmp_path / "run"), tmp_path / "hub"))
    for row in (
        "| hidden units | 664 | 76 | -88.6 % |",
        "| latency of predict | 220 µs | 215 µs |  |",
        "| 95 % interval | 49 to 51 | 199.5 to 201.5 |",
        "| `actor.mu.2` | 600 | 70 |",
        "pruned by the strategy `magnitude` of sb3-prune: 588 of its hidden units",
    ):
        assert row in text


def test_a_reader_without_sb3_prune_is_led_to_the_plain_zip(tmp_path: Path) -> None:
    _, text = head_and_text(write_card(whole_run(tmp_path / "run"), tmp_path / "hub"))
    said = " ".join(text.split())
    assert (
        "If loading fails with `No module named 'sb3_prune'`, you have taken "
        "`ppo-CartPole-v1-pruned.zip`: take `ppo-CartPole-v1.zip`."
    ) in said
    first = text.index('load_from_hub(repo, "ppo-CartPole-v1.zip")')
    assert first < text.index('load_from_hub(repo, "ppo-CartPole-v1-pruned.zip")')


@pytest.mark.parametrize("name", STOCK)
def test_the_code_of_every_algorithm_compiles(name: str, tmp_path: Path) -> None:
    files = (*BOTH, "vecnormalize.pkl")
    run = whole_run(tmp_path / "run", config={"algorithm": name}, files=files)
    _, text = head_and_text(write_card(run, tmp_path / "hub"))
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        compile(block, "card", "exec")


@pytest.mark.parametrize(("name", "more"), [("ppo", ""), ("tqc", " and sb3-contrib")])
def test_what_loads_the_plain_zip(name: str, more: str, tmp_path: Path) -> None:
    run = whole_run(tmp_path / "run", config={"algorithm": name})
    _, text = head_and_text(write_card(run, tmp_path / "hub"))
    assert f"**loads without sb3-prune**, by Stable-Baselines3{more} |" in text


def test_code_makes_the_environment_that_the_agent_needs(tmp_path: Path) -> None:
    wrapper = {"gymnasium.wrappers.TimeLimit": {"max_episode_steps": 7}}
    env = {"id": "CartPole-v1", "kwargs": {}, "wrappers": [wrapper], "frame_stack": 2}
    files = (*BOTH, "vecnormalize.pkl")
    run = whole_run(tmp_path / "run", config={"env": env}, files=files)
    _, text = head_and_text(write_card(run, tmp_path / "hub"))
    lines = (
        "import gymnasium.wrappers",
        'env = VecNormalize.load(load_from_hub(repo, "vec_normalize.pkl"), env)',
        "env = VecFrameStack(env, 2)",
    )
    for line in lines:
        assert text.count(f"\n{line}\n") == 2


def test_without_a_plain_zip_it_says_so(tmp_path: Path) -> None:
    run = whole_run(tmp_path / "run", files=["model.zip"], plain_problem="no widths")
    folder = write_card(run, tmp_path / "hub")
    _, text = head_and_text(folder)
    assert "\nThere is no plain.zip: no widths" in text
    assert 'load_from_hub(repo, "ppo-CartPole-v1-pruned.zip")' in text
    assert not (folder / "ppo-CartPole-v1.zip").exists()


@pytest.mark.parametrize(
    ("files", "more"), [(BOTH, ", and gone in the plain zip"), (BOTH[:1], "")]
)
def test_closed_units_are_not_called_gone(
    files: tuple[str, ...], more: str, tmp_path: Path
) -> None:
    run = whole_run(tmp_path / "run", files=files)
    content = json.loads((run / "config.json").read_text())
    content["options"]["masks_only"] = True
    (run / "config.json").write_text(json.dumps(content))
    _, text = head_and_text(write_card(run, tmp_path / "hub"))
    assert f"588 of its hidden units are closed{more}.\n" in text


def test_without_returns_it_has_none(tmp_path: Path) -> None:
    nothing = {"before": None, "after": None}
    folder = write_card(whole_run(tmp_path / "run", test=nothing), tmp_path / "hub")
    head, text = head_and_text(folder)
    assert "model-index" not in head and head["library_name"] == "stable-baselines3"
    assert "no evaluation with a finite result" in text
    assert not (folder / "results.json").exists()


def test_what_was_not_pruned_is_not_called_so(tmp_path: Path) -> None:
    run = whole_run(
        tmp_path / "run",
        first_cut=None,
        after={"widths": WIDTHS, **SIZES},
        test={"before": None, "after": evaluation(5, interval=None)},
    )
    head, text = head_and_text(write_card(run, tmp_path / "hub"))
    assert "pruned" not in head["tags"]
    assert "# PPO in CartPole-v1\n" in text
    assert "`magnitude` found nothing to prune" in text
    assert "over episodes" not in text


def test_options_in_a_card_are_exact(tmp_path: Path) -> None:
    options = {"a": "```\n`b`"}
    config = {"strategy": {"name": "magnitude", "options": options}}
    folder = write_card(whole_run(tmp_path / "run", config=config), tmp_path / "hub")
    _, text = head_and_text(folder)
    shown = text.partition("```json\n")[2].partition("```")[0]
    assert json.loads(shown) == options


def test_texts_of_a_run_stay_texts(tmp_path: Path) -> None:
    config = {
        "strategy": {"name": EVIL, "options": {EVIL: EVIL}},
        "env": {"id": "A-v0", "kwargs": {EVIL: EVIL}},
        "versions": {EVIL: EVIL},
    }
    run = whole_run(tmp_path / "run", config=config, plain_problem=EVIL, files=BOTH)
    head, text = head_and_text(write_card(run, tmp_path / "hub"))
    outside = re.sub(
        r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE
    )
    assert "`" not in outside.replace(r"\`", "")
    assert "<script" not in outside.replace(r"\<", "")
    assert head["tags"][0] == "A-v0"


@pytest.mark.parametrize(
    ("config", "files", "message"),
    [
        ({}, ("plain.zip",), "has no model.zip to publish"),
        ({"algorithm": "mine"}, BOTH, "The algorithm must be one of dqn, .*'mine'"),
        ({"env": {"id": "a b", "kwargs": {}}}, BOTH, "to name files, got 'a b'"),
    ],
)
def test_refused_and_nothing_is_written(
    config: dict[str, Any], files: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    run = whole_run(tmp_path / "run", config=config, files=files)
    with pytest.raises(ConfigError, match=message):
        write_card(run, tmp_path / "hub")
    with pytest.raises(ConfigError, match="is no run folder"):
        write_card(tmp_path, tmp_path / "hub")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_folder_that_exists_stays(tmp_path: Path) -> None:
    run, hub = whole_run(tmp_path / "run"), tmp_path / "hub"
    hub.mkdir()
    with pytest.raises(RunFolderError, match="exists: choose another folder"):
        write_card(run, hub)
    assert list(hub.iterdir()) == []
