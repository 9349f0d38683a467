"""Zoo: read the folder that RL Zoo (rl_zoo3) writes beside the zip of an agent."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from importlib import import_module
from inspect import formatannotation
from pathlib import Path
from types import UnionType
from typing import Any

from sb3_prune.cli.surroundings import Surroundings
from sb3_prune.cli.wrappers import as_list
from sb3_prune.exceptions import ConfigError
from sb3_prune.runs.folder import STATISTICS

CONFIG, ARGUMENTS = "config.yml", "args.yml"
OTHERS = re.compile(r"best_model|rl_model_\d+_steps")
"""Names of zips that share the folder of the last one."""
PYTHON = "tag:yaml.org,2002:python/"


def find_zoo(zip_path: Path) -> Path | None:
    """Return the folder of RL Zoo that belongs to a zip; None if there is none.

    It is named like the zip of the last agent. The best agent and checkpoints, which
    have other names, share it.
    """
    own = zip_path.with_suffix("")
    if _is_zoo(own):
        return own
    if not OTHERS.fullmatch(own.name):
        return None
    found = sorted(path for path in zip_path.parent.iterdir() if _is_zoo(path))
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ConfigError(
            f"'{zip_path}' may belong to several folders of RL Zoo: {names}."
        )
    return found[0] if found else None


def read_zoo(folder: Path) -> Surroundings:
    """Read the environment of an agent, and what it was wrapped in.

    YAML is read safely: of Python objects only ordered dictionaries and tuples are
    made, others are left unread.

    Raises:
        ConfigError: A file cannot be read, or PyYAML is not installed.
    """
    settings, arguments = _Yaml(folder / CONFIG), _Yaml(folder / ARGUMENTS)
    env = arguments.get("env")
    return Surroundings(
        source=folder,
        env=env if isinstance(env, str) else None,
        env_kwargs=_env_kwargs(settings, arguments),
        modules=arguments.of_type("gym_packages", list, []),
        wrappers=as_list(settings.get("env_wrapper")),
        vec_wrappers=as_list(settings.get("vec_env_wrapper")),
        frame_stack=settings.of_type("frame_stack", int, 1),
        statistics=_statistics(folder, settings),
    )


def _is_zoo(folder: Path) -> bool:
    return (folder / CONFIG).is_file() or (folder / ARGUMENTS).is_file()


def _env_kwargs(settings: _Yaml, arguments: _Yaml) -> dict[str, Any]:
    """Return the arguments of the environment in training.

    Those of the command line replace all of the hyperparameters, as in RL Zoo.
    """
    given: dict[str, Any] = arguments.of_type("env_kwargs", dict, {})
    return given or settings.of_type("env_kwargs", dict, {})


def _statistics(folder: Path, settings: _Yaml) -> Path | None:
    """Return the path of the statistics, even if they are missing."""
    path = folder / STATISTICS
    wanted = path.is_file()
    if settings.content:  # RL Zoo writes what VecNormalize gets, maybe as text.
        wanted = settings.of_type("normalize", bool | str | dict, False)
    return path if wanted else None


class _Yaml:
    """A file of settings; a missing one has none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content: Mapping[str, Any] = read_yaml(path) if path.is_file() else {}

    def get(self, key: str) -> Any:
        """Return a setting that JSON can express; None if there is none."""
        value = self.content.get(key)
        try:
            json.dumps(value)
        except TypeError as error:
            raise ConfigError(
                f"'{self.path}': '{key}' has a value that cannot be read safely: "
                f"{value!r}."
            ) from error
        return value

    def of_type(self, key: str, kind: type | UnionType, default: Any) -> Any:
        """Return a setting of a type; the default if there is none."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, kind):
            raise ConfigError(
                f"'{self.path}': '{key}' must be {formatannotation(kind)}, "
                f"got {value!r}."
            )
        return value


class _Unread:
    """A Python object in a file, which is not made."""

    def __init__(self, tag: str) -> None:
        self.tag = tag

    def __repr__(self) -> str:
        return f"!!python/{self.tag}"


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file of settings by name; Python objects in it are not made.

    Raises:
        ConfigError: It cannot be read, has something else, or PyYAML is missing.
    """
    try:
        yaml: Any = import_module("yaml")
    except ImportError as error:
        raise ConfigError(
            f"Reading '{path}' needs PyYAML: pip install 'sb3-prune[zoo]'."
        ) from error
    try:
        found = yaml.load(path.read_text("utf-8"), _loader(yaml))
    except (yaml.YAMLError, OSError, ValueError, TypeError, RecursionError) as error:
        raise ConfigError(f"'{path}' cannot be read: {error}.") from error
    if not isinstance(found, dict):
        raise ConfigError(f"'{path}' must have settings by name, got {found!r}.")
    return found


def twice_in_yaml(path: Path) -> list[Any]:
    """Return names that occur twice in one place of a file, which PyYAML ignores.

    Args:
        path: A file that :func:`read_yaml` can read.
    """
    yaml: Any = import_module("yaml")
    found: list[Any] = []
    nodes = [yaml.compose(path.read_text("utf-8"), yaml.SafeLoader)]
    known = set()  # A node may be within itself.
    while nodes:
        node = nodes.pop()
        if id(node) in known:
            continue
        known.add(id(node))
        if isinstance(node, yaml.MappingNode):
            found += repeated(key.value for key, _ in node.value)
            nodes += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value
    return found


def repeated(names: Iterable[Hashable]) -> list[Any]:
    """Return names that occur more than once.

    Args:
        names: The names.
    """
    return [name for name, times in Counter(names).items() if times > 1]


def _loader(yaml: Any) -> Any:
    """Return a subclass of PyYAML's safe loader."""
    loader: Any = type("Loader", (yaml.SafeLoader,), {})
    loader.add_multi_constructor(PYTHON, lambda _, tag, node: _Unread(tag))
    loader.add_constructor(f"{PYTHON}object/apply:collections.OrderedDict", _pairs)
    loader.add_constructor(f"{PYTHON}tuple", _tuple)
    return loader


def _pairs(loader: Any, node: Any) -> dict[str, Any]:
    return dict(*loader.construct_sequence(node, deep=True))


def _tuple(loader: Any, node: Any) -> tuple[Any, ...]:
    return tuple(loader.construct_sequence(node, deep=True))
