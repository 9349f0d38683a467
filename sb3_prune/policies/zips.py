"""Zips: what SB3 cannot load of the zip that it writes of a model."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.save_util import recursive_getattr
from torch import nn

from sb3_prune.policies.adoption import MASKED, how_to_mask
from sb3_prune.surgery.wiring import BUILT, wire


def forgets_widths(policy: nn.Module) -> bool:
    """Tell whether a policy has other widths than its class can build and load."""
    as_torch = type(policy).load_state_dict is nn.Module.load_state_dict
    if BUILT not in vars(policy) or not as_torch:
        return False
    wiring, told = wire(policy), getattr(policy, "lstm_actor", None)
    return any(
        layer.units != wiring.built.get(name, layer.units)
        for name, layer in wiring.items()
        if layer.module is not told  # SB3 is told the new width of an LSTM.
    )


def saved_optimizers(model: BaseAlgorithm) -> dict[str, torch.optim.Optimizer]:
    """Return the optimisers whose state SB3 saves, by the names in its zip."""
    names, _ = model._get_torch_save_params()
    found = {name: recursive_getattr(model, name) for name in names}
    return {n: o for n, o in found.items() if isinstance(o, torch.optim.Optimizer)}


def hindrances(model: BaseAlgorithm, error: Exception | None = None) -> list[str]:
    """Return why SB3 cannot load a zip of a model, with the ways out.

    Args:
        model: The model.
        error: What loading a zip of it has raised, if that was tried.

    Returns:
        The reasons, as far as they can be told. An optimiser that a policy class of
        your own may have built is a reason only if the error says so.
    """
    of_optimizers = _hindrance_of_optimizers(model, _tells_of_groups(error))
    return [*hindrance_of_widths(model.policy), *of_optimizers]


def _tells_of_groups(error: BaseException | None) -> bool:
    """Tell whether an error says so, or an earlier one that SB3 was handling."""
    if error is None:
        return False
    return "parameter group" in str(error) or _tells_of_groups(error.__context__)


def hindrance_of_widths(policy: nn.Module) -> Iterator[str]:
    """Yield why a policy's weights cannot be loaded, if that is so."""
    if forgets_widths(policy):
        out = "Call sb3_prune.adopt(model)." if type(policy) in MASKED else ""
        yield (
            f"{type(policy).__name__} builds the widths of its arguments, not those "
            f"that the model has since units changed. {out or how_to_mask(policy)}"
        )


def _hindrance_of_optimizers(model: BaseAlgorithm, refused: bool) -> Iterator[str]:
    """Yield why the state of optimisers cannot be loaded, if that is so."""
    found = saved_optimizers(model)
    several = {n: o for n, o in found.items() if len(o.param_groups) > 1}
    known = type(model.policy) in {*MASKED, *MASKED.values()}
    meant = several if several or not refused else found
    if meant and (known or refused):
        yield (
            f"{type(model.policy).__name__} builds an optimiser with other groups of "
            f"parameters than {', '.join(map(_described, meant, meant.values()))}. Let "
            "a policy class of your own build it, or set one with a single group of "
            "all these parameters in its place, which begins without a state."
        )


def other_groups(old: BaseAlgorithm, new: BaseAlgorithm) -> list[str]:
    """Return, a sentence each, which optimisers of a new model have other groups."""
    sizes = [
        {name: len(optimizer.param_groups) for name, optimizer in found.items()}
        for found in (saved_optimizers(old), saved_optimizers(new))
    ]
    return [
        f"{name} has {count} groups of parameters, that of the new agent has "
        f"{sizes[1][name]}: set it by hand as you did for the old one."
        for name, count in sizes[0].items()
        if count != sizes[1].get(name, count)
    ]


def _described(name: str, optimizer: torch.optim.Optimizer) -> str:
    sizes = [str(len(group["params"])) for group in optimizer.param_groups]
    return f"{name} (groups of {' and '.join(sizes)} parameters)"


def warn_of_zip(model: BaseAlgorithm, what: str, stacklevel: int) -> None:
    """Warn if SB3 cannot load a zip of a model.

    Args:
        model: The model.
        what: Name of that which is written.
        stacklevel: Whose line the warning shows, as in ``warnings.warn``, counted from
            the caller of this function.
    """
    for why in hindrances(model):
        warnings.warn(f"{what} cannot be loaded. {why}", stacklevel=stacklevel + 1)
