"""The example writes a picture and the numbers of every analysis."""

import json
from pathlib import Path

import pytest

from examples import look_inside


@pytest.mark.slow
def test_the_example_writes_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a hundredth of its updates: the agents reach nothing, but all parts run."""
    monkeypatch.setattr(look_inside, "FOLDER", tmp_path)
    monkeypatch.setattr(look_inside, "UPDATES_TO_LEARN", 40)
    monkeypatch.setattr(look_inside, "UPDATES_TO_PRUNE", 60)
    monkeypatch.setattr(look_inside, "EPISODES", 20)
    look_inside.main()
    for cls in look_inside.ANALYSES:
        numbers = json.loads((tmp_path / f"{cls.name}.json").read_text())
        assert list(numbers) == ["trained", "pruned", "random"]
        assert (tmp_path / f"{cls.name}.png").stat().st_size > 5000
    printed = capsys.readouterr().out
    assert "trained   384 units" in printed
    assert "pruned    192 units" in printed
