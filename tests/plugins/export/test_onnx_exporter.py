"""The exporter onnx keeps the contract, with any options."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import exported
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from sb3_prune_export import OnnxExporter

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
