"""The strategy keeps the contract and removes the units with the smallest biases."""

import pytest
from sb3_prune_template import SmallestBias

from sb3_prune.exceptions import CheckpointError, ConfigError
from sb3_prune.pruning import look_at, prune
from sb3_prune.surgery import apply
from sb3_prune.testing import check_strategy, tiny_models


@pytest.mark.parametrize("share", [0.0, 0.25, 0.99])
def test_contract(share: float) -> None:
    """The pruning callback can run and resume the strategy."""
    check_strategy(SmallestBias, {"share": share})


def test_units_of_smallest_bias_go_once() -> None:
    """Of six units, the two with the smallest biases are removed, once."""
    model = tiny_models()[0]
    agent = look_at(model, progress=0.5)
    layer = agent.wiring["actor.latent_pi.0"]
    biases = layer.module.bias.detach().abs()
    strategy = SmallestBias(SmallestBias.Config(share=0.34))

    plan = strategy.propose(agent)
    apply(model, plan)

    assert plan[layer.name].removed.tolist() == sorted(biases.argsort()[:2].tolist())
    assert not strategy.propose(look_at(model, progress=1.0))


def test_one_instance_prunes_several_models() -> None:
    """After the first model, the strategy is as new."""
    strategy = SmallestBias()
    for model in tiny_models():
        widths = look_at(model, progress=0.0).wiring.units()
        prune(model, strategy)
        left = look_at(model, progress=0.0).wiring.units()
        assert all(left[name] < width for name, width in widths.items())


@pytest.mark.parametrize("wrong", [{"at": 1.5}, {"share": 1.0}, {"share": -0.1}])
def test_values_out_of_range(wrong: dict[str, float]) -> None:
    """Options out of range raise an error before any work starts."""
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        SmallestBias.Config(**wrong)


@pytest.mark.parametrize("state", [{}, {"done": "no"}, {"done": 0}])
def test_damaged_states(state: dict[str, object]) -> None:
    """A state that is none raises an error."""
    with pytest.raises(CheckpointError, match="'done' in the saved state"):
        SmallestBias().load_state_dict(state)
