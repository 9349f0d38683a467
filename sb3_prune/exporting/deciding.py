"""Deciding: a module whose forward pass is the whole decision of an agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.policies import BasePolicy
from torch import nn

from sb3_prune.exceptions import ExportError
from sb3_prune.exporting.extras import additional
from sb3_prune.exporting.normalisation import Normalisation
from sb3_prune.exporting.ports import observation_ports
from sb3_prune.networks.ofexinet import OFEXiNet


class Deciding(nn.Module):
    """The whole decision, from raw observations to the environment's action.

    Args:
        policy: The policy; it is changed, so give a copy.
        normalised: Normalisation of each key that has one; ``""`` is no dictionary.
        extras: Which of :data:`~sb3_prune.exporting.extras.EXTRAS` to give, too.
    """

    low: torch.Tensor
    high: torch.Tensor

    def __init__(
        self,
        policy: BasePolicy,
        normalised: Mapping[str, Normalisation],
        extras: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.policy, self.extras = policy, tuple(extras)
        self.given: list[str] = []
        # The keys of a module must not be empty nor hold dots.
        self.keys = list(normalised)
        self.normalisations = nn.ModuleList(normalised.values())
        space: Any = policy.action_space
        if isinstance(space, spaces.Box):
            if not np.issubdtype(space.dtype, np.floating):
                raise ExportError(f"Box actions must be floats, got {space}.")
            self.register_buffer("low", torch.from_numpy(space.low.copy()))
            self.register_buffer("high", torch.from_numpy(space.high.copy()))
        if isinstance(policy, RecurrentActorCriticPolicy):
            policy._process_sequence = _one_step  # type: ignore[method-assign,assignment]
        for module in policy.modules():
            if isinstance(module, OFEXiNet):
                module.forget()
                module.plain = True

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the outputs in the order of the ports, batch axis first."""
        parts = observation_ports(self.policy.observation_space, self.keys)
        # Copies: some networks write into what they read.
        copies = [each.clone() for each in inputs[: len(parts)]]
        observation = self._read(dict(zip([p.key for p in parts], copies, strict=True)))
        rest = inputs[len(parts) :]
        policy: Any = self.policy
        more: tuple[torch.Tensor, ...] = ()
        asked: tuple[Any, ...] = (observation, *rest)
        if isinstance(policy, RecurrentActorCriticPolicy):
            states = (rest[0].transpose(0, 1), rest[1].transpose(0, 1))
            asked = (observation, states, rest[2])
            action, more = policy._predict(*asked, deterministic=True)
            more = tuple(state.transpose(0, 1) for state in more)
        elif isinstance(policy, MaskableActorCriticPolicy):
            masks: Any = rest[0]
            action = policy._predict(observation, True, action_masks=masks)
        else:
            action = policy._predict(observation, deterministic=True)
        extras = additional(policy, self.extras, *asked)
        self.given = list(extras)
        return (self._act(action), *more, *extras.values())

    def _read(self, parts: Mapping[str | None, torch.Tensor]) -> Any:
        read = dict(parts)
        for key, normalisation in zip(self.keys, self.normalisations, strict=True):
            read[key or None] = normalisation(read[key or None])
        return read.get(None, read)

    def _act(self, action: torch.Tensor) -> torch.Tensor:
        space: Any = self.policy.action_space
        action = action.reshape(-1, *space.shape)
        if not isinstance(space, spaces.Box):
            return action.to(getattr(torch, np.dtype(space.dtype).name))
        if self.policy.squash_output:
            return self.low + (0.5 * (action + 1.0) * (self.high - self.low))
        return action.clamp(self.low, self.high)


def _one_step(features: Any, states: Any, starts: Any, lstm: nn.LSTM) -> Any:
    """Do what SB3 does for one step, without a branch on whether an episode begins."""
    kept = (1.0 - starts).reshape(1, -1, 1)
    memory = (kept * states[0], kept * states[1])
    output, memory = lstm(features.unsqueeze(0), memory)
    return output.squeeze(0), memory
