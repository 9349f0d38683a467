"""Tests for benchmarks/agents and its like: they find, load, prune, and resume."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from torch import nn

from benchmarks import lunar
from benchmarks.agents import command, environments, scratch
from benchmarks.agents.finding import AgentError, Found, find, number
from benchmarks.agents.loading import open_agent
from benchmarks.agents.sheets import normalised
from benchmarks.harness import interval_text
from sb3_prune.exceptions import JobError
from sb3_prune.runs import carry_out


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    """Return a folder with one agent, and one whose environment does not exist."""
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=16, batch_size=16, device="cpu")
    for name in ("CartPole-v0", "Nowhere-v2"):
        folder = tmp_path / f"agents/ppo/{name}_1"
        folder.mkdir(parents=True)
        model.save(folder / f"{name}.zip")
    return tmp_path / "agents"


def run(folder: Path, *only: str) -> dict[str, Any]:
    """Run the command; return the sheet of the agent that has an environment."""
    out = folder.parent / "results"
    sizes = ["--episodes", "2", "--watched", "4", "--picture", f"{out}.png"]
    places = ["--agents", str(folder), "--results", str(out)]
    command.main([*places, *sizes, "--only", *only])
    sheet: dict[str, Any] = json.loads((out / "ppo-CartPole-v0_1.json").read_text())
    return sheet


def test_agents_are_pruned_and_what_is_done_is_not_done_again(agents: Path) -> None:
    first = run(agents, "magnitude", "clusters", "0.5")
    assert first["env"] == "CartPole-v1"
    cell = first["cells"]["magnitude 0.5"]
    assert (
        cell["units_gone"] == 0.5 and cell["layers"]["mlp_extractor.value_net.0"] == 64
    )
    assert 0.3 < first["cells"]["clusters 0.5"]["units_gone"] < 0.7
    again = run(agents, "magnitude", "0.5", "0.9")
    assert again["cells"].pop("magnitude 0.9")["units_gone"] > 0.85
    assert again == first
    page = (agents.parent / "results/agents.md").read_text()
    assert "| ppo/Nowhere-v2_1 | no environment 'Nowhere' is registered |" in page


def test_other_settings_are_refused(agents: Path) -> None:
    run(agents, "none")
    with pytest.raises(ValueError, match="other settings"):
        command.main(
            ["--agents", str(agents), "--results", str(agents.parent / "results")]
        )


def test_only_agents_in_the_layout_of_rl_zoo_are_found(agents: Path) -> None:
    (agents / "ppo/CartPole-v0_1/other.zip").touch()
    assert [found.env for found in find(agents)] == ["CartPole-v0", "Nowhere-v2"]


def test_an_agent_without_its_statistics_is_refused(agents: Path) -> None:
    pytest.importorskip("yaml")
    found = Found(agents / "ppo/CartPole-v0_1/CartPole-v0.zip")
    found.beside("").mkdir()
    pairs = (
        "!!python/object/apply:collections.OrderedDict\n- - - normalize\n    - true\n"
    )
    found.beside("config.yml").write_text(pairs)
    assert found.settings() == {"normalize": True}
    with pytest.raises(AgentError, match=r"no vecnormalize\.pkl"):
        open_agent(found)
    env = VecNormalize(DummyVecEnv([lambda: gym.make("CartPole-v1")]))
    env.obs_rms.mean[:] = 3  # type: ignore[union-attr]
    env.save(str(found.beside("vecnormalize.pkl")))
    made: Any = open_agent(found).env(1)
    assert made.obs_rms.mean[0] == 3 and not made.training and not made.norm_reward


def test_wrappers_are_named_as_in_rl_zoo() -> None:
    name = "gymnasium.wrappers.TimeLimit"
    (made,) = environments.wrappers([{name: {"max_episode_steps": 3}}])
    assert made(gym.make("CartPole-v1")).spec.max_episode_steps == 3  # type: ignore[union-attr]
    with pytest.raises(AgentError, match="nowhere"):
        environments.wrappers("nowhere.Wrapper")


@pytest.mark.parametrize(("value", "found"), [(3, 3), ("lin_0.1", 0.1), (None, 7)])
def test_schedules_are_read_as_their_first_value(value: Any, found: float) -> None:
    assert number(value, 7) == found


def test_returns_are_normalised_by_those_of_random_actions() -> None:
    cells = {"random 0.5": {"return": 20.0}}
    sheet = {"dense": {"return": 30.0}, "random": {"return": 10.0}, "cells": cells}
    assert normalised(sheet, "random", 0.5) == 0.5
    assert normalised(sheet, "random", 0.9) is None
    sheet["dense"] = {"return": 10.0}
    assert normalised(sheet, "random", 0.5) is None


def test_one_seed_has_no_interval() -> None:
    assert interval_text([211.0]) == "-"
    assert interval_text([2.0, 2.0, 2.0]) == "2 to 2"


def test_the_small_lunar_agent_has_the_pruned_widths() -> None:
    assert lunar.widths() == [4, 4]


def test_texts_of_rl_zoo_are_read_and_not_run() -> None:
    text = "dict( log_std_init=-2, activation_fn=nn.ReLU, net_arch=[dict(pi=[9])] )"
    assert scratch.policy_kwargs(text) == {"log_std_init": -2, "activation_fn": nn.ReLU}
    with pytest.raises(ValueError, match="malformed"):
        scratch.policy_kwargs("dict(log_std_init=print(1))")


def test_widths_become_an_argument_of_sb3() -> None:
    actor = {"mlp_extractor.policy_net.0": 6, "mlp_extractor.policy_net.2": 5}
    critic = {"mlp_extractor.value_net.0": 64}
    assert scratch.net_arch(actor | critic) == {"pi": [6, 5], "vf": [64]}
    twins = {"actor.latent_pi.0": 3, "critic.qf0.0": 4, "critic.qf1.0": 4}
    assert scratch.net_arch(twins) == {"pi": [3], "qf": [4]}
    assert scratch.net_arch({"q_net.q_net.0": 7}) == [7]


def test_small_nets_are_trained_as_the_agent_was(agents: Path) -> None:
    lines = ["n_timesteps: 32.0", "n_envs: 2", "n_steps: 8", "batch_size: 16"]
    lines += ["policy: MlpPolicy", "normalize: true", "learning_rate: lin_0.001"]
    place = agents / "ppo/CartPole-v0_1/CartPole-v0"
    place.mkdir()
    (place / "config.yml").write_text("\n".join(lines))
    found = find(agents)[0]
    model: Any = scratch.build(found, {"mlp_extractor.policy_net.0": 5}, 1)
    assert model.learning_rate(0.5) == pytest.approx(5e-4)
    assert model.get_vec_normalize_env().norm_reward
    widths = {"mlp_extractor.policy_net.0": 6, "mlp_extractor.value_net.0": 64}
    cell = {"return": 60.0, "layers": widths}
    sheet: dict[str, Any] = {"agent": found.name, "cells": {"reconstruct 0.9": cell}}
    sheet |= {"dense": {"return": 100.0}, "random": {"return": 20.0}}
    (place / "vecnormalize.pkl").write_bytes(
        pickle.dumps(VecNormalize(DummyVecEnv([lambda: gym.make("CartPole-v1")])))
    )
    jobs = scratch.jobs_of(found, sheet, [1, 2])
    small, dense = jobs["small"], jobs["dense"]
    assert small[0].arguments["layers"] == widths
    assert dense[0].arguments["layers"]["mlp_extractor.policy_net.2"] == 64
    results = agents.parent / "scratch"
    with ThreadPoolExecutor(1) as pool:
        done = carry_out([*small, dense[0]], results, executor=pool)
    means = [(done[job.name]["return"] - 20) / 80 for job in (small[0], dense[0])]
    (row,) = scratch.table({found: sheet}, [1, 2], results).rows
    # Of seed 2 only the small net is trained.
    told = [f"{mean:.2f} (one)" for mean in means]
    assert row == [found.name, "6", "0.50", *told]
    cell["layers"] = widths | {"mlp_extractor.policy_net.0": 7}
    with pytest.raises(JobError, match=r"layers\.mlp_extractor\.policy_net\.0 is 6"):
        scratch.table({found: sheet}, [1, 2], results)
