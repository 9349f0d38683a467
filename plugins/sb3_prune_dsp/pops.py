r"""PoPS: prune weights by a hard threshold, build a smaller dense net, and distil.

Source: Livne & Cohen 2020, "PoPS: Policy pruning and shrinking for deep reinforcement
learning", a rival of Su et al. 2024. No reward is learnt from: a student is trained to
answer as its teacher does, on states that both visit.

1. *Prune*: mask all weights below a threshold and distil; with a larger threshold each
   time, until the student plays worse than allowed.
2. *Measure*: the share of each weight matrix that is masked is its redundancy. A dense
   layer of width :math:`n'_l` has as many weights as are left there,

   .. math:: n'_l = \lceil \lVert M_l \rVert_0 / n'_{l-1} \rceil,

   where :math:`n'_0` is the number of inputs.
3. *Shrink*: keep as many units, the most important ones, drop all masks, and distil.
   While the dense student is good enough and smaller, it is the next one to be pruned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.compensation.distillation import distil
from sb3_prune.evaluation.complexity import complexity
from sb3_prune.exceptions import (
    ConfigError,
    require_at_least,
    require_finite,
)
from sb3_prune.policies import adopt
from sb3_prune.pruning import check_fits
from sb3_prune.recording.leaving import leave
from sb3_prune.recording.playing import play_episodes
from sb3_prune.recording.reservoir import join
from sb3_prune.runs.reloading import reload
from sb3_prune.seeds import TEST_SEED
from sb3_prune.surgery import mask_weights, masks_of, wire
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.surgery.targets import target_names
from sb3_prune.surgery.weight_masks import maskable
from sb3_prune_dsp.acting import acting_networks
from sb3_prune_dsp.l1 import large
from sb3_prune_dsp.shrinking import chains, shrink

Kind = Literal["teacher", "prune", "shrink"]
"""What a student is: the teacher itself, a pruned net, or a shrunk dense one."""
SEEDS_PER_STEP = 100_000
"""Distance of the seeds of two tests."""


@dataclass(frozen=True, kw_only=True)
class PopsConfig:
    """How PoPS prunes and shrinks.

    Raises:
        ConfigError: A value is outside its range.
    """

    threshold: float = 0.02
    """Weights whose absolute value is below this are masked first."""
    growth: float = 1.5
    """Factor of the threshold from one pruning to the next, above 1."""
    prunings: int = 10
    """Largest number of prunings before the net is shrunk."""
    shrinkings: int = 3
    """Largest number of dense nets that are built, each smaller than the last."""
    loss: float = 0.05
    """How far a student's mean return may be below the teacher's, as a share of the
    absolute value of the latter."""
    episodes: int = 10
    """Greedy episodes that a student plays, and as many with drawn actions."""
    updates: int = 1000
    """Gradient steps of each distillation."""

    def __post_init__(self) -> None:
        for name in ("threshold", "growth", "loss"):
            require_finite(name, getattr(self, name))
        for name in ("prunings", "shrinkings", "episodes", "updates"):
            require_at_least(name, getattr(self, name))
        if self.growth <= 1 or self.threshold <= 0:
            raise ConfigError(
                "Expected threshold > 0 and growth > 1, got "
                f"{self.threshold} and {self.growth}."
            )


@dataclass(frozen=True, kw_only=True)
class PopsStep:
    """A student, and how well it plays."""

    kind: Kind
    """What it is."""
    threshold: float
    """Threshold of the last pruning so far."""
    redundancy: dict[str, float]
    """Share of masked weights, by the path of their module."""
    units: dict[str, int]
    """Units by layer."""
    parameters: int
    """Parameters that are read to choose an action."""
    mean_return: float
    """Mean return of its greedy episodes."""
    passed: bool
    """Whether the return is as good as allowed."""
    env_steps: int
    """Steps of the environment that its test took."""
    updates: int
    """Gradient steps of its distillation."""


@dataclass(frozen=True, kw_only=True)
class PopsReport:
    """What PoPS did."""

    steps: list[PopsStep]
    """All students in order, the teacher first."""
    kept: int
    """Number of the step whose net the agent has now; 0 is the teacher's."""

    @property
    def env_steps(self) -> int:
        """Steps of the environment in all."""
        return sum(step.env_steps for step in self.steps)

    @property
    def updates(self) -> int:
        """Gradient steps in all."""
        return sum(step.updates for step in self.steps)


