"""The README proves itself."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_six_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With fewer steps: 300 of the 20,000."""
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
    assert "learn(20_000" in code
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(code.replace("20_000", "300"), names)
    assert {p.name for p in tmp_path.iterdir()} == {"small.zip", "plain.zip"}
    from stable_baselines3 import SAC

    import sb3_prune

    units = sb3_prune.wire(SAC.load("small").policy).units()
    assert set(units.values()) == {26}  # a tenth of 256
    assert SAC.load("plain").policy_kwargs["net_arch"] == {
        "pi": [26, 26],
        "qf": [26, 26],
    }


def test_a_stock_zip_is_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With fewer steps: 300 of the 50,000."""
    from stable_baselines3 import PPO

    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[1]
    assert "learn(50_000)" in code
    monkeypatch.chdir(tmp_path)
    PPO("MlpPolicy", "CartPole-v1", n_steps=64, seed=0).save("my_stock_model")
    names: dict[str, object] = {}
    exec(code.replace("50_000", "300"), names)
    units = names["sb3_prune"].wire(names["model"]).units()  # type: ignore[attr-defined]
    assert set(units.values()) == {32}


def test_the_best_agent_is_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fewer steps: 300 of the 20,000, evaluated every 50."""
    from stable_baselines3 import SAC

    import sb3_prune

    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[2]
    assert "learn(20_000" in code
    monkeypatch.chdir(tmp_path)
    short = code.replace("20_000", "300").replace("1_000", "50")
    exec(short.replace("best_model", "n_eval_episodes=1, best_model"), {})
    units = sb3_prune.wire(SAC.load("best/best_model")).units()
    assert set(units.values()) == {26}


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *map(str, (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text()):
        if not link.startswith("http"):
            assert (path.parent / link).exists(), f"{page}: {link}"


def test_make_installs_the_pinned_torch() -> None:
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text()
    assert "--constraint constraints.txt" in (ROOT / "Makefile").read_text()
