"""Tests for runs/learning.py."""

from __future__ import annotations

import pytest
import zoo
from stable_baselines3.common.callbacks import ConvertCallback

from sb3_prune.runs.learning import learn_and_close, learn_arguments


@pytest.mark.parametrize("name", [n for n in zoo.ALGORITHMS if n != "MaskablePPO"])
def test_most_agents_need_nothing(name: str) -> None:
    assert learn_arguments(zoo.make_model(name)) == {}


def test_masks_are_used_where_there_are_some() -> None:
    masking = zoo.make_model("MaskablePPO")
    assert learn_arguments(masking) == {"use_masking": True}
    without = zoo.make_model("MaskablePPO", env=zoo.make_env("PPO"))
    assert learn_arguments(without) == {"use_masking": False}
    zoo.train(without, **learn_arguments(without))


def test_the_environment_is_closed_whatever_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, closed = zoo.make_model("PPO"), []
    monkeypatch.setattr(model.get_env(), "close", lambda: closed.append(1))

    def fail(locals_: dict[str, object], globals_: dict[str, object]) -> bool:
        raise LookupError

    with pytest.raises(LookupError):
        learn_and_close(model, 8, ConvertCallback(fail))
    learn_and_close(model, 8, ConvertCallback(lambda *_: True))
    assert closed == [1, 1]
