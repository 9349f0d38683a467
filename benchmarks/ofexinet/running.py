"""Running: carry out one training; a stopped training can be resumed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium as gym
from sb3_prune_xinet import PRESETS, XiNet, XiNetConfig
from stable_baselines3.common.vec_env import DummyVecEnv

import sb3_prune as sp
from benchmarks.ofexinet.budget import (
    LATER,
    OF_OTHERS,
    OF_PRUNING,
    OFE_BIG,
    Budget,
    Task,
    Variant,
)
from benchmarks.ofexinet.recording import Recording
from benchmarks.ofexinet.shapes import (
    DrawingOnly,
    ToSizes,
    final_units,
    shrink_untrained,
)
from sb3_prune.runs import Job, checkpoints, jobs

ROOT = Path("runs/ofexinet")
"""Folder of unfinished trainings."""
RESULTS = Path("benchmarks/results/ofexinet")
"""Folder of the results of finished trainings, which is in the repository."""
PIECES = 10
"""Number of checkpoints per training."""
CHECKPOINTS = "checkpoints"
TEST_SEED = 1_000_003


def place_of(budget: Budget, task: Task, variant: Variant, seed: int) -> Path:
    """Return the path of a training, relative to ``ROOT`` and ``RESULTS``."""
    return Path(budget.name, task.label, f"{variant.name}-{seed}")


def settings_of(budget: Budget, task: Task, variant: Variant) -> dict[str, Any]:
    """Return all settings that a training depends on besides its seed, JSON-able."""
    # When a cut comes depends on when thetas would begin to learn.
    pruning = OF_PRUNING if not variant.preset and not variant.cut else ()
    left_out = {*OF_OTHERS, *pruning}
    given = asdict(budget.in_task(task))
    shared = {k: v for k, v in given.items() if k not in left_out}
    own = {k: v for k, v in asdict(task).items() if k not in ("phases", "theta_rate")}
    if not is_grown(task, variant):
        del own["shared"]
    settings = {"budget": _set(shared), "task": own, "variant": _set(asdict(variant))}
    if variant.from_scratch or variant.cut:
        settings["units"] = final_units(task, RESULTS)
    found: dict[str, Any] = json.loads(json.dumps(settings))
    return found


def _set(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings without those that came later and are not made use of."""
    return {k: v for k, v in settings.items() if k not in LATER or v != LATER[k]}


def job_of(budget: Budget, task: Task, variant: Variant, seed: int) -> Job:
    """Return the job of a training."""
    return Job(
        name=str(place_of(budget, task, variant, seed)),
        function=train,
        arguments={"budget": budget, "task": task, "variant": variant, "seed": seed},
        settings=settings_of(budget, task, variant),
    )


def read(
    budget: Budget, task: Task, variant: Variant, seed: int
) -> dict[str, Any] | None:
    """Return the result of a training, or None if it is not finished.

    Raises:
        JobError: The saved training has other settings.
    """
    return jobs.read(job_of(budget, task, variant, seed), RESULTS)


def trunk_job(budget: Budget, task: Task, seed: int) -> Job:
    """Return the job of the shared first part of several trainings."""
    return Job(
        name=f"{budget.name}/{task.label}/trunk-{seed}",
        function=prepare,
        arguments={"budget": budget, "task": task, "seed": seed},
        settings={
            **settings_of(budget, task, OFE_BIG),
            "steps": _trunk_steps(budget, task),
        },
    )


def build(
    budget: Budget, task: Task, variant: Variant, seed: int, env: Any
) -> sp.ValueSAC:
    """Build an untrained agent: SAC with a value network, as in the paper."""
    width = round(budget.hidden * variant.hidden)
    policy_kwargs: dict[str, Any] = {
        "net_arch": [width, width],
        "optimizer_kwargs": {"fused": True},
    }
    policy: Any = sp.MaskedValueSACPolicy
    if variant.units:
        policy = sp.OFEXiValueSACPolicy
        policy_kwargs["ofe"] = {
            "blocks": task.blocks,
            "units": round(budget.units * variant.units),
            "norm": variant.norm,
            "predicted": task.predicted,
        }
    model = sp.ValueSAC(
        policy,
        env,
        gamma=task.gamma,
        learning_starts=budget.random_steps,
        batch_size=budget.batch_size,
        policy_kwargs=policy_kwargs,
        seed=seed,
        device="cpu",
    )
    if variant.from_scratch:
        shrink_untrained(model, final_units(task, RESULTS))
    return model


