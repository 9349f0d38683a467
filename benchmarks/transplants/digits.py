"""Digits: experiment 1 of the source, a classifier that gets other classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from sb3_prune.runs import Job
from sb3_prune.transplanting import transplant_module

Curve = list[tuple[int, float]]
"""Updates, and the share of held-out images whose class is found, in percent."""


@dataclass(frozen=True, kw_only=True)
class Digits:
    """The experiment."""

    name: str
    """Name in tables."""
    old: tuple[int, ...] = (0, 1, 2, 3)
    """Classes of the old network."""
    new: tuple[int, ...] = (4, 5, 6, 7, 8, 9)
    """Classes of the new one."""
    images: int | None = None
    """Images that the new network learns from; all if None."""
    channels: tuple[int, int] = (16, 32)
    """Channels of the convolutions."""
    hidden: int = 64
    """Units of the hidden layer behind them."""
    updates: int = 100
    """Updates of each training."""
    points: int = 20
    """Tests of a training, besides the one at its start."""
    batch: int = 32
    """Images of an update."""
    learning_rate: float = 0.01
    """Learning rate of Adam, the best one from scratch on seeds 101 to 108 (of 0.0003,
    0.001, 0.003, 0.01, 0.03); moments begin anew after the transplant."""
    held_out: float = 0.3
    """Share of images that are only tested on."""


DIGITS = {
    task.name: task
    for task in (
        Digits(name="Digits 4-9 after 0-3, accuracy"),
        Digits(name="Digits 4-9 after 0-3, 60 images, accuracy", images=60),
    )
}
"""Accuracies are in percent, over updates."""


@dataclass(frozen=True, kw_only=True)
class Images:
    """Images of some classes, (images, 1, 8, 8), and the number of each one's class."""

    seen: torch.Tensor
    """Images to learn from."""
    classes: torch.Tensor
    """Their classes, (images,)."""
    unseen: torch.Tensor
    """Images that are held out."""
    unseen_classes: torch.Tensor
    """Their classes."""


def job_of(task: Digits, seed: int) -> Job:
    """Return the job of an experiment and a seed."""
    name = task.name.replace(", ", "-").replace(" ", "-")
    return Job(
        name=f"{name}/{seed}",
        function=train,
        arguments={"task": task, "seed": seed},
        settings={**asdict(task), "seed": seed},
    )


JOBS: dict[str, Callable[[int], Job]] = {
    name: partial(job_of, task) for name, task in DIGITS.items()
}
"""Makers of jobs from seeds, by the names of the experiments."""


def train(folder: Path, task: Digits, seed: int) -> dict[str, Any]:
    """Train three networks; return their curves and what was transplanted.

    Args:
        folder: Folder of the job, which is not used: a training takes seconds.
        task: The experiment.
        seed: Seed of the networks, of the order of images, and of which are held out.
    """
    del folder
    before, after = (images_of(c, task.held_out, seed) for c in (task.old, task.new))
    after = replace(
        after, seen=after.seen[: task.images], classes=after.classes[: task.images]
    )
    old = network(task, len(task.old), seed)
    found: dict[str, Any] = {"old": curve(old, before, task, seed)}
    new, fresh = (network(task, len(task.new), seed) for _ in range(2))
    report = transplant_module(old, new, outputs="fresh", example=before.seen)
    found["transplanted"] = curve(new, after, task, seed)
    found["from scratch"] = curve(fresh, after, task, seed)
    told = {name: getattr(report, name) for name in ("carried", "new", "dropped")}
    return {**found, "report": told}


def images_of(classes: tuple[int, ...], held_out: float, seed: int) -> Images:
    """Return the images of some classes, in an order that the seed tells."""
    digits = load_digits()
    places = np.flatnonzero(np.isin(digits.target, classes))
    places = np.random.default_rng(seed).permutation(places)
    images = torch.as_tensor(digits.images[places], dtype=torch.float32) / 16
    numbers = torch.as_tensor(np.searchsorted(classes, digits.target[places]))
    count = round(held_out * len(places))
    return Images(
        seen=images[count:, None],
        classes=numbers[count:],
        unseen=images[:count, None],
        unseen_classes=numbers[:count],
    )


def network(task: Digits, classes: int, seed: int) -> nn.Sequential:
    """Build an untrained network; the first three layers of equal seeds are equal."""
    torch.manual_seed(seed)
    a, b = task.channels
    return nn.Sequential(
        *(nn.Conv2d(1, a, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(4 * b, task.hidden), nn.ReLU(), nn.Linear(task.hidden, classes)),
    )


def curve(net: nn.Module, images: Images, task: Digits, seed: int) -> Curve:
    """Train a network and return its accuracy over the updates."""
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.Adam(net.parameters(), task.learning_rate)
    every = task.updates // task.points
    found = [(0, accuracy(net, images))]
    for update in range(1, task.updates + 1):
        chosen = rng.integers(len(images.seen), size=task.batch)
        logits = net(images.seen[chosen])
        loss = nn.functional.cross_entropy(logits, images.classes[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if update % every == 0:
            found.append((update, accuracy(net, images)))
    return found


@torch.no_grad()
def accuracy(net: nn.Module, images: Images) -> float:
    """Return how many held-out images get their class, in percent."""
    right = net(images.unseen).argmax(1) == images.unseen_classes
    return round(100 * float(right.double().mean()), 3)
