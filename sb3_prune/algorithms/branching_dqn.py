"""DQN for MultiDiscrete actions."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.dqn.dqn import DQN

from sb3_prune.exceptions import ConfigError
from sb3_prune.policies.branching import BranchingDQNPolicy

Decomposition = Literal["sum", "independent"]


class _MultiDiscreteActions(OffPolicyAlgorithm):
    """Sits between DQN and its base class to allow MultiDiscrete actions instead."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["supported_action_spaces"] = (spaces.MultiDiscrete,)
        super().__init__(*args, **kwargs)


class BranchingDQN(DQN, _MultiDiscreteActions):
    r"""DQN whose Q-network has one branch per component of a MultiDiscrete action.

    The branch of component i has one output :math:`q_i(s, a_i)` for each of its
    choices :math:`a_i`. The number of outputs thus grows with the sum of the numbers of
    choices, not with their product.

    With ``decomposition="sum"``, the value of an action is the sum of its branches
    (value decomposition, Sunehag et al. 2018). The best action is then found branch by
    branch, because the maximum of the sum is the sum of the maxima:

    .. math:: Q(s, a) = \sum_i q_i(s, a_i), \quad
              y = r + \gamma \sum_i \max_{a'} \bar q_i(s', a')

    with the outputs :math:`\bar q_i` of the target network. With ``"independent"``,
    every branch learns a value of its own from the same reward,
    :math:`y_i = r + \gamma \max_{a'} \bar q_i(s', a')` (Tavakoli et al. 2018, but
    without their common target for all branches). Everything else, arguments included,
    is the same as in stock DQN.

    Args:
        policy: ``"MlpPolicy"`` or a subclass of :class:`BranchingDQNPolicy`.
        env: Environment with a MultiDiscrete action space.
        decomposition: ``"sum"`` or ``"independent"``, see above.
        **kwargs: Arguments of ``stable_baselines3.DQN``.

    Raises:
        ConfigError: The decomposition is not known, or a component of the action space
            does not start at 0.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "MlpPolicy": BranchingDQNPolicy
    }
    policy: BranchingDQNPolicy

    def __init__(
        self,
        policy: str | type[BranchingDQNPolicy],
        env: Any,
        *args: Any,
        decomposition: Decomposition = "sum",
        **kwargs: Any,
    ) -> None:
        if decomposition not in get_args(Decomposition):
            raise ConfigError(
                f"decomposition must be one of {get_args(Decomposition)}, "
                f"got {decomposition!r}."
            )
        self.decomposition = decomposition
        super().__init__(policy, env, *args, **kwargs)

    def _setup_model(self) -> None:
        starts = getattr(self.action_space, "start", np.zeros(1))
        if np.any(starts):
            raise ConfigError(
                f"Every component of the actions must start at 0, got {starts}."
            )
        super()._setup_model()

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Take gradient steps on batches from the replay buffer."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        losses = [self._gradient_step(batch_size) for _ in range(gradient_steps)]
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", np.mean(losses))

    def _gradient_step(self, batch_size: int) -> float:
        assert self.replay_buffer is not None
        batch = self.replay_buffer.sample(batch_size, env=self._vec_normalize_env)
        loss = self._loss(batch)
        self.policy.optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
        self.policy.optimizer.step()
        return loss.item()

    def _loss(self, batch: ReplayBufferSamples) -> torch.Tensor:
        discounts = self.gamma if batch.discounts is None else batch.discounts
        with torch.no_grad():
            target_net = self.policy.q_net_target
            best = target_net.branch_values(batch.next_observations).amax(dim=-1)
            following = self._compose(best)
            target = batch.rewards + (1 - batch.dones) * discounts * following
        values = self.policy.q_net.branch_values(batch.observations)
        taken = values.gather(-1, batch.actions.long()[:, :, None])[:, :, 0]
        current = self._compose(taken)  # (batch, 1) or (batch, branches)
        return torch.nn.functional.smooth_l1_loss(current, target.expand_as(current))

    def _compose(self, branches: torch.Tensor) -> torch.Tensor:
        """Return the values to learn: (batch, 1) for "sum", else (batch, branches)."""
        if self.decomposition == "sum":
            return branches.sum(dim=1, keepdim=True)
        return branches
