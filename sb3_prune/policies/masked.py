"""Stock policy classes with gates: pass them to the stock algorithms.

Every algorithm has one for flat observations, one for images (``Cnn``) and one for
dictionaries (``MultiInput``), as SB3 has.
"""

from __future__ import annotations

from typing import Any, Self

from sb3_contrib.common.maskable import policies as maskable
from sb3_contrib.common.recurrent import policies as recurrent
from sb3_contrib.crossq.policies import CrossQPolicy
from sb3_contrib.qrdqn import policies as qrdqn
from sb3_contrib.tqc import policies as tqc
from stable_baselines3.common import policies as actor_critic
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.dqn import policies as dqn
from stable_baselines3.sac import policies as sac
from stable_baselines3.td3 import policies as td3

from sb3_prune.exceptions import PlanError
from sb3_prune.policies.mixin import MaskedPolicyMixin
from sb3_prune.policies.softmax import SoftmaxDQNPolicy
from sb3_prune.warning import warn


class MaskedDQNPolicy(MaskedPolicyMixin, SoftmaxDQNPolicy):
    """DQN's policy with gates, and softmax exploration if ``temperature`` is given."""


class MaskedDQNCnnPolicy(MaskedPolicyMixin, SoftmaxDQNPolicy, dqn.CnnPolicy):
    """DQN's policy for images with gates, and softmax exploration."""


class MaskedDQNMultiInputPolicy(
    MaskedPolicyMixin, SoftmaxDQNPolicy, dqn.MultiInputPolicy
):
    """DQN's policy for dictionaries with gates, and softmax exploration."""


class MaskedQRDQNPolicy(MaskedPolicyMixin, qrdqn.QRDQNPolicy):
    """QR-DQN's policy with gates."""


class MaskedQRDQNCnnPolicy(MaskedPolicyMixin, qrdqn.CnnPolicy):
    """QR-DQN's policy for images with gates."""


class MaskedQRDQNMultiInputPolicy(MaskedPolicyMixin, qrdqn.MultiInputPolicy):
    """QR-DQN's policy for dictionaries with gates."""


class MaskedSACPolicy(MaskedPolicyMixin, sac.SACPolicy):
    """SAC's policy with gates."""


class MaskedSACCnnPolicy(MaskedPolicyMixin, sac.CnnPolicy):
    """SAC's policy for images with gates."""


class MaskedSACMultiInputPolicy(MaskedPolicyMixin, sac.MultiInputPolicy):
    """SAC's policy for dictionaries with gates."""


class MaskedTD3Policy(MaskedPolicyMixin, td3.TD3Policy):
    """TD3's and DDPG's policy with gates."""


class MaskedTD3CnnPolicy(MaskedPolicyMixin, td3.CnnPolicy):
    """TD3's and DDPG's policy for images with gates."""


class MaskedTD3MultiInputPolicy(MaskedPolicyMixin, td3.MultiInputPolicy):
    """TD3's and DDPG's policy for dictionaries with gates."""


class MaskedTQCPolicy(MaskedPolicyMixin, tqc.TQCPolicy):
    """TQC's policy with gates."""


class MaskedTQCCnnPolicy(MaskedPolicyMixin, tqc.CnnPolicy):
    """TQC's policy for images with gates."""


class MaskedTQCMultiInputPolicy(MaskedPolicyMixin, tqc.MultiInputPolicy):
    """TQC's policy for dictionaries with gates."""


class MaskedCrossQPolicy(MaskedPolicyMixin, CrossQPolicy):
    """CrossQ's policy with gates, each behind its batch renormalisation."""


class MaskedActorCriticPolicy(MaskedPolicyMixin, actor_critic.ActorCriticPolicy):
    """PPO's, A2C's and TRPO's policy with gates."""

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move the policy, e.g. to a device; off the CPU, warn that it is slow there.

        SB3 warns when it builds a model, but only of the class ``ActorCriticPolicy``.
        """
        before = self.device.type
        moved = super().to(*args, **kwargs)
        own = type(self) is MaskedActorCriticPolicy  # A subclass may convolve.
        if own and self.device.type not in ("cpu", before):
            warn(
                f"{type(self).__name__} goes to '{self.device}': policies without "
                "convolutions mostly train faster on the CPU (device='cpu')."
            )
        return moved


class MaskedActorCriticCnnPolicy(MaskedPolicyMixin, actor_critic.ActorCriticCnnPolicy):
    """PPO's, A2C's and TRPO's policy for images with gates."""


