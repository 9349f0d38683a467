"""Softmax (Boltzmann) exploration for DQN, as an option of the policy."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.type_aliases import PyTorchObs
from stable_baselines3.dqn.policies import DQNPolicy

from sb3_prune.exceptions import ConfigError


def sample_softmax(q_values: torch.Tensor, temperature: float) -> torch.Tensor:
    r"""Draw actions from a Boltzmann distribution by the Gumbel-max trick.

    .. math:: P(a) \propto \exp(Q(s, a) / T)

    Args:
        q_values: Action values, shape (..., actions).
        temperature: T > 0, in the unit of the return.

    Returns:
        Indices of the drawn actions, shape (...).
    """
    uniform = torch.rand_like(q_values).clamp_(1e-20)
    return (q_values / temperature - (-uniform.log()).log()).argmax(dim=-1)


class SoftmaxDQNPolicy(DQNPolicy):
    """DQN's policy; non-deterministic actions are drawn from a softmax of Q-values.

    DQN's epsilon-greedy exploration is applied on top. Switch it off with
    ``exploration_initial_eps=0, exploration_final_eps=0``.
    """

    _temperature: float | None = None

    def __init__(
        self, *args: Any, temperature: float | None = None, **kwargs: Any
    ) -> None:
        """Build the stock networks.

        Args:
            *args: Arguments of the stock policy.
            temperature: T of the softmax, in the unit of the return; None is greedy.
            **kwargs: Keyword arguments of the stock policy.

        Raises:
            ConfigError: The temperature is not positive.
        """
        if temperature is not None and not temperature > 0:
            raise ConfigError(f"temperature must be positive, got {temperature}.")
        self._temperature = temperature
        super().__init__(*args, **kwargs)

    @property
    def temperature(self) -> float | None:
        """Temperature of the softmax; None if the policy is greedy."""
        return self._temperature

    def action_values(self, obs: PyTorchObs) -> torch.Tensor:
        """Return the action values, shape (batch, ..., actions)."""
        values: torch.Tensor = self.q_net(obs)
        return values

    def _predict(self, obs: PyTorchObs, deterministic: bool = True) -> torch.Tensor:
        if deterministic or self._temperature is None:
            return super()._predict(obs, deterministic)
        return sample_softmax(self.action_values(obs), self._temperature)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return super()._get_constructor_parameters() | {
            "temperature": self._temperature
        }
