"""Tests for dormancy.py."""

import numpy as np
import pytest
from recording.made import make_recording
from sb3_prune_clusters.analyses.dormancy import Dormancy, DormancyConfig, scores

from sb3_prune.exceptions import ConfigError
from sb3_prune.recording import Recording


def test_scores_by_hand() -> None:
    """Mean magnitudes 1, 2, 0 over three steps: scores 1, 2, 0."""
    made = make_recording([2, 1], a=[[[1, 0, 0], [-2, 3, 0]], [[0, 3, 0], [9, 9, 9]]])
    assert scores(made, "a") == pytest.approx([1, 2, 0])


def test_scores_equal_a_slow_computation(recording: Recording) -> None:
    for layer in recording.activations:
        steps = recording.steps(layer)
        means = [
            sum(abs(float(h)) for h in steps[:, k]) / len(steps)
            for k in range(steps.shape[1])
        ]
        expected = [mean / (sum(means) / len(means)) for mean in means]
        assert scores(recording, layer) == pytest.approx(expected)


def test_shares() -> None:
    """Magnitudes 0, 1, 5, 94 of mean 25: scores 0, 0.04, 0.2, 3.76."""
    made = make_recording(a=[[[0, 1, 5, 94]]])
    found = Dormancy().analyze(made).to_dict()
    keys = ["dead", "score ≤ 0.025", "score ≤ 0.1"]
    assert found == {"a": dict(zip(keys, [0.25, 0.25, 0.5], strict=True))}
    config = DormancyConfig(thresholds=(0.04, 0.2))
    found = Dormancy(config).analyze(made).to_dict()
    assert list(found["a"].values()) == [0.25, 0.5, 0.75]


def test_dead_layers_are_all_dormant() -> None:
    found = Dormancy().analyze(make_recording(a=np.zeros((2, 3, 4))))
    assert set(found.to_dict()["a"].values()) == {1.0}


@pytest.mark.parametrize("wrong", [(), (0.1, -0.1), (0.1, float("nan")), (10**400,)])
def test_bad_thresholds_are_refused(wrong: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=r"thresholds must .* at least .*, got"):
        DormancyConfig(thresholds=wrong)
