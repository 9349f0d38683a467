"""Dimensions: widths that modules and models store besides their tensors."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.torch_layers import BatchRenorm
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.torch_layers import MlpExtractor
from stable_baselines3.common.utils import get_parameters_by_name
from torch import nn
from torch.nn.utils import parametrize

from sb3_prune.exceptions import NonFiniteError
from sb3_prune.networks.perceptrons import perceptrons_of
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.flow.quiet import noise
from sb3_prune.surgery.hidden_layer import HiddenLayer

_BATCH_NORM_STATS = {
    "actor": ("actor_batch_norm_stats",),
    "critic": ("critic_batch_norm_stats", "batch_norm_stats"),
    "q_net": ("batch_norm_stats",),
    "quantile_net": ("batch_norm_stats",),
}
"""Names under which SB3's algorithms cache the running statistics of a network."""
CACHED = frozenset(
    name + suffix
    for names in _BATCH_NORM_STATS.values()
    for name in names
    for suffix in ("", "_target")
)
"""All attributes that :func:`refresh_caches` may replace."""
_NORMS = (nn.modules.batchnorm._NormBase, BatchRenorm)


def sync_dimensions(
    policy: nn.Module,
    changed: Iterable[tuple[HiddenLayer, Change]] = (),
    beside: Iterable[nn.Module] = (),
) -> None:
    """Make every stored width agree with the tensors, in place.

    Args:
        policy: The policy.
        changed: The changed layers, in target networks too, each with its change.
        beside: Modules that the model holds beside its policy.
    """
    for layer, change in changed:
        for width in layer.group.widths:
            grown = (change.after - change.before) * width.block
            _grow(width.owner, width.attribute, grown)
    for module in dict.fromkeys([*policy.modules(), *beside]):
        if not parametrize.is_parametrized(module):
            _sync(module)
        elif isinstance(module, nn.Linear):
            module.out_features, module.in_features = _computed(module).shape
        _resample_noise(module)
    for module in policy.modules():
        if isinstance(module, MlpExtractor):
            module.latent_dim_pi = _width(module.policy_net, module.latent_dim_pi)
            module.latent_dim_vf = _width(module.value_net, module.latent_dim_vf)
    for child in policy.children():
        _sync_arch(child)
    if isinstance(policy, RecurrentActorCriticPolicy):
        layers, batch, _ = policy.lstm_hidden_state_shape
        size = policy.lstm_actor.hidden_size
        policy.lstm_hidden_state_shape = (layers, batch, size)


def _grow(owner: nn.Module, attribute: str, grown: int) -> None:
    old = getattr(owner, attribute)
    new = (*old[:-1], old[-1] + grown) if isinstance(old, tuple) else old + grown
    setattr(owner, attribute, new)


def _sync(module: nn.Module) -> None:
    """Let a module of torch or SB3 store the widths that its tensors have."""
    weight: Any = getattr(module, "weight_orig", getattr(module, "weight", None))
    if isinstance(module, nn.Linear):
        module.out_features, module.in_features = weight.shape
    elif isinstance(module, nn.modules.conv._ConvTransposeNd):
        module.in_channels = weight.shape[0]
        module.out_channels = weight.shape[1] * module.groups
    elif isinstance(module, nn.modules.conv._ConvNd):
        module.out_channels = weight.shape[0]
        module.in_channels = weight.shape[1] * module.groups
    elif isinstance(module, nn.LayerNorm | nn.RMSNorm) and weight is not None:
        module.normalized_shape = tuple(weight.shape)
    elif isinstance(module, nn.GroupNorm) and weight is not None:
        module.num_channels = len(weight)
    elif isinstance(module, _NORMS):
        tensors = [*module.parameters(), *module.buffers()]
        held = max((t.numel() for t in tensors), default=0)
        module.num_features = held or module.num_features  # Some hold no tensor.
    elif isinstance(module, nn.RNNBase):
        module.hidden_size = module.get_parameter("weight_hh_l0").shape[1]
        module.input_size = module.get_parameter("weight_ih_l0").shape[1]
        module.flatten_parameters()
    elif isinstance(module, nn.RNNCellBase):
        module.hidden_size = module.weight_hh.shape[1]
        module.input_size = module.weight_ih.shape[1]
    elif isinstance(module, nn.Embedding):
        module.embedding_dim = weight.shape[1]


def _computed(module: nn.Module) -> torch.Tensor:
    """Return a parametrized weight; a copy computes it, for that may change a state."""
    copy: Any = deepcopy(module).eval()
    with torch.no_grad(), torch.random.fork_rng(devices=()):
        weight: torch.Tensor = copy.weight
    return weight


def _width(body: nn.Module, default: int) -> int:
    widths = [m.out_features for m in body.modules() if isinstance(m, nn.Linear)]
    return widths[-1] if widths else default


def _sync_arch(network: Any) -> None:
    """Update ``net_arch``, from which a network that was saved alone is built anew."""
    own = perceptrons_of(network)
    if len(own) != 1 or not isinstance(getattr(network, "net_arch", None), list):
        return
    linears = own[0].linears()
    hidden = linears if own[0].heads else linears[:-1]
    network.net_arch = [linear.out_features for linear in hidden]
    network.features_dim = own[0].inputs


def _resample_noise(module: nn.Module) -> None:
    """Draw a new exploration matrix for gSDE if the latent width changed.

    Raises:
        NonFiniteError: The new matrix is not finite.
    """
    distribution = noise(module)
    if distribution is None:
        return
    log_std = module.get_parameter("log_std")
    if distribution.latent_sde_dim != len(log_std):
        distribution.latent_sde_dim = len(log_std)
        distribution.sample_weights(log_std, len(distribution.exploration_matrices))
        if not bool(distribution.exploration_mat.isfinite().all()):
            raise NonFiniteError("The exploration noise of gSDE would become infinite.")


def refresh_caches(model: BaseAlgorithm) -> None:
    """Point SB3's cached lists of batch-norm statistics at the live buffers.

    Algorithms copy these statistics to their target networks. A stale list would raise
    no error: the target network would just stop following.
    """
    for network, names in _BATCH_NORM_STATS.items():
        for suffix in ("", "_target"):
            module = getattr(model.policy, network + suffix, None)
            for name in names:
                if module is not None and hasattr(model, name + suffix):
                    stats = get_parameters_by_name(module, ["running_"])
                    setattr(model, name + suffix, stats)
