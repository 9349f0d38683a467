"""Complexity: what an agent costs to deploy and to train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import prod

from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor, nn

from sb3_prune.surgery.wiring import Wiring, wire


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """Counts of an agent; units behind a closed gate count as gone."""

    units: int
    """Hidden units of all online networks."""
    units_deploy: int
    """Hidden units of the networks that choose actions."""
    params_deploy: int
    """Parameters of the networks that choose actions."""
    params_train: int
    """Parameters of all online networks, targets left out."""
    flops_deploy: int
    """Multiplications and additions of the Linear layers per action, (2 I - 1) O each
    (Method 5, equation 23)."""

    def to_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


def complexity(model: BaseAlgorithm) -> Complexity:
    """Count the units, parameters and FLOPs of a model.

    Raises:
        UnsupportedPolicyError: The policy's networks are not known.
    """
    policy = model.policy
    layers = wire(policy)
    units = layers.active_units()
    shapes = _shapes(layers)
    online = {
        name: prod(shapes.get(p, p.shape))
        for name, p in policy.named_parameters()
        if not (_is_target(name) or name.endswith(".theta"))
    }
    acting = {name: size for name, size in online.items() if _acts(name)}
    return Complexity(
        units=sum(units.values()),
        units_deploy=sum(count for name, count in units.items() if _acts(name)),
        params_deploy=sum(acting.values()),
        params_train=sum(online.values()),
        flops_deploy=_flops(policy, shapes),
    )


def _acts(name: str) -> bool:
    """Tell whether a tensor or module is used when the agent acts."""
    critics = ("critic.", "value.", "value_net.", "mlp_extractor.value_net.")
    others = ("lstm_critic.", "vf_features_extractor.", "ofe.phi_oa.", "ofe.f_pred.")
    trains = name.startswith((*critics, *others))
    return not trains and not _is_target(name)


def _is_target(name: str) -> bool:
    return name.partition(".")[0].endswith("_target")


def _shapes(layers: Wiring) -> dict[Tensor, list[int]]:
    """Return what removing the closed units leaves of every tensor that holds units."""
    shapes: dict[Tensor, list[int]] = {}
    for layer in layers.values():
        closed = layer.units - int(layer.active.sum())
        for slot in layer.slots():
            tensor = getattr(slot.owner, slot.attribute)
            shapes.setdefault(tensor, list(tensor.shape))[slot.axis] -= closed
    return shapes


def _flops(policy: nn.Module, shapes: Mapping[Tensor, list[int]]) -> int:
    """Count the FLOPs of the Linear layers that act."""
    total = 0
    for name, module in policy.named_modules():
        if isinstance(module, nn.Linear) and _acts(f"{name}."):
            outputs, inputs = shapes.get(module.weight, module.weight.shape)
            total += (2 * inputs - 1) * outputs
    return total
