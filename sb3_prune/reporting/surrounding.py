"""Surrounding: Python that makes the environment an agent needs to be at home."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

ARMS = "sb3_prune/"
"""Beginning of the ids of planar arms, which a package of ours registers."""
MAKER = "from stable_baselines3.common.env_util import make_vec_env"
WRAPPERS = "stable_baselines3.common.vec_env"


def needs_env(env: Mapping[str, Any], statistics: str | None) -> bool:
    """Tell whether an agent needs more than its environment as Gymnasium makes it."""
    wrapped = [env.get(name) for name in ("wrappers", "vec_wrappers", "frame_stack")]
    return statistics is not None or any(wrapped)


def env_imports(env: Mapping[str, Any], statistics: str | None) -> list[str]:
    """Return the lines of imports that :func:`env_lines` needs."""
    frames = ["VecFrameStack"] if env.get("frame_stack") else []
    names = [*frames, *(["VecNormalize"] if statistics else [])]
    stock = [f"from {WRAPPERS} import {', '.join(names)}"] if names else []
    arms = ["sb3_prune_envs"] if str(env["id"]).startswith(ARMS) else []
    paths = [path for path, _ in (*_wrappers(env), *_vec_wrappers(env))]
    modules = [path.rpartition(".")[0] for path in paths]
    known = dict.fromkeys([*arms, *env.get("modules", []), *modules])
    return [*(f"import {dotted(name)}" for name in known), MAKER, *stock]


def env_lines(env: Mapping[str, Any], statistics: str | None) -> Iterator[str]:
    """Yield the lines that make an environment, in the order of RL Zoo's wrappers.

    Args:
        env: What ``config.json`` says of it.
        statistics: Expression for the file of ``VecNormalize``; None if there is none.
    """
    made = "env"
    for path, options in _wrappers(env):
        made = _call(path, made, options)
    arguments = [literal(env["id"])]
    if env["kwargs"]:
        arguments.append(f"env_kwargs={literal(dict(env['kwargs']))}")
    if made != "env":
        arguments.append(f"wrapper_class=lambda env: {made}")
    yield f"env = make_vec_env({', '.join(arguments)})"
    for path, options in _vec_wrappers(env):
        yield f"env = {_call(path, 'env', options)}"
    if statistics:
        yield f"env = VecNormalize.load({statistics}, env)"
        yield "env.training = env.norm_reward = False  # to act, not to learn"
    if env.get("frame_stack"):
        yield f"env = VecFrameStack(env, {int(env['frame_stack'])})"


def check_env(env: Mapping[str, Any]) -> None:
    """Touch all that lines are made of, so that damage shows early.

    Raises:
        ValueError: A name is none that Python could import.
        TypeError: Something is of another kind; so do LookupError, AttributeError.
    """
    env_imports(env, None), list(env_lines(env, None))


def literal(value: object) -> str:
    """Return a value as Python writes it, without an end of a block of Markdown."""
    return repr(value).replace("`", r"\x60")


def dotted(name: Any) -> str:
    """Return a dotted name as it is.

    Raises:
        ValueError: It is none, so it would be other code.
    """
    if not isinstance(name, str) or not all(n.isidentifier() for n in name.split(".")):
        raise ValueError(f"{name!r} cannot be imported by name")
    return name


def _wrappers(env: Mapping[str, Any]) -> Sequence[tuple[str, Mapping[str, Any]]]:
    return [_split(one) for one in env.get("wrappers", [])]


def _vec_wrappers(env: Mapping[str, Any]) -> Sequence[tuple[str, Mapping[str, Any]]]:
    return [_split(one) for one in env.get("vec_wrappers", [])]


def _split(given: Any) -> tuple[str, Mapping[str, Any]]:
    """Return the path of a wrapper and its arguments, as RL Zoo writes them."""
    if isinstance(given, Mapping):
        ((path, options),) = given.items()
        return dotted(path), dict(options or {})
    return dotted(given), {}


def _call(path: str, inner: str, options: Mapping[str, Any]) -> str:
    more = f", **{literal(dict(options))}" if options else ""
    return f"{path}({inner}{more})"
