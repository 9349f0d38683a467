"""The template builds, installs and is found, as anybody's plug-in would be."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parents[1] / "plugins" / "template"
README = (TEMPLATE / "README.md").read_text()
pytestmark = pytest.mark.slow

FIND = """
import json
from dataclasses import asdict
from sb3_prune import plugins

cls = plugins.get("strategies", "smallest-bias")
infos = [asdict(info) for info in plugins.installed()]
print(json.dumps({"class": cls.__module__, "infos": infos}))
"""


def run(*args: str, at: Path, **variables: str) -> str:
    """Run Python and return what it prints; show it if it fails."""
    done = subprocess.run(
        [sys.executable, *args],
        cwd=at,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder where the wheel of the template is installed."""
    work = tmp_path_factory.mktemp("template")
    source = work / "source"
    shutil.copytree(TEMPLATE, source, ignore=shutil.ignore_patterns("__pycache__"))
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(work)]
    run(*build, str(source), at=work)
    (wheel,) = work.glob("*.whl")
    install = ["-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    run(*install, "--target", str(work / "site"), str(wheel), at=work)
    return work / "site"


RECURRENT = """
from sb3_contrib import RecurrentPPO
import sb3_prune as sp

small = {"policy_kwargs": {"net_arch": [8], "lstm_hidden_size": 8}, "device": "cpu"}
model = RecurrentPPO("MlpLstmPolicy", "CartPole-v1", **small)
sp.prune(model, "smallest-bias", {"at": 0.0})
print(sorted(set(sp.wire(model).units().values())))
"""


@pytest.mark.slow
def test_layers_without_one_bias_per_unit_stay(site: Path) -> None:
    """An LSTM has four biases per memory cell."""
    found = run("-c", RECURRENT, at=site.parent, PYTHONPATH=str(site))
    assert json.loads(found) == [6, 8]


def test_wheel_holds_the_module_alone(site: Path) -> None:
    assert [path.name for path in site.glob("*.py")] == ["sb3_prune_template.py"]
    assert not (site / "tests").exists()


@pytest.mark.slow
def test_installed_template_is_found(site: Path) -> None:
    code = README.split("```python\n")[1].split("```")[0] + FIND
    found = json.loads(run("-c", code, at=site.parent, PYTHONPATH=str(site)))
    assert found["class"] == "sb3_prune_template"
    (info,) = (i for i in found["infos"] if i["name"] == "template")
    assert info == {
        "name": "template",
        "distribution": "sb3-prune-template",
        "version": "0.1.0",
        "status": "active",
        "reason": "",
        "registered": {"strategies": ["smallest-bias"]},
    }


@pytest.mark.slow
def test_template_passes_its_own_tests(site: Path) -> None:
    source = site.parent / "source"
    test = ["-m", "pytest", "-q", "-p", "no:cacheprovider"]
    printed = run(*test, at=source, PYTHONPATH=str(site))
    assert "passed" in printed
