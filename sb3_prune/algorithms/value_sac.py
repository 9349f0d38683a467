"""The first version of SAC, which has a value network."""

from __future__ import annotations

from collections import defaultdict
from typing import ClassVar

import numpy as np
import torch
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import PyTorchObs, ReplayBufferSamples
from stable_baselines3.common.utils import get_parameters_by_name, polyak_update
from stable_baselines3.sac.sac import SAC
from torch.nn.functional import mse_loss

from sb3_prune.policies.value import (
    MaskedValueSACPolicy,
    ValueNetwork,
    ValuePolicyMixin,
)


class ValueSAC(SAC):
    r"""SAC v1 (Haarnoja et al. 2018, arXiv:1801.01290), which learns a state value V.

    For every state of the batch, each gradient step draws one new action
    :math:`\tilde a \sim \pi(\cdot | s)`. Its soft value is

    .. math:: \tilde v(s) = \min_i Q_i(s, \tilde a) - \alpha \log \pi(\tilde a | s)

    V learns the mean of :math:`\tilde v`, the critics learn from the target network
    :math:`\bar V`, and the actor increases :math:`\tilde v`. The losses, each averaged
    over the batch, are

    .. math::
        J_V &= \tfrac12 (V(s) - \tilde v(s))^2, \quad \tilde v \text{ fixed} \\
        J_Q &= \sum_i \tfrac12 (Q_i(s, a) - r - \gamma (1 - d) \bar V(s'))^2 \\
        J_\pi &= -\tilde v(s), \quad Q_i \text{ fixed}

    As in the authors' code, all losses are computed with the weights before the step.
    Then the target network follows,
    :math:`\bar V \leftarrow (1 - \tau) \bar V + \tau V`.

    SB3's SAC is the second version (arXiv:1812.05905). It has no V. Its critics learn
    from target critics at a new action in :math:`s'`, and its actor is updated with the
    critics after their step. Arguments, the entropy coefficient :math:`\alpha` (learnt
    or fixed) and logged values are the same as in SB3's SAC; ``train/value_loss`` is
    logged too. ``critic_target`` exists, but is neither used nor updated.

    The authors of OFENet (Ota et al. 2020, arXiv:2003.01629) run SAC v1 with a fixed
    reward scale of 5, which corresponds to ``ent_coef=0.2``, and use :math:`Q_1` alone
    in :math:`J_\pi`. Here the coefficient is an argument, and the actor increases the
    minimum of all critics.

    All losses use the same action. While the probabilities of gates are learnt, this
    action comes from a policy with drawn gates, so V is the value of that policy
    (docs/decisions.md, 29).

    Args:
        policy: ``"MlpPolicy"`` or a subclass of :class:`ValuePolicyMixin`.
        env: Environment with a Box action space.
        **kwargs: Arguments of ``stable_baselines3.SAC``.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "MlpPolicy": MaskedValueSACPolicy
    }
    policy: ValuePolicyMixin
    value: ValueNetwork
    value_target: ValueNetwork

    def _create_aliases(self) -> None:
        super()._create_aliases()
        self.value = self.policy.value
        self.value_target = self.policy.value_target

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """Take gradient steps on batches from the replay buffer."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self._optimizers())
        history = defaultdict(list)
        for step in range(gradient_steps):
            assert self.replay_buffer is not None
            batch = self.replay_buffer.sample(batch_size, env=self._vec_normalize_env)
            for name, value in self._gradient_step(batch).items():
                history[name].append(value.item())
            if step % self.target_update_interval == 0:
                self._update_target()
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        for name, values in history.items():
            self.logger.record(f"train/{name}", np.mean(values))

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        networks = [self.actor, self.critic, self.value]
        optimizers = [network.optimizer for network in networks]
        if self.ent_coef_optimizer is not None:
            optimizers.append(self.ent_coef_optimizer)
        return optimizers

    def _gradient_step(self, batch: ReplayBufferSamples) -> dict[str, torch.Tensor]:
        """Update every online network and the entropy coefficient once.

        Returns:
            The values to log, scalars by name.
        """
        if self.use_sde:
            self.actor.reset_noise()
        actions, log_prob = self.actor.action_log_prob(batch.observations)
        log_prob = log_prob.reshape(-1, 1)
        alpha, logged = self._entropy_step(log_prob.detach())
        best = self._least_value(batch.observations, actions)
        soft_value = best - alpha * log_prob
        actor_loss = -soft_value.mean()
        value_loss = self._value_loss(batch, soft_value.detach())
        critic_loss = self._critic_loss(batch)
        # This order keeps each backward pass valid, because an optimiser step changes
        # weights in place. The actor's step may change features that V reads, so V is
        # first. The actor's gradient passes through the critics, so they are last.
        _descend(value_loss, self.value.optimizer)
        _descend(actor_loss, self.actor.optimizer)
        _descend(critic_loss, self.critic.optimizer)
        losses = {"actor_loss": actor_loss, "critic_loss": critic_loss}
        return {**logged, **losses, "value_loss": value_loss}

    def _entropy_step(
        self, log_prob: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the entropy coefficient before its update, and what to log."""
        if self.ent_coef_optimizer is None or self.log_ent_coef is None:
            return self.ent_coef_tensor, {"ent_coef": self.ent_coef_tensor}
        assert isinstance(self.target_entropy, float)
        alpha = self.log_ent_coef.detach().exp()
        loss = -(self.log_ent_coef * (log_prob + self.target_entropy)).mean()
        _descend(loss, self.ent_coef_optimizer)
        return alpha, {"ent_coef": alpha, "ent_coef_loss": loss}

    def _least_value(self, obs: PyTorchObs, actions: torch.Tensor) -> torch.Tensor:
        """Return the minimum of the critics' values, shape (batch, 1)."""
        return torch.cat(self.critic(obs, actions), dim=1).amin(dim=1, keepdim=True)

    def _value_loss(
        self, batch: ReplayBufferSamples, soft_value: torch.Tensor
    ) -> torch.Tensor:
        return 0.5 * mse_loss(self.value(batch.observations), soft_value)

    def _critic_loss(self, batch: ReplayBufferSamples) -> torch.Tensor:
        discounts = self.gamma if batch.discounts is None else batch.discounts
        with torch.no_grad():
            following = self.value_target(batch.next_observations)
            target = batch.rewards + (1 - batch.dones) * discounts * following
        values = self.critic(batch.observations, batch.actions)
        return 0.5 * torch.stack([mse_loss(q, target) for q in values]).sum()

    def _update_target(self) -> None:
        """Let the target network follow V; copy running statistics, as in SB3."""
        online, target = self.value, self.value_target
        polyak_update(online.parameters(), target.parameters(), self.tau)
        # Looked up at every update, because surgery replaces the tensors.
        running = get_parameters_by_name(online, ["running_"])
        polyak_update(running, get_parameters_by_name(target, ["running_"]), 1.0)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "value", "value_target"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        state_dicts, tensors = super()._get_torch_save_params()
        return [*state_dicts, "value.optimizer"], tensors


def _descend(loss: torch.Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()
