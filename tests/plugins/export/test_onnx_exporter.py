"""The exporter onnx keeps the contract, with any options."""

from __future__ import annotations

import builtins
import logging
from pathlib import Path
from typing import Any

import exported
import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime
import pytest
import torch
import zoo
from exporting.test_extras import gaussian
from sb3_prune_export import OnnxExporter
from sb3_prune_export.onnx_exporter import name_ports
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from sb3_prune import export, load_export
from sb3_prune.exceptions import ConfigError, ExportError, RunFolderError
from sb3_prune.testing import check_exporter


@pytest.mark.slow
def test_it_keeps_the_contract() -> None:
    check_exporter(OnnxExporter)


@pytest.mark.parametrize("constant", [False, True])
def test_all_outputs_can_be_named(constant: bool, tmp_path: Path) -> None:
    """Also where the check asks for one more, since the action never changes."""
    model: Any = exported.anyhow(exported.BOX, exported.TWO)
    with torch.no_grad():
        model.policy.action_net.bias[0] += 100 * constant
    path, given = tmp_path / "robot.onnx", ("choices", "worth")
    check = export(
        model, "onnx", path, vecnormalize=None, outputs=["value"], output_names=given
    )
    assert check.varied is not check.scores is constant
    found = load_export(path).answers(np.zeros((2, 3), np.float32))
    assert list(found) == list(given)
    wanted = model.policy.predict_values(torch.zeros(2, 3)).detach().numpy()
    np.testing.assert_allclose(found["worth"], wanted, atol=1e-5)


def test_what_a_check_adds_gives_way_to_chosen_names(tmp_path: Path) -> None:
    model: Any = exported.anyhow(exported.BOX, exported.TWO)
    with torch.no_grad():
        model.policy.action_net.bias[0] += 100
    path, names = tmp_path / "robot.onnx", ("logits",)
    check = export(model, "onnx", path, vecnormalize=None, output_names=names)
    assert check.scores


@pytest.mark.parametrize("chosen", [("mean",), ("mean", "mean_"), ("log_std", "mean")])
def test_what_a_check_adds_gives_way_to_inputs_too(
    chosen: tuple[str, ...], tmp_path: Path
) -> None:
    model: Any = exported.anyhow(exported.BOX, exported.BOX)
    with torch.no_grad():
        model.policy.action_net.bias += 100
    names = {"input_names": chosen[:1], "output_names": chosen[1:]}
    path = tmp_path / "robot.onnx"
    assert export(model, "onnx", path, vecnormalize=None, **names).scores
    graph = onnx.load(path).graph
    assert [port.name for port in graph.input] == [chosen[0]]
    assert [port.name for port in graph.output] == [*chosen[1:], "action"][:1]


class Centred(BaseFeaturesExtractor):
    """Calls a mean what an output is called, too."""

    def __init__(self, space: Any) -> None:
        super().__init__(space, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean(-1, keepdim=True)


@pytest.mark.parametrize("batch", ["one", "any"])
def test_inner_values_give_way_to_names_of_outputs(batch: str, tmp_path: Path) -> None:
    cls: dict[str, Any] = {"features_extractor_class": Centred}
    model = exported.anyhow(exported.BOX, exported.BOX, **cls)
    path, more = tmp_path / "robot.onnx", {"outputs": ["distribution"]}
    export(model, "onnx", path, vecnormalize=None, batch=batch, **more)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    raw = zoo.observations(model, 2)
    with torch.no_grad():
        normal = gaussian(model.policy, torch.from_numpy(raw))
    found = load_export(path).answers(raw)
    np.testing.assert_allclose(found["mean"], normal.mean, atol=1e-5)
    np.testing.assert_allclose(found["log_std"], normal.stddev.log(), atol=1e-5)


def test_inner_values_give_way_to_any_chosen_names(tmp_path: Path) -> None:
    """Of results, of weights, and of ports that are called otherwise now."""
    path, more = tmp_path / "robot.onnx", {"outputs": ["distribution"]}
    model = exported.agent("PPO-box")
    export(model, "onnx", path, vecnormalize=None, **more)
    graph = onnx.load(path).graph
    weight, result = graph.initializer[0].name, graph.node[0].output[0]
    names = {"input_names": [weight], "output_names": ["mean", result, "action"]}
    other = tmp_path / "other.onnx"
    export(model, "onnx", other, vecnormalize=None, **more, **names)
    onnx.checker.check_model(onnx.load(other), full_check=True)
    raw = zoo.observations(model, 2)
    plain, chosen = (load_export(each).answers(raw) for each in (path, other))
    assert list(chosen) == names["output_names"]
    for one, two in zip(plain.values(), chosen.values(), strict=True):
        np.testing.assert_array_equal(one, two)


BRANCHES = """
<ir_version: 8, opset_import: ["" : 18]>
main (float[2] x, bool known) => (float[2] y, float[2] x_) {
    once = Neg(x)
    y = If(known) <
        then_branch = one () => (float[2] inner) <float[2] far = {1.0, 2.0}> {
            found = Add(once, far)
            inner = Mul(found, x)
        },
        else_branch = two () => (float[2] found) { found = Identity(once) }
    >
    x_ = Identity(once)
}
"""


def run(model: Any, **inputs: Any) -> Any:
    given = {name: np.asarray(each) for name, each in inputs.items()}
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, given)


