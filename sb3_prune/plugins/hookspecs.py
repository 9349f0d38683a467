"""The hooks: functions that a plug-in can implement.

All hooks work in the same way. The host passes a function ``register`` to the hook, and
the plug-in calls ``register`` with each of its classes. It needs no other arguments,
because a class describes itself (:mod:`sb3_prune.plugins.pluggable`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from sb3_prune.analysis.base import Analysis
    from sb3_prune.exporting.base import Exporter
    from sb3_prune.plugins.command import Command
    from sb3_prune.screening.base import Screener
    from sb3_prune.strategies.base import Strategy

API = 1
"""Version of the hooks. A plug-in may declare the version that it was written for, by
``sb3_prune_api = 1``."""

hookspec = pluggy.HookspecMarker("sb3_prune")
hookimpl = pluggy.HookimplMarker("sb3_prune")
"""Decorator that marks a function of a plug-in as the implementation of a hook."""


@hookspec
def register_strategies(register: Callable[[type[Strategy]], None]) -> None:
    """Register strategies, which decide the units to change and when.

    Example::

        from dataclasses import dataclass

        from sb3_prune.plugins import hookimpl
        from sb3_prune.strategies import Strategy
        from sb3_prune.surgery import Plan


        class Never(Strategy):
            '''Change nothing: the baseline of every comparison.'''

            name = "never"

            @dataclass(frozen=True, kw_only=True)
            class Config:
                '''There is nothing to choose.'''

            def propose(self, agent):
                return Plan()


        @hookimpl
        def register_strategies(register):
            register(Never)
    """


@hookspec
def register_analyses(register: Callable[[type[Analysis]], None]) -> None:
    """Register analyses, which evaluate recorded activations of hidden units.

    Example::

        from dataclasses import dataclass

        from sb3_prune.analysis import Analysis, LayerValues
        from sb3_prune.plugins import hookimpl


        class QuietUnits(Analysis):
            '''Share of units whose activations are always small.'''

            name = "quiet-units"

            @dataclass(frozen=True, kw_only=True)
            class Config:
                '''When a unit counts as quiet.'''

                threshold: float = 0.1
                '''Largest absolute activation of a quiet unit.'''

            def analyze(self, recording):
                shares = {}
                for layer in recording.activations:
                    quiet = recording.maxima(layer) <= self.config.threshold
                    shares[layer] = {"quiet": float(quiet.mean())}
                return LayerValues(title="Quiet units", ylabel="share", values=shares)


        @hookimpl
        def register_analyses(register):
            register(QuietUnits)
    """


@hookspec
def register_screeners(register: Callable[[type[Screener]], None]) -> None:
    """Register screeners, which judge a fresh agent by the first steps of its training.

    Example::

        from sb3_prune.plugins import hookimpl
        from sb3_prune.screening import Screener


        class Loudness(Screener):
            '''Mean absolute activation of the hidden units.'''

            name = "loudness"

            def measure(self, window):
                rows = window.activations().values()
                return sum(float(a.abs().mean()) for a in rows) / len(rows)


        @hookimpl
        def register_screeners(register):
            register(Loudness)
    """


@hookspec
def register_exporters(register: Callable[[type[Exporter]], None]) -> None:
    """Register exporters, which write an agent in a form for deployment.

    Example::

        import json
        from dataclasses import dataclass

        import torch

        from sb3_prune.exporting import Agent, Exporter
        from sb3_prune.plugins import hookimpl


        class Torch(Exporter):
            '''The program as torch.export saves it, for where there is torch.'''

            name = "torch"
            suffix = ".pt2"

            @dataclass(frozen=True, kw_only=True)
            class Config:
                '''There is nothing to choose.'''

            def write(self, decision, path, facts):
                more = {"facts": json.dumps(facts)}
                torch.export.save(decision.program, path, extra_files=more)

            @classmethod
            def load(cls, path):
                more = {"facts": ""}
                run = torch.export.load(path, extra_files=more).module()

                def decide(*inputs):
                    outputs = run(*map(torch.tensor, inputs))
                    return [output.numpy() for output in outputs]

                return Agent(json.loads(more["facts"]), decide)

            @classmethod
            def wrote(cls, path):
                return path.suffix == cls.suffix


        @hookimpl
        def register_exporters(register):
            register(Torch)
    """


@hookspec
def register_commands(register: Callable[[type[Command]], None]) -> None:
    """Register subcommands of ``sb3-prune``.

    Example::

        from sb3_prune.plugins import Command, hookimpl


        class Hello(Command):
            '''Say hello.'''

            name = "hello"

            def main(self, arguments):
                print("hello", *arguments)


        @hookimpl
        def register_commands(register):
            register(Hello)
    """
