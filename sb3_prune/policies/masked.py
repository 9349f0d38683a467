"""Stock policy classes with gates: pass them to the stock algorithms."""

from __future__ import annotations

from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.crossq.policies import CrossQPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from sb3_contrib.tqc.policies import TQCPolicy
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import TD3Policy

from sb3_prune.policies.mixin import MaskedPolicyMixin
from sb3_prune.policies.softmax import SoftmaxDQNPolicy


class MaskedDQNPolicy(MaskedPolicyMixin, SoftmaxDQNPolicy):
    """DQN's policy with gates, and softmax exploration if ``temperature`` is given."""


class MaskedQRDQNPolicy(MaskedPolicyMixin, QRDQNPolicy):
    """QR-DQN's policy with gates."""


class MaskedSACPolicy(MaskedPolicyMixin, SACPolicy):
    """SAC's policy with gates."""


class MaskedTD3Policy(MaskedPolicyMixin, TD3Policy):
    """TD3's and DDPG's policy with gates."""


class MaskedTQCPolicy(MaskedPolicyMixin, TQCPolicy):
    """TQC's policy with gates."""


class MaskedCrossQPolicy(MaskedPolicyMixin, CrossQPolicy):
    """CrossQ's policy with gates, each behind its batch renormalisation."""


class MaskedActorCriticPolicy(MaskedPolicyMixin, ActorCriticPolicy):
    """PPO's, A2C's and TRPO's policy with gates."""


class MaskedMaskableActorCriticPolicy(MaskedPolicyMixin, MaskableActorCriticPolicy):
    """MaskablePPO's policy with gates (its own masks are those of actions)."""


class MaskedRecurrentActorCriticPolicy(MaskedPolicyMixin, RecurrentActorCriticPolicy):
    """RecurrentPPO's policy with gates in the MLPs behind its LSTM."""
