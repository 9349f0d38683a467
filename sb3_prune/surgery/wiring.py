"""Wiring: the hidden layers of an agent and every tensor that holds their units."""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn
from torch.nn.parameter import is_lazy

from sb3_prune.exceptions import PlanError, UnknownNameError, UnsupportedPolicyError
from sb3_prune.gates import Gate
from sb3_prune.networks.ofexinet import OFEXiNet
from sb3_prune.networks.perceptrons import Role, find_perceptrons
from sb3_prune.surgery.built import built_with
from sb3_prune.surgery.flow.beside import Beside, beside_of, reads_beside
from sb3_prune.surgery.flow.groups import Group
from sb3_prune.surgery.flow.known import scripted, switches
from sb3_prune.surgery.flow.slots import Key, Slot
from sb3_prune.surgery.flow.trace import trace
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.targets import (
    stepped_beside,
    target_names,
    target_networks,
    targets_of,
)


class Wiring(Mapping[str, HiddenLayer]):
    """The hidden layers of a policy by name, in the order of its networks.

    Printed, it shows the true width of every layer and, where they differ, the width
    that it was built with and the units whose gates are open. (``policy_kwargs`` of a
    model keep the widths that were built.)

    Attributes:
        fixed: Hidden layers whose number of units cannot change, with the reason. They
            are not among the items of the mapping.
        roles: Roles of networks, by their paths, as far as
            :func:`~sb3_prune.networks.perceptrons.find_perceptrons` finds them.
        built: Units that layers were built with, as far as the policy knows.
    """

    def __init__(
        self,
        layers: list[HiddenLayer],
        fixed: Mapping[str, str] | None = None,
        roles: Mapping[str, Role] | None = None,
    ) -> None:
        self._layers = {layer.name: layer for layer in layers}
        self.fixed = dict(fixed or {})
        self.roles = dict(roles or {})
        self.built: Mapping[str, int] = {}

    def __getitem__(self, name: str) -> HiddenLayer:
        """Return a layer by name.

        Raises:
            UnknownNameError: The agent has no such hidden layer.
            PlanError: The layer exists, but the number of its units cannot change.
        """
        if name in self.fixed:
            raise PlanError(f"The units of '{name}' cannot change: {self.fixed[name]}.")
        if name not in self._layers:
            raise UnknownNameError("hidden layer", name, self._layers)
        return self._layers[name]

    def __contains__(self, name: object) -> bool:
        return name in self._layers

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def by_network(self, networks: Sequence[str] = ()) -> dict[str, list[HiddenLayer]]:
        """Return the layers, grouped by the network that they belong to.

        Args:
            networks: Paths of the networks to return. A path also covers every network
                inside it: ``critic`` means ``critic.qf0`` and ``critic.qf1``. An empty
                sequence means all networks.

        Raises:
            UnknownNameError: The agent has no such network.
        """
        for path in networks:
            if not any(layer.is_part_of(path) for layer in self.values()):
                known = dict.fromkeys(layer.network for layer in self.values())
                raise UnknownNameError("network", path, known)
        grouped: dict[str, list[HiddenLayer]] = defaultdict(list)
        for layer in self.values():
            if layer.is_part_of(*networks):
                grouped[layer.network].append(layer)
        return dict(grouped)

    def units(self) -> dict[str, int]:
        """Return the number of units of every layer."""
        return {name: layer.units for name, layer in self.items()}

    def active_units(self) -> dict[str, int]:
        """Return, for every layer, the number of units that pass their gate."""
        return {name: int(layer.active.sum()) for name, layer in self.items()}

    def __repr__(self) -> str:
        rows = [f"  {name}: {self._row(layer)}" for name, layer in self.items()]
        rows += [f"  {name}: fixed, {why}" for name, why in self.fixed.items()]
        return "\n".join(["Wiring:", *rows])

    def _row(self, layer: HiddenLayer) -> str:
        passing, built = int(layer.active.sum()), self.built.get(layer.name)
        texts = [f"{layer.units} units"]
        if passing < layer.units:
            texts.append(f"{passing} of them open")
        if built not in (None, layer.units):
            texts.append(f"built with {built}")
        return ", ".join(texts)


class _Cache:
    """The wiring of a policy with its signature. A copied policy has an empty cache."""

    def __init__(self, wiring: Wiring | None = None, signature: object = None) -> None:
        self.wiring, self.signature = wiring, signature

    def __reduce__(self) -> tuple[type[_Cache], tuple[()]]:
        return _Cache, ()


class _Owner:
    """The model that a policy belongs to. A copied policy belongs to none."""

    def __init__(self, model: BaseAlgorithm | None = None) -> None:
        self.model = None if model is None else weakref.ref(model)

    def __reduce__(self) -> tuple[type[_Owner], tuple[()]]:
        return _Owner, ()


def owner_of(model: BaseAlgorithm | nn.Module) -> BaseAlgorithm | nn.Module:
    """Return the model of a policy, if the model was ever wired; else what is given."""
    owner = vars(model).get("_owner")
    found = owner.model() if isinstance(owner, _Owner) and owner.model else None
    # A policy may have moved into another model, or an attribute into another policy.
    return found if found is not None and found.policy is model else model


def note_owner(model: BaseAlgorithm) -> None:
    """Let a policy know its model."""
    vars(model.policy)["_owner"] = _Owner(model)


def policy_of(model: BaseAlgorithm | nn.Module) -> nn.Module:
    """Return the policy of a model, or the policy itself."""
    return model.policy if isinstance(model, BaseAlgorithm) else model


