"""Recording: evaluate an agent at regular steps of its training."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from sb3_prune_xinet.anatomy import complexity_terms
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

import sb3_prune as sp
from sb3_prune.networks.ofexinet import OFEXiNet

SAMPLES = 1024
"""Number of transitions on which the features extractor is evaluated."""


class Recording(BaseCallback):
    """Record the greedy return, the sizes and the extractor's loss at regular steps.

    Attributes:
        history: One row per evaluation.
        seconds: Wall-clock time of training so far, without evaluations.
        cpu_seconds: Processor time of training so far, without evaluations.
    """

    def __init__(self, env: VecEnv, *, every: int, episodes: int, seed: int) -> None:
        super().__init__()
        self.env, self.every, self.episodes, self.seed = env, every, episodes, seed
        self.history: list[dict[str, Any]] = []
        self.seconds = self.cpu_seconds = 0.0
        self._began = (0.0, 0.0)

    def state_dict(self) -> dict[str, Any]:
        """Return the history and the times so far."""
        self._stop()
        self._start()
        spent = {"seconds": self.seconds, "cpu_seconds": self.cpu_seconds}
        return {"history": self.history} | spent

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        self.history = list(state["history"])
        self.seconds, self.cpu_seconds = state["seconds"], state["cpu_seconds"]

    def _on_training_start(self) -> None:
        self._start()

    def _on_training_end(self) -> None:
        self._stop()
        self._start()

    def _start(self) -> None:
        self._began = (time.perf_counter(), time.process_time())

    def _stop(self) -> None:
        self.seconds += time.perf_counter() - self._began[0]
        self.cpu_seconds += time.process_time() - self._began[1]

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        if self.num_timesteps // self.every > len(self.history):
            self.look()

    def look(self) -> None:
        """Evaluate the agent, and add a row to the history."""
        self._stop()
        result = sp.evaluate(
            self.model, self.env, episodes=self.episodes, seed=self.seed
        )
        self.history.append(
            {
                "timesteps": self.num_timesteps,
                "return": result.mean_return,
                "std": result.std_return,
                "success": result.success,
                "seconds": self.seconds,
                "cpu_seconds": self.cpu_seconds,
                "terms": complexity_terms(self.model),
                "units": sp.wire(self.model.policy).units(),
                **self._extractor(),
            }
        )
        self._start()

    def _extractor(self) -> dict[str, float]:
        net = getattr(self.model.policy, "ofe", None)
        if not isinstance(net, OFEXiNet):
            return {}
        buffer = self.model.replay_buffer  # type: ignore[attr-defined]
        batch = buffer.sample(SAMPLES)
        parts = (batch.observations.float(), batch.actions)
        with torch.no_grad():
            errors = net.errors(*parts, batch.next_observations.float())
        return {
            "aux_loss": float(errors.mean()),
            "variance": float(batch.next_observations.float().var(dim=0).mean()),
            "feature_gap": net.feature_gap(*parts),
        }
