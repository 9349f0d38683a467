"""Branching Q-networks: one group of outputs per part of a MultiDiscrete action."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.type_aliases import PyTorchObs
from stable_baselines3.dqn.policies import QNetwork

from sb3_prune.policies.mixin import MaskedPolicyMixin
from sb3_prune.policies.softmax import SoftmaxDQNPolicy


class BranchingQNetwork(QNetwork):
    """Q-network with ``sum(nvec)`` outputs for a ``MultiDiscrete(nvec)`` action.

    Attributes:
        branches: Number of choices in each branch, ``nvec``.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.MultiDiscrete,
        **kwargs: Any,
    ) -> None:
        self.branches = [int(n) for n in action_space.nvec]
        flat = spaces.Discrete(sum(self.branches))
        super().__init__(observation_space, flat, **kwargs)
        self.action_space = action_space  # type: ignore[assignment]  # not the flat one

    def branch_values(self, obs: PyTorchObs) -> torch.Tensor:
        """Return the action values, shape (batch, branches, choices).

        Branches with fewer choices than the widest branch are padded with -inf.
        """
        flat: torch.Tensor = self(obs)
        if len(set(self.branches)) == 1:
            return flat.view(len(flat), len(self.branches), -1)
        parts = torch.split(flat, self.branches, dim=1)
        widest = max(self.branches)
        padded = [
            torch.nn.functional.pad(q, (0, widest - q.shape[1]), value=-torch.inf)
            for q in parts
        ]
        return torch.stack(padded, dim=1)

    def _predict(
        self, observation: PyTorchObs, deterministic: bool = True
    ) -> torch.Tensor:
        del deterministic  # Greedy: the policy does the exploration.
        return self.branch_values(observation).argmax(dim=-1)


class BranchingDQNPolicy(MaskedPolicyMixin, SoftmaxDQNPolicy):
    """Policy of :class:`sb3_prune.BranchingDQN`, with gates and softmax exploration."""

    q_net: BranchingQNetwork
    q_net_target: BranchingQNetwork

    def make_q_net(self) -> BranchingQNetwork:
        """Build a branching Q-network."""
        arguments = self._update_features_extractor(self.net_args)
        return BranchingQNetwork(**arguments).to(self.device)

    def action_values(self, obs: PyTorchObs) -> torch.Tensor:
        """Return the action values, shape (batch, branches, choices)."""
        return self.q_net.branch_values(obs)
