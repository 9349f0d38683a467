"""Merging: exact where eq. (4) is, index by index elsewhere."""

import numpy as np
import pytest
import torch
from sb3_prune_clusters.merging import Aggregation, merge_clusters, merge_plan, scales
from sb3_prune_clusters.segmentation import Segmentation, SegmentationConfig, segment
from zoo import make_model

from sb3_prune.exceptions import ConfigError
from sb3_prune.recording import record_activations
from sb3_prune.surgery import add, apply, wire

AGGREGATIONS: list[Aggregation] = ["weighted", "mean"]


def segmentation(clusters: list[list[int]], maxima: list[float]) -> Segmentation:
    named = {k for cluster in clusters for k in cluster}
    return Segmentation(
        clusters=tuple(map(tuple, clusters)),
        dropped=tuple(k for k in range(len(maxima)) if k not in named),
        maxima=np.array(maxima),
    )


def test_scales_have_mean_one() -> None:
    assert scales(np.array([1.0, 2.0, 3.0])).tolist() == [0.5, 1, 1.5]
    assert scales(np.zeros(3)).tolist() == [1, 1, 1]


def test_the_paper_s_mean_by_hand() -> None:
    # gamma = (0.5, 1.5) in the first cluster: P = 1 / (2 gamma).
    change = merge_clusters(segmentation([[0, 2], [1]], [1, 7, 3]), "mean")
    expected = [[1 / (2 * 0.5), 0, 1 / (2 * 1.5)], [0, 1, 0]]
    torch.testing.assert_close(change.rows, torch.tensor(expected))
    assert change.columns.tolist() == [[0.5, 0], [0, 1], [1.5, 0]]


def test_weighted_cancels_the_division() -> None:
    change = merge_clusters(segmentation([[0, 2], [1]], [1, 7, 3]), "weighted")
    assert change.rows.tolist() == [[0.5, 0, 0.5], [0, 1, 0]]
    assert change.columns.tolist() == [[0.5, 0], [0, 1], [1.5, 0]]


def test_a_unit_that_hardly_speaks_does_not_blow_up_the_weights() -> None:
    quiet = segmentation([[0, 1]], [1e-9, 1.0])
    assert float(merge_clusters(quiet, "weighted").rows.abs().max()) <= 1
    assert float(merge_clusters(quiet, "mean").rows.abs().max()) > 1e6


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_equals_equation_four(aggregation: Aggregation) -> None:
    rng = np.random.default_rng(0)
    c, D = [[0, 3], [1, 2, 4]], [[0, 1], [2], [3, 4, 5]]
    Zc, ZD = rng.random(5) + 0.1, rng.random(6) + 0.1
    w = rng.standard_normal((5, 6))
    upper = merge_clusters(segmentation(c, Zc.tolist()), aggregation)
    lower = merge_clusters(segmentation(D, ZD.tolist()), aggregation)
    found = upper.rows.double() @ torch.from_numpy(w) @ lower.columns.double()
    for row, cluster in enumerate(c):
        gamma = {n: Zc[n] / Zc[cluster].mean() for n in cluster}
        for column, below in enumerate(D):
            total = 0.0
            for n in cluster:
                share = gamma[n] if aggregation == "weighted" else 1
                inside = sum(w[n, m] * ZD[m] / ZD[below].mean() for m in below)
                total += share / len(cluster) / gamma[n] * inside
            assert float(found[row, column]) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("drop_silent", [True, False])
def test_proportional_units_leave_the_outputs(
    aggregation: Aggregation, drop_silent: bool
) -> None:
    model = make_model("DQN")
    layers = wire(model.policy)
    seen = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for layer in layers.values():
            for k, factor in enumerate([0.25, 3.0, 1.7]):
                layer.module.weight[k + 1] = factor * layer.module.weight[0]
                layer.module.bias[k + 1] = factor * layer.module.bias[0]
            layer.module.weight[5], layer.module.bias[5] = 0, -1  # silent
        before = model.policy.q_net(seen)
    said = {k: v.numpy()[:, None] for k, v in record_activations(model, seen).items()}
    config = SegmentationConfig(tau=1e-4, drop_silent=drop_silent)
    plan = merge_plan(segment(said, config), aggregation)
    assert all(change.after <= change.before - 3 for change in plan.values())
    apply(model, plan)
    with torch.no_grad():
        torch.testing.assert_close(
            model.policy.q_net(seen), before, atol=1e-5, rtol=1e-5
        )


@pytest.mark.parametrize("drop_silent", [True, False])
def test_tau_zero_leaves_the_outputs_on_what_was_recorded(drop_silent: bool) -> None:
    model = make_model("DQN")
    apply(model, {name: add(6, la.units, 1) for name, la in wire(model.policy).items()})
    seen = torch.randn(20, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for layer in wire(model.policy).values():
            layer.module.bias[:3] = -10  # silent here, not everywhere
            layer.readers[0].owner.weight.normal_()
        before = model.policy.q_net(seen)
    said = {k: v.numpy()[:, None] for k, v in record_activations(model, seen).items()}
    config = SegmentationConfig(tau=0.0, drop_silent=drop_silent)
    assert apply(model, merge_plan(segment(said, config))).units
    with torch.no_grad():
        torch.testing.assert_close(
            model.policy.q_net(seen), before, atol=1e-5, rtol=1e-5
        )


def test_layers_that_lose_nothing_are_left_out() -> None:
    plan = merge_plan(
        {"a": segmentation([[0], [1]], [1, 1]), "b": segmentation([[0, 1]], [1, 1])}
    )
    assert list(plan) == ["b"]


def test_an_unknown_aggregation_is_refused() -> None:
    with pytest.raises(ConfigError, match="aggregation must be one of mean, weighted"):
        merge_clusters(segmentation([[0]], [1]), "sum")  # type: ignore[arg-type]