def wire(model: BaseAlgorithm | nn.Module) -> Wiring:
    """Find the hidden layers of an agent, by running its policy once and watching.

    Layers of target networks are not listed: they are attached to the same layers of
    the online networks. The wiring is cached until a module, the shape or sharing of a
    tensor, or a bool, int or str that a module of yours holds changes. Networks
    that the model holds beside its policy, such as an auxiliary head, are known only
    after the model itself was passed, to this function or to :func:`~sb3_prune.apply`.

    Args:
        model: A model of Stable-Baselines3 or sb3-contrib, or its policy.

    Raises:
        UnsupportedPolicyError: The policy is compiled, has lazy modules that never
            ran, or cannot run on inputs drawn from its spaces.
    """
    policy = policy_of(model)
    if isinstance(model, BaseAlgorithm):
        note_owner(model)
        vars(policy)["_beside"] = Beside(stepped_beside(model), reads_beside(model))
    signature = _signature(policy)
    cache = vars(policy).get("_wiring_cache")
    if isinstance(cache, _Cache) and cache.wiring and cache.signature == signature:
        return _told(cache.wiring, policy)
    _check_runnable(policy)
    wiring = _wire(policy)
    vars(policy)["_wiring_cache"] = _Cache(wiring, _signature(policy))
    return _told(wiring, policy)


def _told(wiring: Wiring, policy: nn.Module) -> Wiring:
    wiring.built = built_with(policy, wiring.units())
    return wiring


def _check_runnable(policy: nn.Module) -> None:
    """Refuse a policy that cannot be traced, or cannot be traced yet."""
    for path, module in policy.named_modules():
        what = f"'{path}' of {type(policy).__name__}" if path else "The policy"
        if "_orig_mod" in module._modules:
            raise UnsupportedPolicyError(
                f"{what} is compiled: prune first, compile after, or compile it in "
                "place, by its method compile()."
            )
        if any(map(is_lazy, module.parameters(recurse=False))):
            raise UnsupportedPolicyError(
                f"{what} is lazy and has no weights yet: run the policy once first, "
                "and make its optimiser after that."
            )


def _signature(policy: nn.Module) -> list[object]:
    """Return what a wiring depends on: modules, and the shape and sharing of tensors.

    Target networks, and networks that the model holds beside the policy, count as well.
    The tensors of gates do not: a gate gets and drops them while the units stay.
    """
    found: list[object] = [target_networks(policy), beside_of(policy)]
    first: dict[int, int] = {}
    for module in policy.modules():
        found += [module, switches(module)]
        if isinstance(module, Gate):
            continue
        for tensor in (*module._parameters.values(), *module._buffers.values()):
            shape = None if tensor is None or is_lazy(tensor) else tensor.shape
            found.append((first.setdefault(id(tensor), len(first)), shape))
    return found


def _wire(policy: nn.Module) -> Wiring:
    groups = trace(policy)
    free = {group.name: group for group in groups if group.fixed is None}
    stay = {group.name: group.fixed for group in groups if group.fixed is not None}
    # Units that no weight reads are outputs of the agent, not a hidden layer.
    read = [group.name for group in groups if group.hidden]
    fixed = {name: stay[name] for name in read if name in stay}
    gated = _gated(free.values())
    extractors = tuple(_extractors(policy))
    layers = {
        name: HiddenLayer(name, group, _network(name, extractors), gated=gated)
        for name, group in free.items()
    }
    online = []
    targets = targets_of(policy, groups)
    attached = {twin for twins in targets.values() for twin in twins}
    for name, layer in layers.items():
        twins = targets.get(name, ())
        if stuck := [twin for twin in twins if twin in stay]:
            fixed[name] = f"its target '{stuck[0]}' cannot change: {stay[stuck[0]]}"
        elif name not in attached:
            found = tuple(layers[twin] for twin in twins)
            odd = [twin for twin in found if twin.units != layer.units]
            if odd:
                fixed[name] = f"its target '{odd[0].name}' has {odd[0].units} units"
            else:
                online.append(replace(layer, targets=found))
    first = tuple(f"{name}." for name in _shared(policy))
    online.sort(key=lambda layer: not layer.name.startswith(first or "?"))
    roles = {p.name: p.role for p in find_perceptrons(policy)}
    kept = {n: why for n, why in fixed.items() if n not in attached}
    hidden = (path for path in scripted(policy) if not _is_target(path, policy))
    kept |= dict.fromkeys(hidden, "torch.jit.script hides what it does")
    return Wiring(online, kept, roles)


def _is_target(path: str, policy: nn.Module) -> bool:
    return path.partition(".")[0] in target_names(policy)


def _gated(groups: Iterable[Group]) -> dict[Key, list[tuple[Slot, Gate]]]:
    gated = defaultdict(list)
    for group in groups:
        for slot in group.slots if group.gates else ():
            gated[slot.key].append((slot, group.gates[0]))
    return gated


def _extractors(policy: nn.Module) -> Iterator[str]:
    for name, module in policy.named_modules(remove_duplicate=False):
        if isinstance(module, BaseFeaturesExtractor):
            yield name


def _network(name: str, extractors: Iterable[str]) -> str:
    """Return the path of the outermost features extractor around a layer.

    Outside of features extractors, return the path of the module that holds the layer.
    """
    around = [path for path in extractors if name.startswith(f"{path}.")]
    return min(around, key=len) if around else name.rpartition(".")[0] or name


def _shared(policy: nn.Module) -> Iterator[str]:
    """Yield the names of features extractors; their layers come first in a wiring."""
    for name, module in policy.named_children():
        if isinstance(module, OFEXiNet | BaseFeaturesExtractor):
            yield name
