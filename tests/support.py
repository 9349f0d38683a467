"""The support matrix: what works with which algorithm, policy and observations.

``python tests/support.py`` tries everything and writes docs/support.md.
"""

from __future__ import annotations

import io
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import sb3_contrib as contrib
import stable_baselines3 as sb3
import torch
import zoo
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm

import sb3_prune as sp
from sb3_prune.policies.masked import CLASSES
from sb3_prune.recording import recent_activations

PAGE = Path(__file__).parents[1] / "docs" / "support.md"
OFF = {"learning_starts": 8, "batch_size": 8, "buffer_size": 32}
ON = {"n_steps": 8, "batch_size": 8}
EXPORTS = ("c", "onnx", "numpy")
COLUMNS = ("prune", "mask", "record", "save", "compact", *EXPORTS, "transplant")


class Pictures(gym.Env):  # type: ignore[type-arg]
    """Random pictures, with a vector beside them if asked for."""

    def __init__(self, action_space: spaces.Space[Any], vector: bool) -> None:
        picture = spaces.Box(0, 255, (1, 36, 36), np.uint8)
        parts = {"picture": picture, "vector": spaces.Box(-1, 1, (3,), np.float32)}
        self.observation_space = spaces.Dict(parts) if vector else picture
        self.action_space = action_space
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        self.steps = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        over = self.steps >= 20
        return self.observation_space.sample(), 1.0, False, over, {}

    def action_masks(self) -> np.ndarray:
        return np.ones(3, dtype=bool)


BOX, DISCRETE = spaces.Box(-1, 1, (2,), np.float32), spaces.Discrete(3)
ALGORITHMS: dict[str, tuple[type[BaseAlgorithm], str, Any, dict[str, Any]]] = {
    "DQN": (sb3.DQN, "DQN", DISCRETE, OFF),
    "QRDQN": (contrib.QRDQN, "QRDQN", DISCRETE, OFF),
    "SAC": (sb3.SAC, "SAC", BOX, OFF),
    "TD3": (sb3.TD3, "TD3", BOX, OFF),
    "DDPG": (sb3.DDPG, "TD3", BOX, OFF),
    "TQC": (contrib.TQC, "TQC", BOX, OFF),
    "PPO": (sb3.PPO, "", DISCRETE, ON),
    "A2C": (sb3.A2C, "", BOX, {"n_steps": 8}),
    "TRPO": (contrib.TRPO, "", DISCRETE, ON),
    "MaskablePPO": (contrib.MaskablePPO, "Maskable", DISCRETE, ON),
    "RecurrentPPO": (contrib.RecurrentPPO, "Recurrent", DISCRETE, ON),
}
"""Algorithm -> class, how its policies are called, action space, arguments."""
PICTURES = [f"{name} {kind}" for name in ALGORITHMS for kind in ("Cnn", "MultiInput")]
ROWS = [*(f"{name} Mlp" for name in zoo.ALGORITHMS), *PICTURES]
"""Every row of the matrix."""


def make(row: str, **options: Any) -> BaseAlgorithm:
    """Make the tiny model of a row; further options are for a policy of pictures."""
    name, kind = row.split()
    if kind == "Mlp":
        return zoo.make_model(name)
    cls, family, actions, arguments = ALGORITHMS[name]
    width = "features_dim" if kind == "Cnn" else "cnn_output_dim"
    policy_kwargs = {"net_arch": [8, 6], "features_extractor_kwargs": {width: 10}}
    policy_kwargs |= options
    policy_kwargs |= {"lstm_hidden_size": 7} if name == "RecurrentPPO" else {}
    env = Pictures(actions, vector=kind == "MultiInput")
    return cls(
        masked_class(family, kind),
        env,
        policy_kwargs=policy_kwargs,
        **{"seed": 0, "device": "cpu", **arguments},
    )


def masked_class(family: str, kind: str) -> Any:
    """Return the masked policy class of a family for a kind of observations."""
    names = (
        f"Masked{family}{kind}Policy",
        f"Masked{family}ActorCritic{kind}Policy",
        f"Masked{family}{kind}ActorCriticPolicy",
    )
    return next(cls for cls in CLASSES if cls.__name__ in names)


