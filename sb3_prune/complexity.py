"""Complexity: what an agent costs to deploy and to train."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.surgery.wiring import HiddenLayer, wire


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
    acting = {name: layer for name, layer in layers.items() if _acts(name)}
    units = layers.active_units()
    return Complexity(
        units=sum(units.values()),
        units_deploy=sum(units[name] for name in acting),
        params_deploy=_parameters(policy, deploy=True) - _closed(acting),
        params_train=_parameters(policy, deploy=False) - _closed(dict(layers)),
        flops_deploy=_flops(policy, acting),
    )


def _acts(name: str) -> bool:
    """Tell whether a tensor or module is used when the agent acts."""
    critics = ("critic.", "value.", "value_net.", "mlp_extractor.value_net.")
    others = ("lstm_critic.", "vf_features_extractor.", "ofe.phi_oa.", "ofe.f_pred.")
    trains = name.startswith((*critics, *others))
    return not trains and not _is_target(name)


def _is_target(name: str) -> bool:
    return name.partition(".")[0].endswith("_target")


def _parameters(policy: nn.Module, *, deploy: bool) -> int:
    return sum(
        p.numel()
        for name, p in policy.named_parameters()
        if not (_is_target(name) or name.endswith(".theta"))
        and (_acts(name) or not deploy)
    )


def _closed(layers: dict[str, HiddenLayer]) -> int:
    """Count the parameters that removing the closed units would remove."""
    total = 0
    dead_rows = {la.linear: la.units - int(la.active.sum()) for la in layers.values()}
    for layer in layers.values():
        dead = dead_rows[layer.linear]
        for slot in layer.slots():
            tensor = getattr(slot.owner, slot.attribute)
            if isinstance(tensor, nn.Parameter) and slot.attribute != "theta":
                total += dead * (tensor.numel() // tensor.shape[slot.axis])
        # Rows of the next layer that are gone themselves were counted twice.
        for slot in layer.readers:
            total -= dead * dead_rows.get(slot.owner, 0)  # type: ignore[call-overload]
    return total


def _flops(policy: nn.Module, acting: dict[str, HiddenLayer]) -> int:
    """Count the FLOPs of the Linear layers that act, closed units left out."""
    outputs = {la.linear: int(la.active.sum()) for la in acting.values()}
    inputs: dict[nn.Module, int] = {}
    for layer in acting.values():
        for slot in layer.readers:
            if isinstance(slot.owner, nn.Linear):
                gone = layer.units - outputs[layer.linear]
                base = inputs.get(slot.owner, slot.owner.in_features)
                inputs[slot.owner] = base - gone
    total = 0
    for name, module in policy.named_modules():
        if isinstance(module, nn.Linear) and _acts(f"{name}."):
            wide = inputs.get(module, module.in_features)
            total += (2 * wide - 1) * outputs.get(module, module.out_features)
    # SB3 sizes the head of a MultiDiscrete action by a NumPy integer.
    return int(total)