def prune_by_pops(
    model: BaseAlgorithm,
    env: VecEnv,
    config: PopsConfig | None = None,
    *,
    networks: Sequence[str] = (),
    seed: int = TEST_SEED,
) -> PopsReport:
    """Shrink a trained agent to a small dense one that plays like it, in place.

    If no shrunk net is good enough, the agent keeps its weights. Otherwise it gets
    those of the last good one, and the state of its optimisers is cleared.

    Args:
        model: The teacher, which becomes the best student. A stock policy is adopted.
        env: A vectorised environment, with the normalisation of the training. If the
            model trains in it, training goes on with a new episode.
        config: How to prune and shrink.
        networks: Networks to shrink; by default those that act.
        seed: Seed of the episodes and of the batches.

    Raises:
        ConfigError: Nobody knows which networks act, and none is named; or ``env`` has
            other spaces than the model, or another normalisation.
        UnknownNameError: The agent has no such network.
        UnsupportedPolicyError: A network is no chain of Linear layers, or the policy
            has a memory; or the algorithm is TRPO, which cannot keep masks.
    """
    check_fits(model, env)
    adopt(model)
    try:
        return _shrunk(model, env, config, networks, seed)
    finally:  # Students have played in it, not the model.
        leave(model, env)


def _shrunk(
    model: BaseAlgorithm,
    env: VecEnv,
    config: PopsConfig | None,
    networks: Sequence[str],
    seed: int,
) -> PopsReport:
    """Shrink the agent; see :func:`prune_by_pops`."""
    work = _Work(model, env, config or PopsConfig(), tuple(networks), seed)
    work.test(model, "teacher", 0.0)
    student: Any = reload(type(model), model)
    good, kept = None, 0
    for _ in range(work.config.shrinkings):
        student, threshold = work.pruned(student)
        smaller = shrink(student, work.networks)
        if not smaller or not work.follow(student, "shrink", threshold):
            break
        good, kept = student, len(work.steps) - 1
        student = reload(type(model), student)
    if good is not None:
        model.policy.load_state_dict(good.policy.state_dict())
        for optimizer in optimizers(model).values():
            optimizer.state.clear()
    return PopsReport(steps=work.steps, kept=kept)


class _Work:
    """The teacher, the states that were seen, and the students so far."""

    def __init__(
        self,
        model: Any,
        env: VecEnv,
        config: PopsConfig,
        networks: tuple[str, ...],
        seed: int,
    ) -> None:
        self.env, self.config, self.seed = env, config, seed
        self.networks = networks or tuple(acting_networks(wire(model)))
        chains(wire(model), self.networks)  # Raises if they are none.
        self.teacher: Any = reload(type(model), model).policy
        self.steps: list[PopsStep] = []
        self.seen: list[Inputs] = []

    def test(
        self, student: Any, kind: Kind, threshold: float, updates: int = 0
    ) -> PopsStep:
        """Let a student play, and note how well; its states are learnt from later."""
        seed = self.seed + len(self.steps) * SEEDS_PER_STEP
        self.env.seed(seed)
        played = play_episodes(
            student, self.env, episodes=self.config.episodes, seed=seed
        )
        self.seen.append(played.inputs)
        mean = float(played.returns.mean())
        target = self.steps[0].mean_return if self.steps else mean
        masks = {path: float((m == 0).float().mean()) for path, m in _masks(student)}
        step = PopsStep(
            kind=kind,
            threshold=threshold,
            redundancy=masks,
            units=wire(student).units(),
            parameters=complexity(student).params_deploy,
            mean_return=mean,
            passed=mean >= target - self.config.loss * abs(target),
            env_steps=played.steps,
            updates=updates,
        )
        self.steps.append(step)
        return step

    def follow(self, student: Any, kind: Kind, threshold: float) -> bool:
        """Distil a student; tell whether it plays well enough after that."""
        updates = self.config.updates
        distil(student.policy, self.teacher, join(self.seen), updates, self.seed)
        return self.test(student, kind, threshold, updates).passed

    def pruned(self, student: Any) -> tuple[Any, float]:
        """Return the student with the largest threshold that plays well enough."""
        last = 0.0
        for number in range(self.config.prunings):
            threshold = self.config.threshold * self.config.growth**number
            other = reload(type(student), student)
            mask_weights(other, self._small(other, threshold))
            if not self.follow(other, "prune", threshold):
                break
            student, last = other, threshold
        return student, last

    def _small(self, student: Any, threshold: float) -> dict[str, torch.Tensor]:
        """Return masks of the weights below a threshold; each keeps its largest."""
        owners = {
            slot.owner
            for layers in wire(student).by_network(self.networks).values()
            for layer in layers
            for slot in layer.group.slots
            if slot.attribute == "weight"
        }
        return {
            path: large(module.weight, threshold)
            for path, module in maskable(student.policy).items()
            if module in owners
        }


def _masks(student: Any) -> list[tuple[str, torch.Tensor]]:
    """Return the masks of online networks."""
    copies = target_names(student.policy)
    masks = masks_of(student).items()
    return [(path, m) for path, m in masks if path.partition(".")[0] not in copies]
