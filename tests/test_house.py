"""The rules of the house that no linter knows, read off the source."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import brickwork

SRC = Path(brickwork.__file__).parent
FILES = sorted(SRC.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in FILES}

LONG = {
    "export/onnx.py": "one function for each operation, and nothing to split them by",
    "space/ops.py": "one record for each operation, and nothing to split them by",
}
"""Modules that may have more than 400 lines, each with its reason."""


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(SRC)}:{getattr(node, 'lineno', 0)}"


def calls() -> Iterator[tuple[Path, ast.Call, str]]:
    """Every call in the package with the dotted name of what is called."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield path, node, ast.unparse(node.func)


def keyword(call: ast.Call, name: str) -> str | None:
    return next((ast.unparse(k.value) for k in call.keywords if k.arg == name), None)


# --- imports --------------------------------------------------------------------------------------

HEAVY = ("torch", "sklearn", "scipy", "onnx", "onnxruntime", "moocore", "pandas", "matplotlib")


@pytest.mark.parametrize("module", ["brickwork", "brickwork.cli", "brickwork.config"])
def test_importing_costs_nothing(module):
    """Neither the package nor its command line loads what only a search needs."""
    code = f"import sys, {module}; print(*sorted(m for m in {HEAVY} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_public_name_can_be_had():
    assert set(brickwork.__all__) <= set(dir(brickwork))
    for name in brickwork.__all__:
        assert getattr(brickwork, name) is not None
    assert len(brickwork.__all__) <= 30
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = brickwork.Nothing


def names_of(path: Path) -> tuple[set[str], set[str]]:
    """What a module defines in public: functions and classes, and all names it binds."""
    defined, bound = set(), set()
    for node in TREES[path].body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            bound |= {alias.asname or alias.name for alias in node.names}
        else:
            bound |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return {name for name in defined if not name.startswith("_")}, bound | defined


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_all_is_what_is_public(path):
    if path in (SRC / "__init__.py", SRC / "__main__.py", SRC / "cli.py"):
        return  # public names by string; nothing; commands, which typer calls
    parts = path.relative_to(SRC.parent).with_suffix("").parts
    module = importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    defined, bound = names_of(path)
    listed = getattr(module, "__all__", [])
    assert len(set(listed)) == len(listed)
    assert defined <= set(listed), f"public but not in __all__: {defined - set(listed)}"
    assert set(listed) <= bound, f"in __all__ but not defined: {set(listed) - bound}"


# --- randomness -----------------------------------------------------------------------------------

WITH_GENERATOR = {
    f"torch.{name}"
    for name in ("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial")
}
SEEDS = {"torch.manual_seed", "torch.cuda.manual_seed_all", "np.random.seed", "random.seed"}


def test_no_global_randomness():
    """Every random number comes from a generator that was handed in."""
    found = []
    for path, call, name in calls():
        numpy = re.fullmatch(r"(?:np|numpy)\.random\.(\w+)", name)
        made = numpy and numpy[1] in ("Generator", "PCG64", "default_rng", "SeedSequence")
        if (
            name in SEEDS
            or (numpy and not made)
            or (made and not call.args)  # seeded by the clock
            or (name in WITH_GENERATOR and keyword(call, "generator") is None)
        ):
            found.append(f"{where(path, call)} {name}")
    assert found == []


def test_no_stdlib_random():
    found = [
        where(path, node)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(a.name == "random" for a in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "random")
    ]
    assert found == []


# --- what is loaded and what is raised ------------------------------------------------------------


def test_nothing_is_unpickled():
    found = [
        where(path, node)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
        if name
        and name.split(".")[0] in ("pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib")
    ]
    for path, call, name in calls():
        if name == "torch.load" and keyword(call, "weights_only") != "True":
            found.append(where(path, call))
        if name in ("np.load", "numpy.load") and keyword(call, "allow_pickle") != "False":
            found.append(where(path, call))
    assert found == []


def test_no_assert():
    """They vanish under ``python -O``, and they say nothing to a person."""
    found = [
        where(path, node)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]
    assert found == []


# --- size -----------------------------------------------------------------------------------------


def test_modules_are_short():
    long = {
        str(path.relative_to(SRC)) for path in FILES if len(path.read_text().splitlines()) > 400
    }
    assert long == set(LONG)


def test_no_module_for_what_has_no_place():
    names = {path.stem for path in FILES} | {path.name for path in SRC.rglob("*") if path.is_dir()}
    assert names & {"utils", "util", "helpers", "common", "manager", "misc"} == set()
