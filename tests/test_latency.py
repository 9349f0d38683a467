"""The latency of one decision."""

import zoo

from sb3_prune import latency_us


def test_it_is_a_median_in_microseconds() -> None:
    """A decision of a tiny network takes between 10 us and 0.1 s anywhere."""
    model = zoo.make_model("DQN")
    assert 10 < latency_us(model, repeats=20) < 1e5


def test_it_leaves_the_model_alone() -> None:
    model = zoo.make_model("SAC")
    before = {k: v.clone() for k, v in model.policy.state_dict().items()}
    latency_us(model, repeats=5)
    after = model.policy.state_dict()
    assert all((after[key] == value).all() for key, value in before.items())
