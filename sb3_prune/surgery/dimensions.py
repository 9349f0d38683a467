"""Dimensions: what modules and models remember of widths, besides their tensors."""

from __future__ import annotations

from sb3_contrib.common.torch_layers import BatchRenorm
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.distributions import StateDependentNoiseDistribution
from stable_baselines3.common.torch_layers import MlpExtractor
from stable_baselines3.common.utils import get_parameters_by_name
from torch import nn

from sb3_prune.networks.dense import LiveLayerNorm
from sb3_prune.surgery.chains import policy_chains

_BATCH_NORM_STATS = {
    "actor": ("actor_batch_norm_stats",),
    "critic": ("critic_batch_norm_stats", "batch_norm_stats"),
    "q_net": ("batch_norm_stats",),
    "quantile_net": ("batch_norm_stats",),
}
"""Names under which SB3's algorithms cache the running statistics of a network."""


def sync_dimensions(policy: nn.Module) -> None:
    """Make every remembered width agree with the tensors, in place."""
    for module in policy.modules():
        if isinstance(module, nn.Linear):
            module.out_features = module.weight.shape[0]
            module.in_features = module.weight.shape[1]
        elif isinstance(module, MlpExtractor):
            module.latent_dim_pi = _width(module.policy_net, module.latent_dim_pi)
            module.latent_dim_vf = _width(module.value_net, module.latent_dim_vf)
        elif isinstance(module, LiveLayerNorm):
            module.normalized_shape = tuple(module.weight.shape)
        elif isinstance(module, nn.BatchNorm1d | BatchRenorm):
            tensors = [*module.parameters(), *module.buffers()]
            module.num_features = max((t.numel() for t in tensors), default=0)
        _resample_noise(module)
    for chain in policy_chains(policy):
        for _, linear, between in chain.hidden():
            for _, module in between:
                if isinstance(module, nn.LayerNorm):
                    module.normalized_shape = (linear.out_features,)


def _width(body: nn.Sequential, default: int) -> int:
    # Not out_features: a parent is visited before its children.
    widths = [len(m.weight) for m in body if isinstance(m, nn.Linear)]
    return widths[-1] if widths else default


def _resample_noise(module: nn.Module) -> None:
    """Draw the exploration matrix of gSDE anew if the latent width changed."""
    distribution = getattr(module, "action_dist", None)
    if not isinstance(distribution, StateDependentNoiseDistribution):
        return
    log_std = module.get_parameter("log_std")
    if distribution.latent_sde_dim != len(log_std):
        distribution.latent_sde_dim = len(log_std)
        distribution.sample_weights(log_std, len(distribution.exploration_matrices))


def refresh_caches(model: BaseAlgorithm) -> None:
    """Point SB3's cached lists of batch-norm statistics at the live buffers.

    Algorithms copy these statistics to their targets; a stale list raises no error, the
    target just stops following.
    """
    for network, names in _BATCH_NORM_STATS.items():
        for suffix in ("", "_target"):
            module = getattr(model.policy, network + suffix, None)
            for name in names:
                if module is not None and hasattr(model, name + suffix):
                    stats = get_parameters_by_name(module, ["running_"])
                    setattr(model, name + suffix, stats)