def test_names_are_one_in_graphs_inside_of_graphs() -> None:
    model = onnx.parser.parse_model(BRANCHES)
    other = ir.from_proto(onnx.parser.parse_model(BRANCHES))  # It shares weights.
    name_ports(other, ["found", "once"], ["far", "inner"])
    renamed = ir.to_proto(other)
    onnx.checker.check_model(renamed, full_check=True)
    x = np.array([3, 4], np.float32)
    for known in (False, True):
        expected = run(model, x=x, known=known)
        np.testing.assert_array_equal(run(renamed, found=x, once=known), expected)


def test_nothing_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, path = exported.agent("PPO-box"), tmp_path / "robot.onnx"
    with caplog.at_level(logging.WARNING):
        export(model, "onnx", path, vecnormalize=None, outputs=["distribution"])
    assert caplog.record_tuples == []


def test_names_opset_and_any_batch(tmp_path: Path) -> None:
    path = tmp_path / "robot.onnx"
    names = {"input_names": ("obs",), "output_names": ("torque",)}
    model = exported.agent("SAC")
    export(model, "onnx", path, vecnormalize=None, opset=20, batch="any", **names)
    found = onnx.load(path)
    onnx.checker.check_model(found)
    assert {each.domain: each.version for each in found.opset_import}[""] == 20
    assert "channels first" in " ".join(found.doc_string.split())
    session = onnxruntime.InferenceSession(path)
    assert session.get_inputs()[0].shape == ["batch", 3]
    assert session.get_outputs()[0].shape == ["batch", 1]
    raw = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    (actions,) = session.run(["torque"], {"obs": raw})
    expected, _ = model.predict(raw, deterministic=True)
    np.testing.assert_allclose(actions, expected, atol=2e-5)


def test_branches_and_spaces_are_in_the_metadata(tmp_path: Path) -> None:
    path = tmp_path / "robot.onnx"
    export(exported.agent("BranchingDQN"), "onnx", path, vecnormalize=None)
    facts = load_export(path).facts
    assert facts["branches"] == [3, 2]
    assert facts["action_space"]["choices"] == [3, 2]
    assert facts["observation_space"]["high"] == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opset": 9}, "opset must be at least 18"),
        ({"batch": "two"}, "batch must be"),
        ({"input_names": ("a", "a")}, "must differ and not be empty, got 'a', 'a'"),
        ({"input_names": ("a",), "output_names": ("a",)}, "outputs must differ"),
        ({"input_names": ("action",)}, "must differ .* got 'action', 'action'"),
        ({"output_names": ("a", "b")}, "1 names are needed, for action"),
        ({"opset": 999}, "opset 999"),
    ],
)
def test_options_that_cannot_be(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "robot"
    with pytest.raises((ConfigError, ExportError), match=message):
        export(exported.agent("SAC"), "onnx", path, vecnormalize=None, **options)
    assert list(tmp_path.iterdir()) == []


def test_without_onnxruntime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = builtins.__import__

    def absent(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "onnxruntime":
            raise ImportError(name)
        return plain(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ExportError, match=r"sb3-prune\[export\]"):
        OnnxExporter.load(tmp_path / "robot.onnx")


def test_damage(tmp_path: Path) -> None:
    path = tmp_path / "robot.onnx"
    path.write_bytes(b"short")
    with pytest.raises(ExportError, match="no export of the installed"):
        load_export(path)
    path.unlink()
    export(exported.agent("SAC"), "onnx", path, vecnormalize=None)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ExportError, match="cannot be loaded"):
        load_export(path)


def test_files_of_others_are_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"somebody's")
    with pytest.raises(RunFolderError, match="exists"):
        export(exported.agent("SAC"), "onnx", path, vecnormalize=None, overwrite=True)
    assert path.read_bytes() == b"somebody's"
