"""Dense: where the units of a DenseNet are held, in every block after their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from torch import nn

from sb3_prune.networks.dense import DenseBlock, dense_blocks
from sb3_prune.networks.ofexinet import OFEXiNet
from sb3_prune.surgery.chains import Chain, Side, Slot

Layer = tuple[str, nn.Linear, tuple[nn.Module, ...], tuple[Slot, ...]]
"""Name, Linear, what stands between it and its readers, and the readers."""


def dense_layers(path: str, net: OFEXiNet, chains: Sequence[Chain]) -> Iterator[Layer]:
    """Yield the hidden layers of a feature extractor.

    A unit keeps its place: whatever reads the features holds it at one offset, which
    is the width of the block's input.

    Args:
        path: Path of the net inside the policy.
        net: The net.
        chains: Networks of the policy, those of targets among them; critics of actions
            read the features of both branches, all others those of the state.
    """
    state, action = dense_blocks(net.phi_o), dense_blocks(net.phi_oa)
    critics = [c for c in chains if _reads_actions(c)]
    others = [c for c in chains if not _reads_actions(c)]
    late = [slot for chain in critics for slot in chain.readers()]
    early = [slot for chain in others for slot in chain.readers()]
    predict = Slot(net.f_pred, "weight", 1, Side.COLUMNS)
    for i, block in enumerate(state):
        readers = (
            *_readers(block, state[i + 1 :], early),
            *_readers(block, [*state[i + 1 :], *action], [*late, predict]),
        )
        yield f"{path}.phi_o.{i}", block, _between(block), _unique(readers)
    for i, block in enumerate(action):
        readers = _readers(block, action[i + 1 :], [*late, predict])
        yield f"{path}.phi_oa.{i}", block, _between(block), _unique(readers)


def _reads_actions(chain: Chain) -> bool:
    network, _, body = chain.name.partition(".")
    return network.startswith("critic") and body.startswith("qf")


def _between(block: DenseBlock) -> tuple[nn.Module, ...]:
    return block.norm, block.activation, block.gate


def _readers(
    block: DenseBlock,
    later: Sequence[DenseBlock],
    last: Sequence[Slot],
) -> tuple[Slot, ...]:
    """Return the slots of the block's units in later blocks and behind the last."""
    start = len(block.scale)
    scales = [Slot(b, "scale", 0, Side.UNIT, start) for b in later]
    weights = [
        Slot(b, "weight", 1, Side.COLUMNS, start, tuple(scales[:i]))
        for i, b in enumerate(later)
    ]
    heads = [replace(slot, start=start, through=tuple(scales)) for slot in last]
    return (*scales, *weights, *heads)


def _unique(slots: Sequence[Slot]) -> tuple[Slot, ...]:
    """Drop slots that were found on two ways."""
    found = {(slot.owner, slot.attribute, slot.axis): slot for slot in slots}
    return tuple(found.values())
