"""The exporter ``numpy``: Python code that needs NumPy only, and its weights."""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from sb3_prune.exceptions import ExportError
from sb3_prune.exporting import asking
from sb3_prune.exporting.asking import Agent
from sb3_prune.exporting.base import Exporter
from sb3_prune.exporting.facts import in_words
from sb3_prune.exporting.program import Decision
from sb3_prune_export.numpy_code import Writer

CODE, WEIGHTS = "__init__.py", "weights.safetensors"
"""Files of an export."""
MARK = "# An export of sb3-prune."
"""Line by which an export is known."""

READER = '''
def _read(path):
    """Return the arrays and the facts in a file of safetensors."""
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    facts = json.loads(header.pop("__metadata__")["facts"])
    types = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "I16": "<i2"}
    types |= {"I8": "i1", "U8": "u1", "BOOL": "?", "F16": "<f2"}
    arrays = {}
    for name, each in header.items():
        first, last = (begin + offset for offset in each["data_offsets"])
        array = np.frombuffer(data[first:last], types[each["dtype"]])
        arrays[name] = array.reshape(each["shape"])
    return arrays, facts
'''


class NumpyExporter(Exporter):
    """A Python package that needs NumPy only: readable code, and weights beside it."""

    name = "numpy"
    suffix = ""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """There is nothing to choose."""

    def write(self, decision: Decision, path: Path, facts: Mapping[str, Any]) -> None:
        """Write ``__init__.py`` and ``weights.safetensors``."""
        inputs = [port.name for port in decision.inputs]
        writer = Writer.of(decision.program, inputs)
        metadata = {"facts": json.dumps(facts)}
        save_file(writer.weights, path / WEIGHTS, metadata)
        text = code(writer, inputs, in_words(facts))
        (path / CODE).write_text(text, "utf-8")

    @classmethod
    def load(cls, path: Path) -> Agent:
        """Import the package."""
        name = f"_sb3_prune_export_{abs(hash(path.resolve()))}"
        spec = importlib.util.spec_from_file_location(name, path / CODE)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        keep, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        try:
            spec.loader.exec_module(module)
        except Exception as error:  # It is code, so it can raise anything.
            raise ExportError(f"'{path}' cannot be loaded: {error!r}.") from error
        finally:
            sys.dont_write_bytecode = keep
        return Agent(module.FACTS, module.run)

    @classmethod
    def wrote(cls, path: Path) -> bool:
        """Tell whether a folder is a package of this exporter."""
        file = path / CODE
        return file.is_file() and MARK in file.read_text("utf-8", errors="replace")


def code(writer: Writer, inputs: list[str], words: str) -> str:
    """Return the text of the Python file.

    Args:
        writer: The operations.
        inputs: Names of the inputs.
        words: What the file says of itself.
    """
    words = words.replace("\\", "\\\\").replace('"', '\\"')
    usage = "From a folder above: `from NAME import predict`. It needs NumPy only."
    own = inspect.getsource(asking).partition("import numpy as np\n")[2].strip()
    helpers = "\n\n\n".join(inspect.getsource(helper) for helper in writer.helpers)
    weights = [f'{name} = WEIGHTS["{name}"]' for name in writer.weights]
    body = "\n".join(f"        {line}" for line in writer.lines)
    return "\n".join(
        [
            f'"""{words}\n\n{usage}\n"""',
            f"\n{MARK}\n",
            "from __future__ import annotations\n",
            "import json\nimport math\nfrom collections.abc import Callable, Mapping,"
            " Sequence\nfrom pathlib import Path\nfrom typing import Any\n",
            "import numpy as np\n",
            f"{own}\n\n{READER}\n\n{helpers}\n",
            f'WEIGHTS, FACTS = _read(Path(__file__).with_name("{WEIGHTS}"))',
            *weights,
            *writer.constants,
            f"\n\ndef run({', '.join(inputs)}):",
            '    """Return the outputs of one decision; arrays have a batch of 1."""',
            '    with np.errstate(all="ignore"):',
            body,
            f"    return ({writer.returned})\n\n",
            "AGENT = Agent(FACTS, run)",
            "predict = AGENT.predict\n",
        ]
    )
