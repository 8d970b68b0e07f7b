"""Every name that can be given on the command line leads to something that says what it is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import brickwork
from brickwork import names
from brickwork.errors import UnknownName

TABLES = {
    "space": names.SPACES,
    "strategy": names.STRATEGIES,
    "task": names.TASKS,
    "exporter": names.EXPORTERS,
}
ENTRIES = [(kind, name) for kind, table in TABLES.items() for name in table]


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_a_name_leads_to_an_object_with_a_line_of_documentation(kind, name):
    found = names.load(TABLES[kind], kind, name)
    assert callable(found)
    first = (found.__doc__ or "").strip().splitlines()[0]
    assert first.endswith((".", "?")), f"{kind} {name}: {first!r}"


@pytest.mark.parametrize("kind", TABLES)
def test_an_unknown_name_offers_the_known_ones(kind):
    with pytest.raises(UnknownName, match=f"unknown {kind} 'nothing'"):
        names.load(TABLES[kind], kind, "nothing")


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_names_are_plain(kind, name):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)


def test_every_strategy_module_is_in_the_table():
    """A file without a line in the table can be used by nobody."""
    folder = Path(brickwork.__file__).parent / "strategies"
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "base"}
    entries = [entry.partition(":")[0] for entry in names.STRATEGIES.values()]
    own = [entry for entry in entries if entry.startswith("brickwork.strategies.")]
    assert modules == {entry.rpartition(".")[2] for entry in own}


def test_every_strategy_with_a_supernet_is_a_strategy():
    assert names.SUPERNETS.keys() < names.STRATEGIES.keys()


def test_every_strategy_that_begins_from_suggestions_takes_them():
    assert names.SUGGESTERS.keys() < names.STRATEGIES.keys()
    assert not names.SUGGESTERS.keys() & names.SUPERNETS.keys()
    for name in names.SUGGESTERS:
        made = names.load(names.STRATEGIES, "strategy", name)
        assert "suggestions" in inspect.signature(made).parameters
        suggest = names.load(names.SUGGESTERS, "strategy", name)
        assert len(inspect.signature(suggest).parameters) == 2
