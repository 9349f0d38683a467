"""Complexity: units, parameters and FLOPs of an agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import prod
from typing import cast

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor
from torch.overrides import BaseTorchFunctionMode

from sb3_prune.evaluation.flops import FlopCounter
from sb3_prune.evaluation.latency import draw
from sb3_prune.surgery.flow.quiet import quiet
from sb3_prune.surgery.flow.slots import MASK
from sb3_prune.surgery.open_weights import between_open
from sb3_prune.surgery.targets import target_names
from sb3_prune.surgery.wiring import Wiring, policy_of, wire


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """Size of an agent, counted as if units with a closed gate were removed."""

    units: int
    """Hidden units of all online networks, but for layers whose units cannot change."""
    units_deploy: int
    """Those of them in the networks that choose actions."""
    params_deploy: int
    """Parameters that are read to choose an action."""
    params_train: int
    """Parameters of all online networks, without target networks."""
    weights_deploy: int
    """Entries of matrices that are read to choose an action and are not masked,
    (1 - S) I O for each O x I matrix of sparsity S (equation 21)."""
    flops_deploy: int
    """Multiplications and additions of all matrix products, convolutions and recurrent
    layers per action, (2 I - 1) O for each product with an O x I matrix (Su et al.
    2024, equation 23); see :mod:`sb3_prune.evaluation.flops`."""
    sparse_flops_deploy: int
    """The same for products that skip masked weights, (1 - S) (2 I - 1) O: what the
    arithmetic would cost, not what torch does."""

    def to_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


def complexity(model: BaseAlgorithm | BasePolicy) -> Complexity:
    """Count the units, parameters and FLOPs of a model, or of its policy.

    The policy chooses one action on a random observation, which shows the networks that
    act and the products that they compute. The policy does not change.

    Raises:
        UnsupportedPolicyError: The policy's networks are not known.
    """
    policy = cast(BasePolicy, policy_of(model))
    layers = wire(policy)
    copies = target_names(policy)
    units = layers.active_units()
    shapes = _shapes(layers)
    densities = _densities(policy, layers)
    counter = count_action(policy, shapes, densities)
    online: dict[Tensor, int] = {
        p: prod(shapes.get(p, p.shape))
        for name, p in policy.named_parameters()
        if name.partition(".")[0] not in copies and not name.endswith(".theta")
    }
    read = {p: size for p, size in online.items() if p in counter.read}
    acting = [
        name
        for name, layer in layers.items()
        if any(slot.tensor in counter.read for slot in layer.slots())
    ]
    return Complexity(
        units=sum(units.values()),
        units_deploy=sum(units[name] for name in acting),
        params_deploy=sum(read.values()),
        params_train=sum(online.values()),
        weights_deploy=round(
            sum(n * densities.get(p, 1.0) for p, n in read.items() if p.ndim > 1)
        ),
        flops_deploy=counter.flops,
        sparse_flops_deploy=round(counter.sparse_flops),
    )


def count_action(
    policy: BasePolicy,
    shapes: Mapping[Tensor, list[int]],
    densities: Mapping[Tensor, float] | None = None,
) -> FlopCounter:
    """Let a policy choose one deterministic action and count its FLOPs.

    Args:
        policy: The policy; it does not change.
        shapes: Tensor -> the shape it would have if units with a closed gate were
            removed.
        densities: Masked weight -> the share of its entries, between open units, that
            are not masked.

    Returns:
        The counter, with the FLOPs and the parameters that were read.
    """
    observation = draw(policy.observation_space)
    counter = FlopCounter(policy, shapes, densities)
    # An active function mode makes attention use products that can be counted, instead
    # of a fused kernel.
    with quiet(policy), BaseTorchFunctionMode(), counter:
        policy.predict(observation, deterministic=True)
    return counter


def _densities(policy: BasePolicy, layers: Wiring) -> dict[Tensor, float]:
    """Return the share of unmasked entries of each masked weight, between open units.

    Entries of closed units are left out: they are gone from the size already.
    """
    found: dict[Tensor, float] = {}
    for module in policy.modules():
        if getattr(module, MASK, None) is not None:
            mask = module.get_buffer(MASK)[between_open(module, layers)]
            present = float(mask.sum()) / max(1, mask.numel())
            found[module.get_parameter("weight")] = present
    return found


def _shapes(layers: Wiring) -> dict[Tensor, list[int]]:
    """Return the shape of every tensor with units if closed units were removed."""
    shapes: dict[Tensor, list[int]] = {}
    for layer in layers.values():
        closed = layer.units - int(layer.active.sum())
        for slot in layer.slots():
            left = shapes.setdefault(slot.tensor, list(slot.tensor.shape))
            left[slot.axis] -= closed * slot.block
    return shapes