class MaskedMultiInputActorCriticPolicy(
    MaskedPolicyMixin, actor_critic.MultiInputActorCriticPolicy
):
    """PPO's, A2C's and TRPO's policy for dictionaries with gates."""


class MaskedMaskableActorCriticPolicy(
    MaskedPolicyMixin, maskable.MaskableActorCriticPolicy
):
    """MaskablePPO's policy with gates (its own masks are those of actions)."""


class MaskedMaskableActorCriticCnnPolicy(
    MaskedPolicyMixin, maskable.MaskableActorCriticCnnPolicy
):
    """MaskablePPO's policy for images with gates."""


class MaskedMaskableMultiInputActorCriticPolicy(
    MaskedPolicyMixin, maskable.MaskableMultiInputActorCriticPolicy
):
    """MaskablePPO's policy for dictionaries with gates."""


class MaskedRecurrentMixin(MaskedPolicyMixin):
    """The mixin for policies with LSTMs: it tells of states of another width."""

    def _process_sequence(
        self, features: Any, lstm_states: Any, episode_starts: Any, lstm: Any
    ) -> Any:
        given = lstm_states[0].shape[-1]
        if given != getattr(lstm, "hidden_size", given):
            raise PlanError(
                f"The model keeps LSTM states of {given} units, its LSTMs have "
                f"{lstm.hidden_size}: sb3_prune.adopt(model) after set_parameters."
            )
        process: Any = super()
        return process._process_sequence(features, lstm_states, episode_starts, lstm)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        """Return the arguments, and those of the LSTMs, which sb3-contrib forgets."""
        policy: Any = self
        given: dict[str, Any] = super()._get_constructor_parameters()  # type: ignore[misc]
        built = self.wiring().built
        return given | {
            "lstm_hidden_size": built.get("lstm_actor", policy.lstm_output_dim),
            "n_lstm_layers": policy.lstm_hidden_state_shape[0],
            "shared_lstm": policy.shared_lstm,
            "enable_critic_lstm": policy.enable_critic_lstm,
            "lstm_kwargs": policy.lstm_kwargs,
        }


class MaskedRecurrentActorCriticPolicy(
    MaskedRecurrentMixin, recurrent.RecurrentActorCriticPolicy
):
    """RecurrentPPO's policy with gates in the MLPs behind its LSTM."""


class MaskedRecurrentActorCriticCnnPolicy(
    MaskedRecurrentMixin, recurrent.RecurrentActorCriticCnnPolicy
):
    """RecurrentPPO's policy for images with gates before and behind its LSTM."""


class MaskedRecurrentMultiInputActorCriticPolicy(
    MaskedRecurrentMixin, recurrent.RecurrentMultiInputActorCriticPolicy
):
    """RecurrentPPO's policy for dictionaries, gates before and behind its LSTM."""


__all__ = [
    "MaskedActorCriticCnnPolicy",
    "MaskedActorCriticPolicy",
    "MaskedCrossQPolicy",
    "MaskedDQNCnnPolicy",
    "MaskedDQNMultiInputPolicy",
    "MaskedDQNPolicy",
    "MaskedMaskableActorCriticCnnPolicy",
    "MaskedMaskableActorCriticPolicy",
    "MaskedMaskableMultiInputActorCriticPolicy",
    "MaskedMultiInputActorCriticPolicy",
    "MaskedQRDQNCnnPolicy",
    "MaskedQRDQNMultiInputPolicy",
    "MaskedQRDQNPolicy",
    "MaskedRecurrentActorCriticCnnPolicy",
    "MaskedRecurrentActorCriticPolicy",
    "MaskedRecurrentMultiInputActorCriticPolicy",
    "MaskedSACCnnPolicy",
    "MaskedSACMultiInputPolicy",
    "MaskedSACPolicy",
    "MaskedTD3CnnPolicy",
    "MaskedTD3MultiInputPolicy",
    "MaskedTD3Policy",
    "MaskedTQCCnnPolicy",
    "MaskedTQCMultiInputPolicy",
    "MaskedTQCPolicy",
]
CLASSES: tuple[type[MaskedPolicyMixin], ...]
CLASSES = tuple(globals()[name] for name in __all__)
"""Every stock policy with gates."""


def stock_base(cls: type[MaskedPolicyMixin]) -> type[BasePolicy]:
    """Return the stock class behind a masked one, e.g. ``SACPolicy``."""
    ours = (MaskedPolicyMixin, SoftmaxDQNPolicy)
    bases = (b for b in cls.__mro__ if issubclass(b, BasePolicy))
    return next(b for b in bases if b not in ours and not issubclass(b, ours[0]))
