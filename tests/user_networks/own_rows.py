"""The rows of policy classes, on and off policy."""

from __future__ import annotations

from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from stable_baselines3.common.policies import ActorCriticCnnPolicy
from stable_baselines3.dqn.policies import CnnPolicy

from user_networks import cnns, off_policy, policies, worlds
from user_networks.bodies import BodyPolicy
from user_networks.case import Case
from user_networks.mlps import Residual
from user_networks.rows import both, inside

MLP = {
    f"mlp_extractor.{net}.{i}": units
    for net in ("policy_net", "value_net")
    for i, units in ((0, 12), (2, 10))
}
"""Hidden layers of SB3's own networks, given the widths 12 and 10."""
CNN = {"cnn.0": 6, "cnn.3": 5, "linear": 10}
"""Layers of :class:`cnns.PlainCnn`."""
ARCH = {"net_arch": [12, 10]}

ON_POLICY = {
    "shared-trunk": Case(
        algorithm=PPO,
        policy=policies.SharedTrunkPolicy,
        env=worlds.cart_pole,
        expectation="prunable",
        reason="two networks read the trunk",
        prunable=inside(
            "mlp_extractor", {"trunk.0": 12, "policy_net.0": 10, "value_net.0": 8}
        ),
    ),
    "skipping": Case(
        algorithm=A2C,
        policy=policies.SkippingPolicy,
        env=worlds.cart_pole,
        expectation="prunable",
        reason="the sum ties the features and the last layer of the actor",
        prunable={
            "features_extractor.linear": 12,
            "mlp_extractor.policy_net.0": 10,
            "mlp_extractor.value_net.0": 8,
        },
        policy_kwargs={
            "features_extractor_class": policies.Embedding,
            "net_arch": {"pi": [10, 12], "vf": [8]},
        },
    ),
    "twin-weight": Case(
        algorithm=PPO,
        policy=policies.TwinWeightPolicy,
        env=worlds.pendulum,
        expectation="prunable",
        reason="the weight ties actor and critic, on both its sides",
        prunable=inside("mlp_extractor", {"policy_net.0": 12, "policy_net.2": 10}),
        policy_kwargs=ARCH,
    ),
    "deep-heads": Case(
        algorithm=PPO,
        policy=policies.DeepHeadsPolicy,
        env=worlds.cart_pole,
        expectation="prunable",
        reason="the heads have hidden layers of their own",
        prunable=MLP | {"action_net.0": 8, "value_net.0": 6},
        policy_kwargs=ARCH,
    ),
    "from-scratch": Case(
        algorithm=PPO,
        policy=policies.FromScratchPolicy,
        env=worlds.pendulum,
        expectation="prunable",
        reason="no attribute has SB3's name",
        prunable={"encoder": 12, "actor_head.hidden": 10, "critic_head.0": 8},
    ),
    "cost-head": Case(
        algorithm=policies.CostPPO,
        policy=policies.CostPolicy,
        env=worlds.cart_pole,
        expectation="fixed",
        reason="a head that no call of SB3 reads hangs on the critic's last layer",
        prunable=inside("mlp_extractor", {"policy_net.0": 12, "policy_net.2": 8})
        | {"mlp_extractor.value_net.0": 11},
        fixed={"mlp_extractor.value_net.2": 10},
        policy_kwargs={"net_arch": {"pi": [12, 8], "vf": [11, 10]}},
    ),
    "two-speed": Case(
        algorithm=policies.TwoSpeedPPO,
        policy=policies.TwoSpeedPolicy,
        env=worlds.pendulum,
        expectation="prunable",
        reason="two optimisers hold the moments",
        prunable=MLP,
        policy_kwargs=ARCH,
    ),
    "recurrent-residual": Case(
        algorithm=RecurrentPPO,
        policy=policies.RecurrentResidualPolicy,
        env=worlds.cart_pole,
        expectation="prunable",
        reason="one number says the size of both LSTMs: they are cut alike",
        prunable=both({"stem": 12, "inner": 10})
        | {
            "features_extractor.linear": 12,
            "lstm_actor.weight_ih_l0[0:8]": 8,
            "lstm_critic.weight_ih_l0[0:8]": 8,
        },
        policy_kwargs={
            "features_extractor_class": policies.Embedding,
            "lstm_hidden_size": 8,
        },
    ),
    "shared-lstm": Case(
        algorithm=RecurrentPPO,
        policy=RecurrentActorCriticPolicy,
        env=worlds.cart_pole,
        expectation="prunable",
        reason="one LSTM of two layers for actor and critic",
        prunable=MLP | {"lstm_actor.weight_ih_l0[0:8]": 8},
        policy_kwargs=ARCH
        | {
            "lstm_hidden_size": 8,
            "n_lstm_layers": 2,
            "shared_lstm": True,
            "enable_critic_lstm": False,
        },
    ),
    "state-dependent-noise": Case(
        algorithm=PPO,
        policy=BodyPolicy,
        env=worlds.pendulum,
        expectation="prunable",
        reason="the noise has a row for each unit of the actor's last layer",
        prunable=both({"stem": 12, "inner": 10}),
        policy_kwargs={"body": Residual},
        arguments={"use_sde": True},
    ),
    "two-extractors": Case(
        algorithm=PPO,
        policy=ActorCriticCnnPolicy,
        env=worlds.images,
        expectation="prunable",
        reason="actor and critic each have an extractor",
        prunable=inside("features_extractor", CNN)
        | inside("vf_features_extractor", CNN)
        | {"mlp_extractor.policy_net.0": 8, "mlp_extractor.value_net.0": 6},
        policy_kwargs={
            "features_extractor_class": cnns.PlainCnn,
            "net_arch": {"pi": [8], "vf": [6]},
            "share_features_extractor": False,
        },
    ),
}
OFF_POLICY = {
    "dueling-dqn": Case(
        algorithm=DQN,
        policy=off_policy.DuelingDQNPolicy,
        env=worlds.cart_pole,
        expectation="prunable",
        reason="two heads read the trunk; the target follows",
        prunable=inside("q_net.q_net", {"0.0": 12, "1.value.0": 8, "1.advantage.0": 6}),
        fixed={"q_net.q_net.1.value.2": 1},
        policy_kwargs={"net_arch": []},
    ),
    "bare-dqn": Case(
        algorithm=DQN,
        policy=off_policy.BareDQNPolicy,
        env=worlds.cart_pole,
        expectation="prunable",
        reason="no attribute has SB3's name",
        prunable={"q_net.embed": 12, "q_net.hidden": 10},
        policy_kwargs={"net_arch": []},
    ),
    "cnn-dqn": Case(
        algorithm=DQN,
        policy=CnnPolicy,
        env=worlds.images,
        expectation="prunable",
        reason="channels of an extractor with a target",
        prunable=inside("q_net.features_extractor", CNN) | {"q_net.q_net.0": 8},
        policy_kwargs={"features_extractor_class": cnns.PlainCnn, "net_arch": [8]},
    ),
    "own-sac": Case(
        algorithm=SAC,
        policy=off_policy.OwnSACPolicy,
        env=worlds.pendulum,
        expectation="prunable",
        reason="residual actor; critics that read the action late, behind a norm",
        prunable={
            "actor.latent_pi.stem": 12,
            "actor.latent_pi.inner": 10,
            "critic.late0.observer": 12,
            "critic.late1.observer": 12,
        },
        mixes={"critic.late0.joint": 8, "critic.late1.joint": 8},
        policy_kwargs=ARCH,
    ),
    "cnn-sac": Case(
        algorithm=SAC,
        policy=off_policy.SmallCnnSACPolicy,
        env=worlds.torques_by_image,
        expectation="prunable",
        reason="one extractor for actor and critics, another for the targets",
        prunable=inside("actor.features_extractor", CNN)
        | {"actor.latent_pi.0": 8, "critic.qf0.0": 6, "critic.qf1.0": 6},
    ),
    "own-td3": Case(
        algorithm=TD3,
        policy=off_policy.OwnTD3Policy,
        env=worlds.pendulum,
        expectation="prunable",
        reason="a gated actor on features of one layer, shared with the critics",
        prunable={"actor.features_extractor.linear": 12, "actor.mu.0[0:10]": 10}
        | inside("critic", {"qf0.0": 10, "qf0.2": 8, "qf1.0": 10, "qf1.2": 8}),
    ),
}
