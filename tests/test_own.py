"""Strategies and spaces in files of the user: as the documentation has them, one file each."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from brickwork.cli import app
from brickwork.config import Context, Run, task_for
from brickwork.errors import BrickworkError
from brickwork.names import load, make_space, make_strategy, strategy_or_raise
from brickwork.trial import State, Trial

DOCS = Path(__file__).parents[1] / "docs"


def first_example(page: str) -> str:
    return re.search(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)[1]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    (tmp_path / "climb.py").write_text(first_example("adding-a-strategy.md"))
    (tmp_path / "plain.py").write_text(first_example("adding-a-space.md"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def brickwork(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, f"{result.output}{result.exception or ''}"


@pytest.mark.parametrize("name", ["climb.py", "climb.py:Climb", "asha:climb.py:Climb"])
def test_a_strategy_in_a_file(folder, name):
    strategy_or_raise(name)
    run = Run.of(data="digits", strategy=name, space="plain.py")
    assert str(folder / "climb.py") in run.strategy
    assert run.space == str(folder / "plain.py")
    assert Run.of(**run.model_dump()) == run


def test_a_space_in_a_file(folder):
    space = make_space("plain.py:plain", (1, 8, 8))
    assert space.name == "plain"
    assert space.size() > 1


@pytest.mark.alone
def test_a_study_with_both_and_what_has_changed_since(folder):
    words = ("search", "digits", "--strategy", "climb.py", "--space", "plain.py", "--study", "s",
             "--max-trials", "2", "--workers", "1", "--budget", "25s")  # fmt: skip
    code, said = brickwork(*words)
    assert code == 0, said
    code, said = brickwork("front", "s", "--json")
    assert code == 0
    assert json.loads(said)
    assert brickwork("resume", "s")[0] == 0
    (folder / "climb.py").write_text((folder / "climb.py").read_text() + "\n# other\n")
    code, said = brickwork("resume", "s")
    assert code != 0
    assert "climb.py: it has changed since" in " ".join(said.split())


def test_a_strategy_in_a_file_on_a_table(folder, shared_data):
    tables = shared_data / "benchmarks"
    words = (
        *("bench", "--table", str(tables / "nasbench201_cifar10.csv.gz")),
        *("--signal", "cifar10_val_12", "--test", "cifar10_test_200", "--seeds", "1"),
        *("--evals", "12", "--json", "out.json"),
    )
    code, said = brickwork(*words, "--strategies", "climb.py")
    assert code == 0, said
    assert "climb.py" in json.loads((folder / "out.json").read_text())["strategies"]
    (folder / "none.py").write_text(SOUND.replace("[Proposal(self.arch)]", "[]"))
    code, said = brickwork(*words, "--strategies", "none.py")
    assert code == 1
    assert "the strategy none.py proposed no network" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "there is no file"),
        ("def plain(input):\n    pass\n", "expected one class with ask and tell, found none"),
        ("import nowhere\n", "cannot be run: ModuleNotFoundError"),
        ("class A:\n    ask = tell = 1\nclass B(A):\n    pass\n", "found 2 of them: A, B; say wh"),
    ],
)
def test_what_is_no_strategy(folder, text, says):
    path = folder / f"own{hash(text) % 10**6}.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BrickworkError, match=says) as caught:
        Run.of(data="digits", strategy=str(path))
    assert "\n" not in str(caught.value)


SOUND = """
from brickwork.space import Arch
from brickwork.trial import Proposal

class S:
    def __init__(self, problem, seed):
        self.arch = problem.space.extremes()[0]
    def ask(self, n):
        return [Proposal(self.arch)]
    def tell(self, trial):
        pass
    def explain(self):
        return "fine"
