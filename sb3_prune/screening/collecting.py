"""Collecting: gather the window of a run from what SB3 tells its callbacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import PyTorchObs

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.recording.observations import joined, mapped
from sb3_prune.screening.window import Cut, Window
from sb3_prune.surgery.flow.forwards import Inputs, flat_actions
from sb3_prune.surgery.flow.lstms import forget


class Collector:
    """Keeps the steps of a run, until they are a window.

    Args:
        model: The agent in training.

    Raises:
        UnsupportedPolicyError: The algorithm does not show its steps, as ARS.

    Attributes:
        steps: Environment steps so far, those of all environments counted.
    """

    def __init__(self, model: BaseAlgorithm) -> None:
        if not isinstance(model, OnPolicyAlgorithm | OffPolicyAlgorithm):
            raise UnsupportedPolicyError(
                f"{type(model).__name__} does not show its steps to callbacks, so "
                "there is no window to measure: expected an on-policy or off-policy "
                "algorithm."
            )
        self.model = model
        self.steps = 0
        self._parts: list[dict[str, Any]] = []
        self._cuts: list[Cut] = []
        self._last: Any = None

    def add(self, seen: Mapping[str, Any]) -> None:
        """Keep a step.

        Args:
            seen: The local variables of SB3's ``collect_rollouts``, after a step and
                before it is stored.
        """
        model, dones = self.model, seen["dones"]
        # Environments may write into their arrays again.
        part = {
            "observations": mapped(np.array, model._last_obs),
            # The replay buffer has actions scaled to [-1, 1].
            "actions": np.array(seen.get("buffer_actions", seen["actions"])),
            "rewards": np.array(seen["rewards"], np.float32),
            "ends": np.array(dones, bool),
        }
        if seen.get("action_masks") is not None:
            part["masks"] = np.array(seen["action_masks"], bool)
        if (states := getattr(model, "_last_lstm_states", None)) is not None:
            part["states"] = forget(states, model._last_episode_starts)
        if part["ends"].any():
            self._note_cuts(part["ends"], seen["infos"])
        self._parts.append(part)
        self._last = seen["new_obs"]
        self.steps += len(dones)

    def _note_cuts(self, ends: Any, infos: Any) -> None:
        for i in np.flatnonzero(ends):
            final = infos[i].get("terminal_observation")
            if infos[i].get("TimeLimit.truncated", False) and final is not None:
                seen = self._tensors(final)
                cut = Cut(step=len(self._parts), environment=int(i), observation=seen)
                self._cuts.append(cut)

    def _tensors(self, observations: Any) -> PyTorchObs:
        return self.model.policy.obs_to_tensor(observations)[0]

    def window(self) -> Window:
        """Return the steps so far."""
        kept = {name: [part[name] for part in self._parts] for name in self._parts[0]}
        off_policy = isinstance(self.model, OffPolicyAlgorithm)
        read = None
        if off_policy and isinstance(self.model.action_space, spaces.Box):
            acted = np.concatenate(kept["actions"])
            flat = flat_actions(self.model.action_space, acted)
            read = torch.as_tensor(flat, device=self.model.device).float()
        return Window(
            model=self.model,
            inputs=Inputs(
                observations=self._tensors(joined(kept["observations"])),
                actions=read,
                lstm_states=_states(kept["states"]) if "states" in kept else None,
            ),
            actions=np.array(kept["actions"]),
            rewards=np.array(kept["rewards"]),
            ends=np.array(kept["ends"]),
            last=self._tensors(self._last),
            cuts=tuple(self._cuts),
            masks=np.array(kept["masks"]) if "masks" in kept else None,
        )


def _states(parts: list[RNNStates]) -> RNNStates:
    flat = ((*actor, *critic) for actor, critic in parts)
    a, b, c, d = (torch.cat(each, 1) for each in zip(*flat, strict=True))
    return RNNStates((a, b), (c, d))
