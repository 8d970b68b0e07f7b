"""What all tests share: the collection of real data, golden files, and how hypothesis runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from brickwork.config import Context

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"

# The same examples in every run, so that a check that passed here passes elsewhere; look for new
# ones with HYPOTHESIS_PROFILE=explore. No deadline: machines are shared and slow at times.
settings.register_profile(
    "fixed",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-golden",
        action="store_true",
        help="write tests/golden/*.json anew instead of comparing with them: look at the diff",
    )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; a test that asks for it is skipped where it is missing."""
    folder = Path(os.environ.get("BRICKWORK_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data in {folder}: set BRICKWORK_DATA to the folder of data sets")
    return folder


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Any], None]:
    """Compares a JSON value with ``tests/golden/NAME.json``: ``golden(name, value)``.

    What stands there is part of what was promised (ids, costs, first proposals). It changes only on
    purpose, with ``--rewrite-golden``, and the change says why.
    """

    def compare(name: str, value: Any) -> None:
        path = GOLDEN / f"{name}.json"
        value = json.loads(json.dumps(value))  # tuples become lists, as in the file
        if request.config.getoption("--rewrite-golden"):
            path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
            return
        assert path.is_file(), f"{path} is missing: write it with --rewrite-golden"
        assert value == json.loads(path.read_text())

    return compare


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Trainings take so many epochs, and final ones are done once: a small search takes seconds."""

    def shorten(epochs: int) -> None:
        for module in ("brickwork.estimators.train", "brickwork.tasks.training.recipe"):
            monkeypatch.setattr(f"{module}.full_epochs", lambda *_: epochs)
        monkeypatch.setattr("brickwork.timetable._REPETITIONS", 1)

    return shorten


UNFIT = '''
from brickwork.space import Choice, ConvNorm, GlobalPool, Linear, Pool, Seq, Space


def unfit(input=(1, 8, 8)):
    """Networks a third of which shrink a small picture to nothing."""
    width, window = Choice("width", tuple(range(4, 24))), Choice("window", (2, 4, 16))
    head = Seq(GlobalPool(), Linear(), name="classifier")
    return Space("unfit", Seq(ConvNorm(width), Pool("max", window), head))
'''


@pytest.fixture
def unfit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """A search in a space a third of whose members does not fit the input."""
    from brickwork.config import Context, Run, task_for

    monkeypatch.chdir(tmp_path)
    Path("unfit.py").write_text(UNFIT)
    run = Run.of(data="digits", space="unfit.py", limits=("parameters<=400",))
    return Context.of(run, task_for(run))
