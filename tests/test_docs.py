"""What ``docs/adding-a-*.md`` tells others to write works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from brickwork.devices import known_costs, load_target
from brickwork.errors import SpaceError
from brickwork.objective import Objective
from brickwork.quantity import How, Quantity
from brickwork.space import Space, graph
from brickwork.strategies.base import Problem
from brickwork.trial import State, Trial

DOCS = Path(__file__).parents[1] / "docs"


def block(page: str, language: str) -> str:
    """The first block of code in that language."""
    found = re.search(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def names(page: str) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(compile(block(page, "python"), page, "exec"), scope)
    return scope


@pytest.fixture
def space() -> Space:
    return names("adding-a-space.md")["plain"]()


def test_the_space(space):
    small, large = space.extremes()
    assert graph(space, small, (3, 32, 32), 10).output == (10,)
    assert len(graph(space, small, (3, 32, 32), 10).nodes) < len(
        graph(space, large, (3, 32, 32), 10).nodes
    )
    assert Space.from_json(space.to_json()) == space


def test_the_cells():
    """The second block of the page stands on the first."""
    page = (DOCS / "adding-a-space.md").read_text()
    scope: dict[str, Any] = {}
    for text in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(text, "adding-a-space.md", "exec"), scope)
    wired = scope["wired"]()
    assert wired.size() == 3**6
    nothing, everything = (graph(wired, arch, (3, 32, 32), 10) for arch in wired.extremes())
    assert [node.op.kind for node in nothing.nodes].count("zero") == 2
    assert [node.op.kind for node in everything.nodes].count("conv") == 1 + 2 * 6
    assert Space.from_json(wired.to_json()) == wired


def test_the_texts():
    """The last block stands on those before it."""
    page = (DOCS / "adding-a-space.md").read_text()
    scope: dict[str, Any] = {}
    for text in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(text, "adding-a-space.md", "exec"), scope)
    texts = scope["texts"]((12,), vocabulary=30)
    small, large = (graph(texts, arch, (12,), 3) for arch in texts.extremes())
    assert small.output == large.output == (3,)
    assert [sum(n.op.kind == "attend" for n in g.nodes) for g in (small, large)] == [1, 4]
    with pytest.raises(SpaceError, match="space 'texts' needs rows of ids or columns"):
        scope["texts"]((3, 32, 32))


def test_the_strategy_finds_the_best_of_a_small_space(space):
    def score(arch):
        return dict(arch.choices)["stage.depth"] / 10 + dict(arch.choices)["stage.width"] / 100

    def told():
        strategy = names("adding-a-strategy.md")["Climb"](problem, 0)
        seen = []
        while proposals := strategy.ask(2):
            for proposal in proposals:
                value = Quantity(score(proposal.arch), "fraction", How.MEASURED)
                seen.append(proposal.arch)
                trial = Trial(len(seen), proposal, State.DONE, {"accuracy": value})
                strategy.tell(trial)
        return seen

    problem = Problem(space, (Objective("accuracy"),), (), lambda _: {})
    seen = told()
    assert len(seen) == len(set(seen)) == space.size()
    assert seen == told()
    assert max(map(score, seen)) == score(space.extremes()[1])


def test_the_target(tmp_path, space):
    path = tmp_path / "board.toml"
    path.write_text(block("adding-a-target.md", "toml"))
    costs = known_costs(graph(space, space.arch(), (3, 32, 32), 10), load_target(str(path)))
    assert costs["latency_ms"].value > 0
    assert costs["latency_ms"].how in (How.PREDICTED, How.ESTIMATED)
    assert costs["energy_mj"].value > 0


@pytest.mark.parametrize("page", sorted(DOCS.glob("adding-a-*.md")), ids=lambda page: page.stem)
def test_each_ends_with_the_line_and_the_contract(page):
    last = page.read_text().rstrip().rpartition("\n\n")[2]
    assert "line" in last
    assert "contract tests" in " ".join(last.split())
