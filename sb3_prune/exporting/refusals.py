"""Refusals: agents whose export would be wrong in a way that no sample shows."""

from __future__ import annotations

from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import ExportError

AROUND = ("predict", "obs_to_tensor", "unscale_action")
"""Methods that do what an export does in its own way, around the networks."""
KNOWN = ("stable_baselines3", "sb3_contrib", "sb3_prune")
"""Packages whose methods of these names are known to do just that."""


def check_exportable(model: BaseAlgorithm) -> None:
    """Check that an agent does what its networks do, and that these are sound.

    A method of a user's around the networks is not traced. It may differ where no
    sample is, so a comparison cannot do this.

    Raises:
        ExportError: A method around the networks is a user's, or a parameter is NaN.
    """
    for owner in (model, model.policy):
        for name in AROUND:
            method = getattr(owner, name, None)
            module = getattr(method, "__module__", None) or ""
            stock = module.partition(".")[0] in KNOWN and name not in vars(owner)
            if method is not None and not stock:
                raise ExportError(
                    f"{type(owner).__name__} overrides {name}, which an export would "
                    "leave out: do this in _predict or in a network."
                )
    for name, parameter in model.policy.named_parameters():
        if parameter.isnan().any():
            raise ExportError(f"The agent has NaN in its parameter '{name}'.")
