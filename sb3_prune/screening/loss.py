"""Loss: what the gradients of screeners are of: A2C's loss on the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import PyTorchObs

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.screening.window import Floats, Window
from sb3_prune.surgery.flow.quiet import quiet

VF_COEF = 0.5
"""Weight of the critic's part where the algorithm has none, as in TRPO; A2C's."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """What A2C learns from, (samples, ...)."""

    observations: PyTorchObs
    """Observations."""
    actions: torch.Tensor
    """Actions, as ``evaluate_actions`` takes them."""
    advantages: torch.Tensor
    """Advantages of the actions, normalised if the algorithm does so."""
    returns: torch.Tensor
    """What the critic is to estimate."""
    masks: torch.Tensor | None = None
    """Which actions were allowed; None without masking."""


def loss_terms(model: BaseAlgorithm, batch: Batch) -> torch.Tensor:
    r"""Return the loss of A2C for each sample, (samples,); its mean is the loss.

    .. math:: L = -A \log \pi(a|s) + c_v (R - V(s))^2 - c_e H(\pi(\cdot|s))

    The factors are the algorithm's ``vf_coef`` and ``ent_coef``; 0.5 and 0 if it has
    none.
    """
    policy: Any = model.policy
    masks = {} if batch.masks is None else {"action_masks": batch.masks}
    values, log_prob, entropy = policy.evaluate_actions(
        batch.observations, batch.actions, **masks
    )
    if entropy is None:  # No closed form, as A2C itself does it.
        entropy = -log_prob
    critic = (batch.returns - values.flatten()) ** 2
    vf_coef = getattr(model, "vf_coef", VF_COEF)
    bonus = getattr(model, "ent_coef", 0.0) * entropy
    loss: torch.Tensor = vf_coef * critic - batch.advantages * log_prob - bonus
    return loss


def batch_of(window: Window) -> Batch:
    """Return the window as a batch, with advantages by GAE as SB3 computes them.

    Gamma, lambda and ``normalize_advantage`` are the algorithm's. Values are those of
    the critic at the end of the window.

    Raises:
        UnsupportedPolicyError: The algorithm is off-policy, or has a memory.
    """
    model = window.model
    if not isinstance(model, OnPolicyAlgorithm) or isinstance(model, RecurrentPPO):
        raise UnsupportedPolicyError(
            "Gradients are those of A2C's loss on the window, which "
            f"{type(model).__name__} does not have: expected an on-policy algorithm "
            "without memory (A2C, PPO, TRPO, MaskablePPO)."
        )
    with quiet(model.policy):
        advantages, returns = _estimates(window)
    if getattr(model, "normalize_advantage", False) and advantages.size > 1:
        spread = advantages.std(ddof=1) + 1e-8  # As SB3 does.
        advantages = (advantages - advantages.mean()) / spread
    found = {"advantages": advantages, "returns": returns}
    device = model.device
    masks = window._masked().get("action_masks")
    return Batch(
        observations=window.inputs.observations,
        actions=_actions(window),
        masks=None if masks is None else torch.as_tensor(masks, device=device),
        **{n: torch.as_tensor(v.ravel(), device=device) for n, v in found.items()},
    )


def _actions(window: Window) -> torch.Tensor:
    model, samples = window.model, window.rewards.size
    actions = torch.as_tensor(window.actions, device=model.device)
    if isinstance(model.action_space, spaces.Discrete):
        return actions.long().reshape(samples)
    return actions.float().reshape(samples, -1)


def _estimates(window: Window) -> tuple[Floats, Floats]:
    """Return advantages and returns, both (steps, environments)."""
    model: Any = window.model

    def value(observations: PyTorchObs) -> Floats:
        found: Floats = model.policy.predict_values(observations).cpu().numpy()
        return found.reshape(-1, window.rewards.shape[1])

    values = value(window.inputs.observations)
    following = np.concatenate([values[1:], value(window.last)])
    rewards = window.rewards.copy()
    for cut in window.cuts:
        final = float(model.policy.predict_values(cut.observation))
        rewards[cut.step, cut.environment] += model.gamma * final
    going_on = 1.0 - window.ends.astype(np.float32)
    errors = rewards + model.gamma * following * going_on - values
    advantages = np.zeros_like(values)
    ahead = np.zeros_like(values[0])
    for step in reversed(range(len(errors))):
        decay = model.gamma * model.gae_lambda * going_on[step]
        ahead = errors[step] + decay * ahead
        advantages[step] = ahead
    return advantages, advantages + values
