"""The examples run; the demo's summary has every key."""

import json
import runpy
import shutil
from pathlib import Path

import pytest
from stable_baselines3 import PPO, SAC

from examples import demo, pixels, surgery_figure

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "units"), [("ppo_cartpole", 16), ("own_strategy", 32)]
)
def test_examples_run(
    name: str,
    units: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With few steps: what they learn is theirs to show, not a test's."""
    learn = PPO.learn
    monkeypatch.setattr(PPO, "learn", lambda self, _, **k: learn(self, 6_000, **k))
    runpy.run_path(str(EXAMPLES / f"{name}.py"))
    assert f"-> {units} units" in capsys.readouterr().out


@pytest.mark.slow
def test_an_agent_gets_more_sensors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With few steps."""
    learn = PPO.learn
    monkeypatch.setattr(PPO, "learn", lambda self, _, **k: learn(self, 512, **k))
    runpy.run_path(str(EXAMPLES / "transplant.py"))
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 5 and all("transplanted" in line for line in said[1:])


@pytest.mark.slow
def test_agents_are_cut_without_forgetting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a tenth of its steps, all its parts run."""
    learn = PPO.learn
    monkeypatch.setattr(PPO, "learn", lambda self, _, **k: learn(self, 4_096, **k))
    runpy.run_path(str(EXAMPLES / "cut_without_forgetting.py"))
    dense, *pruned, within = capsys.readouterr().out.splitlines()
    assert dense.endswith("units [64, 64, 64, 64]")
    assert len(pruned) == 3
    assert all(line.endswith("units [6, 6, 6, 6]") for line in pruned)
    assert within.startswith("within 1 %")


@pytest.mark.slow
def test_the_figure_shows_all_that_holds_a_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surgery_figure, "PICTURE", tmp_path / "surgery.png")
    surgery_figure.main()
    assert (tmp_path / "surgery.png").stat().st_size > 20_000


@pytest.mark.slow
def test_features_are_learnt_and_pruned(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a tenth of its steps, all its parts run."""
    learn = SAC.learn
    monkeypatch.setattr(SAC, "learn", lambda self, _, **k: learn(self, 600, **k))
    runpy.run_path(str(EXAMPLES / "learnt_features.py"))
    printed = capsys.readouterr().out
    assert "before: {'C_o': 470" in printed
    assert "greedy: -" in printed


@pytest.mark.slow
def test_channels_go_while_pixels_are_learnt(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With a thirtieth of its steps, all its parts run."""
    pixels.main(4_096)
    printed = capsys.readouterr().out
    assert "80,547 -> 5,547" in printed
    assert "loaded" in printed


@pytest.mark.slow
# SB3's own progress bar warns that it is experimental.
@pytest.mark.filterwarnings("ignore:rich is experimental")
def test_the_demo_writes_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a hundredth of its updates and an easy test, all its parts run."""
    monkeypatch.setattr(demo, "FOLDER", tmp_path)
    monkeypatch.setattr(demo, "UPDATES_TO_LEARN", 300)
    monkeypatch.setattr(demo, "UPDATES_TO_RETRAIN", 300)
    monkeypatch.setattr(demo.ValidationTest, "required", 1)
    demo.main()
    summary = json.loads((tmp_path / "summary.json").read_text())
    pairs = {"success", "units", "params", "latency_us"}
    keys = {f"{key}_{when}" for key in pairs for when in ("before", "after")}
    assert summary.keys() >= keys | {"validation_passed", "plain_load_equal", "seconds"}
    assert summary["units_before"] == 1536
    assert summary["units_after"] < 1536
    assert summary["plain_load_equal"] is True
    written = {path.name for path in tmp_path.iterdir()}
    pictures = {"learning.png", "widths.png", "arm.gif"}
    texts = {"config.json", "summary.json", "report.html"}
    assert written == pictures | texts | {"dense.zip", "model.zip", "plain.zip"}
    page = (tmp_path / "report.html").read_text("utf-8")
    assert f"{summary['success_after']:.1%}".replace("%", " %") in page
    assert "data:image/gif" in page


@pytest.mark.slow
def test_an_arm_is_driven_by_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With few steps: pruned and exported agents earn the same."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    learn = PPO.learn
    monkeypatch.setattr(PPO, "learn", lambda self, _, **k: learn(self, 3_840, **k))
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / "to_the_robot.py"))
    _, pruned, in_c, *_ = capsys.readouterr().out.splitlines()
    earned = [float(line.split("return")[1].split(",")[0]) for line in (pruned, in_c)]
    assert earned[0] == pytest.approx(earned[1], abs=0.05)
    assert (tmp_path / "runs" / "robot" / "arm.h").exists()
