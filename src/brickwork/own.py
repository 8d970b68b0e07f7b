"""What a user wrote: an object in a Python file, named as ``FILE.py`` or ``FILE.py:NAME``."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from brickwork.errors import BrickworkError

__all__ = ["digests", "is_own", "named", "resolved"]

_FILE = re.compile(r"[^:]+\.py(?=:|$)")
_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "strategy": (
        "class with ask and tell",
        lambda one: inspect.isclass(one) and hasattr(one, "ask") and hasattr(one, "tell"),
    ),
    "space": ("function that gives a space", inspect.isfunction),
}


def is_own(name: str) -> bool:
    """Whether a name is that of a file."""
    return _FILE.match(name) is not None


def resolved(name: str) -> str:
    """The name with whole paths, so that a study finds its files from anywhere."""
    return _FILE.sub(lambda match: str(Path(match[0]).resolve()), name)


def digests(*names: str) -> dict[str, str]:
    """The SHA-256 of each file in some names, by its path."""
    files = {match[0] for name in names for match in _FILE.finditer(name)}
    return {file: hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in sorted(files)}


def named(kind: str, name: str) -> Any:
    """The object that a name stands for.

    Args:
        kind: ``"strategy"`` or ``"space"``.
        name: ``FILE.py:NAME``, or ``FILE.py`` where the file has but one of the kind.

    Raises:
        BrickworkError: There is no such file, it cannot be run, or it has no such object.
    """
    match = _FILE.match(name)
    file = match[0] if match else name
    path, attribute = Path(file), name[len(file) :].removeprefix(":")
    what, fits = _KINDS[kind]
    module = _module(path, kind)
    own = {
        key: value
        for key, value in vars(module).items()
        if not key.startswith("_") and fits(value) and value.__module__ == module.__name__
    }
    if attribute:
        if attribute not in own:
            raise BrickworkError(
                f"{path}: there is no {what} called {attribute!r}; there are "
                f"{', '.join(own) or 'none'}"
            )
        return own[attribute]
    if len(own) != 1:
        found = f"{len(own)} of them: {', '.join(own)}; say which, as {path.name}:NAME"
        raise BrickworkError(f"{path}: expected one {what}, found {found if own else 'none'}")
    return next(iter(own.values()))


def _module(path: Path, kind: str) -> ModuleType:
    if not path.is_file():
        raise BrickworkError(f"{kind}: there is no file {str(path)!r}")
    text = f"{path.resolve()}\0".encode() + path.read_bytes()
    name = f"brickwork_own_{hashlib.sha256(text).hexdigest()[:16]}"  # another one once it changed
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BrickworkError(f"{path}: is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: its data classes look themselves up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        what = " ".join(str(error).split())[:200]
        raise BrickworkError(f"{path}: cannot be run: {type(error).__name__}: {what}") from error
    return module