def prune(model: BaseAlgorithm) -> str:
    """Remove half of all units, and train on."""
    before = sp.wire(model.policy).units()
    sp.prune(model, "magnitude", {"final_sparsity": 0.5})
    after = sp.wire(model.policy).units()
    assert all(after[name] <= -(-n // 2) for name, n in before.items())
    zoo.train_on(model, 16)
    return "yes"


def mask(model: BaseAlgorithm) -> str:
    """Close gates, and train on; return the layers that have none."""
    sp.mask(model, zoo.random_plan(model.policy, gated=True))
    zoo.train_on(model, 16)
    layers = sp.wire(model.policy).items()
    bare = [name for name, layer in layers if layer.gate is None]
    return f"not {', '.join(bare)}" if bare else "yes"


def record(model: BaseAlgorithm) -> str:
    """Record the activations of every unit."""
    units = sp.wire(model.policy).units()
    found = recent_activations(model, 8)
    assert {name: array.shape[1] for name, array in found.items()} == units
    return "yes"


def save(model: BaseAlgorithm) -> str:
    """Load a pruned model's zip: it chooses the same actions and trains on."""
    prune(model)
    buffer = io.BytesIO()
    model.save(buffer)
    buffer.seek(0)
    loaded = type(model).load(buffer, env=model.get_env(), device="cpu")
    check_equal(loaded, model)
    zoo.train_on(loaded, 16)
    return "yes"


def check_equal(model: BaseAlgorithm, other: BaseAlgorithm) -> None:
    """Check that two models choose the same actions."""
    for _ in range(4):
        seen = model.observation_space.sample()
        acts = model.predict(seen, deterministic=True)
        expected = other.predict(seen, deterministic=True)
        np.testing.assert_allclose(acts[0], expected[0], atol=1e-6)


def compact(model: BaseAlgorithm) -> str:
    """Compact a pruned model; if that fails, one whose perceptrons alone are pruned."""
    prune(model)
    try:
        sp.compact(model)
        return "yes"
    except sp.SB3PruneError as error:
        assert "load" in str(error)
    pruned = make(model_row(model))
    units = sp.wire(pruned.policy).units()
    plan = {
        name: sp.remove([0, 1], n) for name, n in units.items() if ".cnn." not in name
    }
    sp.apply(pruned, plan)
    sp.compact(pruned)
    return "not conv channels"


def export(model: BaseAlgorithm, to: str) -> str:
    """Export a pruned model, which compares it with ``predict``, and load that."""
    prune(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"agent{sp.plugins.exporters()[to].suffix}"
        check = sp.export(model, to, path, vecnormalize=None)
        assert sum(check.sources.values()) >= 1000
        sp.load_export(path).predict(model.observation_space.sample())
    return "yes"


def transplant(model: BaseAlgorithm) -> str:
    """Transplant a pruned model into wider networks; it acts equally and trains on."""
    prune(model)
    new = sp.transplant(model, env=model.get_env(), net_arch=[14, 12])
    before, after = (sp.wire(each.policy).units() for each in (model, new))
    assert sum(after.values()) > sum(before.values())
    check_equal(new, model)
    zoo.train_on(new, 16)
    return "yes"


def model_row(model: BaseAlgorithm) -> str:
    """Return the row that a model was made for."""
    kind = "MultiInput" if isinstance(model.observation_space, spaces.Dict) else "Cnn"
    return f"{type(model).__name__} {kind}"


CELLS: dict[str, Callable[[BaseAlgorithm], str]] = {
    "prune": prune,
    "mask": mask,
    "record": record,
    "save": save,
    "compact": compact,
    **{to: partial(export, to=to) for to in EXPORTS},
    "transplant": transplant,
}


def try_row(row: str) -> dict[str, str]:
    """Try every column of a row; each has a model of its own."""
    cells = {}
    for column, attempt in CELLS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cells[column] = attempt(zoo.train(make(row), 16))
    return cells


def line(row: str, cells: dict[str, str]) -> str:
    """Return a line of the table."""
    return f"| {' | '.join([*row.split(), *(cells[c] for c in COLUMNS)])} |"


HEAD = """# What works with what

The table says what works with which algorithm and policy class. For a model of your
own, print its [wiring](glossary.md): it lists the layers that can be pruned, and says
why others cannot.

```python
from stable_baselines3 import PPO

import sb3_prune

print(sb3_prune.wire(PPO("MlpPolicy", "CartPole-v1")))
```

`python tests/support.py` makes the table by trying every cell on a tiny model, and a
test repeats that.

- *prune*: half of all units are removed, and training continues.
- *mask*: [gates](glossary.md) are closed instead, and training continues.
- *record*: the activations of every unit are recorded.
- *save*: the zip of a pruned model is loaded. The loaded model chooses the same
  actions, and training continues.
- *compact*: the pruned agent becomes a model of stock SB3: BranchingDQN one of DQN, in
  which every combination of actions is an action, ValueSAC one of SAC, without V.
- *c*, *onnx*, *numpy*: the pruned agent is [exported](export.md), and the export acts
  as `predict` does on 1,000 observations.
- *transplant*: the pruned agent is [carried](transplant.md) into wider networks. It
  chooses the same actions, and training continues.

Networks of your own can be pruned, too:
see [strategies](strategies.md#what-a-layer-is). Agents of sb3-contrib's ARS cannot: it
keeps all parameters in a vector of its own, from which it writes them back, and its
callbacks run while perturbed copies of that vector are tried. So it is refused by name.
From Python it can be evaluated, recorded, measured and exported.

"""
HEAD += (
    f"| algorithm | policy | {' | '.join(COLUMNS)} |\n{'|---' * (len(COLUMNS) + 2)}|\n"
)


def main() -> None:
    """Write the page."""
    torch.set_num_threads(1)
    lines = [line(row, try_row(row)) for row in ROWS]
    PAGE.write_text(HEAD + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
