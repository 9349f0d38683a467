"""An action that never changes says nothing: what it is made of is compared, too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import exported
import pytest
import sb3_contrib as contrib
import stable_baselines3 as sb3
import torch
from gymnasium import spaces
from torch import nn

from sb3_prune import export
from sb3_prune.exceptions import ExportError
from sb3_prune.exporting import exports
from sb3_prune.exporting.extras import telling

FAR = spaces.Box(1000, 1001, (2,), "float32")


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every export lack the biases of a first layer."""

    def traced(*args: Any, **kwargs: Any) -> Any:
        found = trace(*args, **kwargs)
        for name, tensor in found.program.state_dict.items():
            if name.endswith("_0_bias"):
                tensor.zero_()
        return found

    trace = exports.trace
    monkeypatch.setattr(exports, "trace", traced)


def stubborn(algorithm: Any, actions: Any) -> Any:
    """Return an agent that always acts equally."""
    model: Any = exported.anyhow(exported.BOX, actions, algorithm)
    last = [m for m in model.policy.modules() if isinstance(m, nn.Linear)]
    with torch.no_grad():
        for layer in last:
            if layer.out_features == getattr(actions, "n", None):
                layer.bias[0] += 100
    return model


CASES = [
    (sb3.DQN, spaces.Discrete(4)),
    (sb3.PPO, spaces.Discrete(4)),
    (sb3.PPO, FAR),  # Clipped to its lower corner.
]


@pytest.mark.parametrize(("algorithm", "actions"), CASES)
def test_what_is_wrong_below_is_found(
    algorithm: Any, actions: Any, forgetful: None, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=r"acts differently \((value|logits|mean), s"):
        export(stubborn(algorithm, actions), "numpy", tmp_path / "a", vecnormalize=None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("algorithm", "actions"), CASES)
def test_what_is_right_stays(algorithm: Any, actions: Any, tmp_path: Path) -> None:
    model = stubborn(algorithm, actions)
    check = export(model, "numpy", tmp_path / "a", vecnormalize=None)
    assert (check.varied, check.scores) == (False, True)


def test_the_second_comparison_counts_as_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def compared(agent: Any, model: Any, statistics: Any, env: Any, **more: Any) -> Any:
        seen.append(env)
        found = check_against(agent, model, statistics, env, **more)
        return replace(found, rounding=0.25 if agent.facts["extras"] else 0.125)

    check_against = exports.check_against
    monkeypatch.setattr(exports, "check_against", compared)
    model = stubborn(sb3.DQN, spaces.Discrete(4))
    env = exported.Anything(exported.BOX, spaces.Discrete(4))
    check = export(model, "numpy", tmp_path / "a", vecnormalize=None, env=env)
    assert seen == [env, env]
    assert (check.rounding, check.scores) == (0.25, True)


def test_actions_that_vary_are_enough(tmp_path: Path) -> None:
    check = export(exported.agent("SAC"), "numpy", tmp_path / "a", vecnormalize=None)
    assert (check.varied, check.scores) == (True, False)


def test_it_is_said_where_nothing_can_be_compared(tmp_path: Path) -> None:
    env = exported.Anything(exported.BOX, spaces.Discrete(2))
    model = contrib.ARS("LinearPolicy", env, seed=0)  # All of its weights are zero.
    assert telling(model.policy) is None
    check = export(model, "numpy", tmp_path / "a", vecnormalize=None)
    assert (check.varied, check.scores) == (False, False)


def test_an_exporter_without_the_rule_exports_anyway_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(model: Any, statistics: Any, extras: Any = (), **kwargs: Any) -> Any:
        if extras:
            raise ExportError("no rule.")
        return trace(model, statistics, extras, **kwargs)

    trace = exports.trace
    monkeypatch.setattr(exports, "trace", lacking)
    model = stubborn(sb3.DQN, spaces.Discrete(4))
    with pytest.warns(UserWarning, match=r"could not be compared.*: no rule\.") as told:
        check = export(model, "numpy", tmp_path / "a", vecnormalize=None)
    assert [each.filename for each in told] == [__file__]
    assert (check.varied, check.scores) == (False, False)
