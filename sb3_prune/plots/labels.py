"""Labels: short names of hidden layers, the same in all figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def layer_labels(names: Iterable[str]) -> dict[str, str]:
    """Return short labels of layers: the network and a number that counts from 1.

    For example, the second hidden layer of a critic, ``critic.qf0.2`` in the wiring, is
    labelled ``qf0 2``. If the agent has only one network, the label is ``layer 2``.
    """
    listed = list(names)
    paths = {name: name.rpartition(".")[0] for name in listed}
    short = {path: path.rpartition(".")[2] for path in paths.values()}
    if len(short) == 1:
        short = dict.fromkeys(short, "layer")
    elif len(set(short.values())) < len(short):
        short = {path: path for path in short}
    count: Counter[str] = Counter()
    labels = {}
    for name in listed:
        count[paths[name]] += 1
        labels[name] = f"{short[paths[name]]} {count[paths[name]]}".strip()
    return labels
