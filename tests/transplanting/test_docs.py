"""The three answers of docs/transplant.md run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import DQN, PPO, SAC

from sb3_prune.transplanting import (
    NewActions,
    plan_transplant,
    transplant,
    transplant_module,
    transplant_weights,
)

PAGE = Path(__file__).parents[2] / "docs" / "transplant.md"
ANSWERS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


class Seen(gym.ObservationWrapper):  # type: ignore[type-arg]
    """Shows some of the observations."""

    def __init__(self, env: str, places: list[int]) -> None:
        super().__init__(gym.make(env))
        self.places = places
        self.observation_space = gym.spaces.Box(-9, 9, (len(places),))

    def observation(self, observation: Any) -> Any:
        return observation[self.places]


class Acts(gym.ActionWrapper):  # type: ignore[type-arg]
    """Has some of the actions."""

    def __init__(self, env: str, places: list[int]) -> None:
        super().__init__(gym.make(env))
        self.places = places
        self.action_space = gym.spaces.Discrete(len(places))

    def action(self, action: Any) -> Any:
        return np.int64(self.places[int(action)])


NAMES = {
    **{"Seen": Seen, "Acts": Acts, "DQN": DQN, "PPO": PPO, "SAC": SAC},
    **{"NewActions": NewActions, "plan_transplant": plan_transplant},
    "transplant": transplant,
}


@pytest.mark.slow
@pytest.mark.parametrize("number", range(3))
def test_an_answer_runs(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    code = ANSWERS[number]
    assert len(code.splitlines()) <= 5
    names: dict[str, Any] = dict(NAMES)
    exec(re.sub(r"learn\(\d+_000\)", "learn(300)", code), names)
    old, new = names["old"], names["new"]
    assert type(new) is type(old)
    assert new.num_timesteps >= 300
    if number == 2:
        assert "carried" in capsys.readouterr().out


def test_donors_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old").mkdir()
    old = PPO("MlpPolicy", Seen("CartPole-v1", [1, 2]))
    torch.save(old.policy.state_dict(), "old/policy.pth")
    weights, module = ANSWERS[3:]
    names: dict[str, Any] = {"PPO": PPO, "transplant_weights": transplant_weights}
    exec(weights, names)
    read = names["new"].policy.mlp_extractor.policy_net[0].weight
    assert bool((read[:64, [0, 3]] == 0).all())
    exec(module, {"nn": torch.nn, "transplant_module": transplant_module})
    assert capsys.readouterr().out.count("outputs moved by at most") == 2