def train(
    folder: Path, budget: Budget, task: Task, variant: Variant, seed: int
) -> dict[str, Any]:
    """Train an agent or resume its training.

    Args:
        folder: Folder of the checkpoints.
        budget: Sizes of the experiments.
        task: The environment.
        variant: Which agent.
        seed: Its seed.

    Returns:
        The result; its key ``history`` has one row per evaluation.
    """
    start = train_trunk(budget, task, seed) if is_grown(task, variant) else None
    job = (budget, task, variant, seed)
    model, states = _train_to(task.steps, folder, start, job)
    return _result(model, states)


def is_grown(task: Task, variant: Variant) -> bool:
    """Return whether a training continues a first part that others share."""
    return task.shared and variant.grows_from_big


def prepare(folder: Path, budget: Budget, task: Task, seed: int) -> dict[str, Any]:
    """Train the shared first part of several trainings, which stays as a checkpoint."""
    return {"checkpoints": str(train_trunk(budget, task, seed))}


def train_trunk(budget: Budget, task: Task, seed: int) -> Path:
    """Train OFE-Big up to the step at which thetas begin to learn, unless it is done.

    Returns:
        The folder of the checkpoint.
    """
    folder = ROOT / budget.name / task.label / f"trunk-{seed}"
    job = (budget, task, OFE_BIG, seed)
    _train_to(_trunk_steps(budget, task), folder, None, job)
    return folder / CHECKPOINTS


def _trunk_steps(budget: Budget, task: Task) -> int:
    return round(budget.in_task(task).begin * task.steps)


def _train_to(
    steps: int,
    folder: Path,
    start: Path | None,
    job: tuple[Budget, Task, Variant, int],
) -> tuple[Any, dict[str, Any]]:
    """Train up to some steps, with checkpoints; return the model and the states.

    The training resumes its own checkpoint if there is one; otherwise it continues
    from the checkpoint ``start``, or begins anew if ``start`` is None.
    """
    task, variant = job[1:3]
    make = [lambda: gym.make(task.env, **task.kwargs)]
    callbacks, states = _callbacks(*job, DummyVecEnv(make))
    every = max(1, task.steps // PIECES)
    saving = sp.ResumableCheckpointCallback(folder / CHECKPOINTS, every, states)
    own = checkpoints.latest(saving.folder)
    if source := saving.folder if own else start:
        env = DummyVecEnv(make)
        model, saved = checkpoints.load(sp.ValueSAC, source, env, device="cpu")
        for name, state in saved.items():
            states[name].load_state_dict(state)
        if variant.cut and not own:
            sp.prune(model, ToSizes(final_units(task, RESULTS)))
    else:
        model = build(*job, make[0]())
    left = steps - model.num_timesteps
    if left > 0:
        model.learn(left, [*callbacks, saving], reset_num_timesteps=False)
    return model, states


def _callbacks(
    budget: Budget, task: Task, variant: Variant, seed: int, env: DummyVecEnv
) -> tuple[list[Any], dict[str, Any]]:
    recording = Recording(
        env,
        every=budget.spacing(task),
        episodes=budget.episodes,
        seed=TEST_SEED + seed,
    )
    callbacks: list[Any] = [recording]
    states: dict[str, Any] = {"recording": recording}
    if variant.units:
        callbacks.insert(0, sp.FeatureCallback(pretraining=budget.random_steps))
    if variant.preset is not None:
        kind = DrawingOnly if variant.reopens else XiNet
        states["pruning"] = sp.PruningCallback(
            kind(XiNetConfig(**_strengths(budget.in_task(task), variant))),
            total_timesteps=task.steps,
        )
        callbacks.append(states["pruning"])
    return callbacks, states


def _strengths(budget: Budget, variant: Variant) -> dict[str, Any]:
    """Return options of xinet: those of the preset, with the budget's changes."""
    assert variant.preset is not None
    preset = PRESETS[variant.preset]
    names = ("nu_extractor", "nu_policy", "nu_value")
    scaled = {n: preset[n] * p for n, p in zip(names, budget.prices, strict=True)}
    return scaled | {
        "preset": variant.preset,
        "relative": budget.relative,
        "theta_rate": budget.theta_rate,
        "begin": budget.begin,
        "end": budget.end,
        "networks": variant.networks,
    }


def _result(model: sp.ValueSAC, states: dict[str, Any]) -> dict[str, Any]:
    recording = states["recording"]
    recording.model = model
    recording.num_timesteps = model.num_timesteps
    recording.look()
    return {"history": recording.history}