"""


@pytest.mark.parametrize(
    ("sound", "wrong", "says"),
    [
        ("[Proposal(self.arch)]", "None", "ask gave None, expected a list"),
        ("[Proposal(self.arch)]", "[self.arch]", "no proposal: Arch; expected Proposal(arch)"),
        ("self.arch)]", "Arch.of('mobile', {'size': 3}))]", "the space has no decision 'size'"),
        ("self.arch)]", "self.arch, 1.7)]", "the fidelity 1.7 is not in (0, 1]"),
        ("self.arch)]", "'mobile')]", "ask failed: AttributeError: 'str' object"),
        ("self.arch)]", "self.arch, 'all')]", "ask failed: TypeError: '<' not supported"),
        ("self.arch)]", "self.arch, 1.0, 3)]", "it continues trial 3, which there is not yet"),
        ("self.arch)]", "self.arch)] * 5", "ask gave 5 proposals, 1 asked for"),
        ("return [P", "raise KeyError(n)  # [P", "ask failed in line 9: KeyError: 1"),
        ("problem.space", "problem.spice", "__init__ failed in line 7: AttributeError"),
        ("pass", "raise ValueError('a\\nb')", "tell failed in line 11: ValueError: a"),
        ('"fine"', "1 / 0", "explain failed in line 13: ZeroDivisionError"),
    ],
)
def test_what_a_strategy_does_wrong_is_told_with_its_line(folder, sound, wrong, says):
    """Whoever writes one sees where, not the inside of Brickwork."""

    def use(text: str, name: str) -> None:
        (folder / "mine.py").write_text(text)
        run = Run.of(data="digits", strategy=name)
        strategy = Context.of(run, task_for(run)).strategy()
        (proposal,) = strategy.ask(1)
        strategy.tell(Trial(0, proposal, State.FAILED))
        getattr(strategy, "explain", str)()

    assert SOUND.count(sound) == 1
    for name in ("mine.py", "asha:mine.py:S") if "fine" not in sound else ("mine.py",):
        use(SOUND, name)
        with pytest.raises(BrickworkError, match=re.escape(says)) as caught:
            use(SOUND.replace(sound, wrong), name)
        assert "mine.py" in str(caught.value)


def test_a_search_ends_with_what_is_wrong_with_its_strategy(folder):
    (folder / "mine.py").write_text(SOUND.replace("return [P", "raise KeyError(n)  # [P"))
    words = ("--budget", "20s", "--workers", "1", "--study", "s")
    code, said = brickwork("search", "digits", "--strategy", "mine.py", *words)
    assert code == 1
    assert "mine.py: ask failed in line 9: KeyError: 1" in said
    (folder / "mine.py").write_text(SOUND.replace("[Proposal(self.arch)]", "[]"))
    code, said = brickwork("search", "digits", "--strategy", "mine.py", *words[:-1], "t")
    assert code == 1
    assert "mine.py proposed no network" in said


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return 1 / 0", "the space failed in line 2: ZeroDivisionError"),
        ("return None", "expected a Space, the function gave NoneType"),
        ("raise SpaceError('too small')", "too small"),
    ],
)
def test_what_a_space_does_wrong_is_told_with_its_line(folder, body, says):
    text = f"def tiny(input):\n    {body}\nfrom brickwork.errors import SpaceError\n"
    (folder / "tiny.py").write_text(text)
    with pytest.raises(BrickworkError, match=says):
        make_space("tiny.py", (1, 8, 8))


def test_a_strategy_without_documentation_is_called_by_its_name(folder):
    text = "class S:\n    __init__ = lambda *a: None\n    tell = lambda *a: None\n"
    (folder / "bare.py").write_text(text + "    ask = lambda *a: []\n")
    strategy = make_strategy("bare.py", None, 0)
    assert strategy.explain() == "S of bare.py"
    assert strategy.ask(1) == []


def test_a_name_that_a_file_does_not_have(folder):
    with pytest.raises(BrickworkError, match="no class with ask and tell called 'Walk'; there are"):
        load({}, "strategy", "climb.py:Walk")


def test_settings_are_offered(folder, monkeypatch):
    code = "class S:\n    def __init__(self, problem, seed, low):\n        self.low = low\n"
    (folder / "takes.py").write_text(code + "    ask = tell = None\n")
    assert make_strategy("takes.py", None, 0, low=0.5, other=1).strategy.low == 0.5


def test_a_file_that_changed_is_read_again(folder):
    before = load({}, "strategy", "climb.py")
    (folder / "climb.py").write_text((folder / "climb.py").read_text().replace("Climb", "Other"))
    assert load({}, "strategy", "climb.py").__name__ == "Other" != before.__name__


def test_a_class_may_be_called_as_it_likes(folder):
    text = (folder / "climb.py").read_text()
    (folder / "two.py").write_text(text + "\n\nclass walk(Climb):\n    pass\n")
    strategy_or_raise("two.py:walk")
    strategy_or_raise("asha:two.py:walk")
    with pytest.raises(BrickworkError, match="takes no other strategy"):
        strategy_or_raise("climb.py:evolution")
