"""Short names of layers."""

import pytest

from sb3_prune.plots.labels import layer_labels


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["q_net.q_net.0", "q_net.q_net.2"], ["layer 1", "layer 2"]),
        (["actor.mu.0", "critic.qf0.0", "critic.qf0.2"], ["mu 1", "qf0 1", "qf0 2"]),
        (["a.net.0", "b.net.0"], ["a.net 1", "b.net 1"]),
        (["first", "second"], ["layer 1", "layer 2"]),
        ([], []),
    ],
)
def test_labels_are_short(names: list[str], expected: list[str]) -> None:
    assert layer_labels(names) == dict(zip(names, expected, strict=True))
