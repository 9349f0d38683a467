"""Code for a decision: readable, and refused by name where there is no rule."""

from __future__ import annotations

import ast

import exported
import pytest
import torch
from sb3_prune_export.numpy_code import Writer
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from sb3_prune.exceptions import ExportError
from sb3_prune.exporting.tracing import trace


def test_an_actor_is_a_few_lines() -> None:
    writer = Writer.of(exported.decision("PPO").program, ["observation"])
    assert writer.lines[:2] == [
        "addmm = observation @ permute + mlp_extractor_policy_net_0_bias",
        "tanh = np.tanh(addmm)",
    ]
    assert writer.constants[0] == (
        "permute = mlp_extractor_policy_net_0_weight.transpose([1, 0])"
    )
    assert not writer.helpers


@pytest.mark.parametrize("name", ["PPO-Cnn", "RecurrentPPO"])
def test_helpers_come_with_what_they_call(name: str) -> None:
    found = exported.decision(name)
    writer = Writer.of(found.program, [port.name for port in found.inputs])
    names = [helper.__name__ for helper in writer.helpers]
    called = {
        node.func.id
        for line in (*writer.constants, *writer.lines)
        for node in ast.walk(ast.parse(line))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert called <= set(names)
    assert ("windows" in names) == ("convolution" in names)


class Sorting(BaseFeaturesExtractor):
    """Sorts its inputs."""

    def __init__(self, observation_space: object) -> None:
        super().__init__(observation_space, 3)  # type: ignore[arg-type]

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return observations.sort(dim=1).values


def test_an_operation_without_a_rule() -> None:
    space = exported.BOX
    model = exported.anyhow(space, space, features_extractor_class=Sorting)
    program = trace(model).program
    with pytest.raises(ExportError, match=r"no rule for the operation 'sort\.default'"):
        Writer.of(program, ["observation"])


def test_a_factor_by_position_is_not_dropped() -> None:
    add = torch.ops.aten.add.Scalar

    class Scaled(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return add(x, 3, 2)  # type: ignore[no-any-return]

    program = torch.export.export(Scaled(), (torch.ones(1, 2),))
    with pytest.raises(ExportError, match=r"'add.Scalar' with {'alpha': 2}"):
        Writer.of(program, ["x"])
