"""Tests for docs/strategies.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import zoo
from penalties.made import added, descend
from sb3_prune_envs import make_arm_vec
from stable_baselines3 import DQN, PPO

import sb3_prune
from sb3_prune.penalties import PENALTIES, Penalty
from sb3_prune.pruning import look_at
from sb3_prune.strategies import DISTRIBUTIONS, SCHEDULES, SCORES
from sb3_prune.testing import check_strategy

PAGE = Path(__file__).parents[2] / "docs" / "strategies.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def block(content: str) -> str:
    """Return the only block of the page that holds a text."""
    (found,) = [code for code in BLOCKS if content in code]
    return found


def run(code: str, **names: Any) -> dict[str, Any]:
    exec(compile(code, str(PAGE), "exec"), names)
    return names


def test_the_figure_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(block("schedules.png"))
    assert (tmp_path / "schedules.png").stat().st_size > 1000


def test_the_example_registers_a_strategy() -> None:
    found: list[type] = []
    run(block("def register_strategies"))["register_strategies"](found.append)
    assert found[0]().config.final_sparsity == 0.8  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["LargestBias", "RedrawDormant", "Even", "FadeOut", "OnlySparse"]
)
def test_the_examples_keep_the_contract(name: str) -> None:
    check_strategy(run(block(f"class {name}("))[name])


@pytest.mark.parametrize("name", ["FadeOut", "OnlySparse"])
def test_the_examples_let_weights_pay(name: str) -> None:
    model = zoo.make_model("PPO")
    strategy = run(block(f"class {name}("))[name]()
    strategy.attach(look_at(model, 0.0))
    descend(model)
    found = {n for n, gradient in added(model).items() if bool(gradient.any())}
    heads = {n for n in found if n.startswith(("action_net", "value_net"))}
    assert len(heads) == 2
    assert len(found) == (6 if name == "OnlySparse" else 4)
    strategy.detach()


def test_gradients_of_the_page_are_right_and_finite_at_zeros() -> None:
    names = run(block("class FirstNorms("))
    weights = torch.randn(4, 3), torch.randn(4, 2)
    weights[0][1] = 0
    factors, none = names["FirstNorms"]().gradients(*weights)
    expected, _ = Penalty.gradients(names["FirstNorms"](), *weights)
    assert none is None
    torch.testing.assert_close(factors.factors * weights[0], expected)
    zeros = torch.zeros(2, 3, requires_grad=True)
    zeros.square().sum(dim=1).sqrt().sum().backward()
    assert zeros.grad is not None
    assert zeros.grad.isnan().all()


def test_the_schedule_and_distribution_of_the_page_have_their_say() -> None:
    names = run(block("class Even("))
    strategy = names["Even"](names["EvenConfig"](final_sparsity=0.5, schedule="linear"))
    assert strategy.config.build_schedule().sparsity(0.35) > 0.15
    model = PPO("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [12, 4]})
    sb3_prune.prune(model, strategy)
    assert set(sb3_prune.wire(model).units().values()) == {4}


def test_the_penalty_of_the_page_is_paid() -> None:
    pruning = run(block('"penalty": "group-lasso"'))["pruning"]
    model = zoo.train(zoo.make_model("SAC"), callback=pruning)
    wiring = sb3_prune.wire(model)
    found = {la.network: s for la, s in pruning.strategy.strengths(wiring).items()}
    assert found == {"actor.latent_pi": 1e-4, "critic.qf0": 1e-5, "critic.qf1": 1e-5}


def test_the_first_lines_prune_a_model() -> None:
    model = zoo.make_model("SAC")
    found = run(block("sb3_prune.prune("), model=model)
    assert found["report"].units
    assert all("actor" in layer for layer in found["report"].units)


def test_the_rounds_merge_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a test that every agent passes."""
    monkeypatch.setattr(sb3_prune.evaluation.ValidationTest, "required", 0)
    arms = make_arm_vec(4, action_mode="joint", max_episode_steps=8)
    model = DQN("MlpPolicy", arms, policy_kwargs={"net_arch": [8, 8]}, buffer_size=100)
    tests = make_arm_vec(50, action_mode="joint", max_episode_steps=8)
    names = {"model": model, "env": arms, "test_env": tests}
    rounds = run(block("prune_in_rounds"), **names)["rounds"]
    assert [done.number for done in rounds] == [0, 1, 2, 3]


def test_the_validation_test_stops_a_training() -> None:
    """With fewer steps and episodes. Rewards of CartPole are always 1."""
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=64, device="cpu")
    code = block("ValidationCallback(").replace("1_000", "64").replace("100", "30")
    assert run(code, model=model)["stop"].passed and model.num_timesteps == 64


def test_every_name_has_its_row() -> None:
    for name in (*SCHEDULES, *DISTRIBUTIONS, *SCORES, *PENALTIES):
        assert f"| `{name}` |" in PAGE.read_text("utf-8")
