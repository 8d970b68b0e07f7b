"""``brickwork bench``: what it prints, writes and refuses; peers behind the same interface."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from brickwork.bench.harness import run
from brickwork.bench.peers import PEERS, peer
from brickwork.bench.setting import Setting
from brickwork.bench.table import Table
from brickwork.cli import app
from brickwork.errors import BrickworkError


def options(files: tuple[Path, Path], *more: str) -> list[str]:
    table, costs = map(str, files)
    columns = ["--signal", "val_12,val_12", "--test", "test"]
    return ["bench", "--table", table, "--join", costs, *columns, *more]


def test_it_prints_and_writes_the_protocol(files: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "new" / "found.json"
    settings = ["--cost", "phone", "--strategies", "random,evolution", "--peers", "optuna-tpe"]
    settings += ["--features", "params"]
    end = ["--seeds", "2", "--evals", "25", "--json", str(out)]
    done = CliRunner().invoke(app, options(files, *settings, *end))
    assert done.exit_code == 0, done.output
    assert "optuna-tpe" in done.output
    found = json.loads(out.read_text())
    assert found["protocol"]["networks"] == 15_624
    assert found["protocol"]["costs"] == ["phone"]
    assert found["protocol"]["features"] == ["params"]
    assert found["protocol"]["further_seeds"] == ["val_12"]
    assert list(found["strategies"]) == ["random", "evolution", "optuna-tpe"]
    for one in found["strategies"].values():
        assert set(one["signal"]) == set(one["test"]) == set(one["best_test"]) == {"10", "20", "25"}
        assert 0 < one["signal"]["10"]["mean"] <= one["signal"]["25"]["mean"] <= 1
        assert one["cpu_s"] > 0
    picture = ElementTree.fromstring(out.with_suffix(".svg").read_text())
    assert len([e for e in picture.iter() if "curve" in e.get("class", "")]) == 3


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--strategies", "autos"), "did you mean 'auto'"),
        (("--strategies", "sandwich"), "trains networks of its own"),
        (("--peers", "optuna-tpa"), "optuna-tpe"),
        (("--strategies", "optuna-tpe", "--peers", "optuna-tpe"), "name it once"),
        (("--cost", "tablet"), "tablet"),
        (("--features", "naswot"), "naswot"),
        (("--features", "params,test"), "'test' is a cost or an accuracy"),
        (("--cost", "phone", "--limit", "phone=3"), "cannot read the limit"),
        (("--cost", "phone", "--limit", "phone<=0.6"), "no network of the table keeps the limits"),
        (("--low", "half=val_3"), "PART=COLUMN"),
        (("--low", "2=val_3"), "between 0 and 1"),
    ],
)
def test_what_cannot_be_run_is_one_line(
    files: tuple[Path, Path], more: tuple[str, ...], why: str
) -> None:
    done = CliRunner().invoke(app, options(files, "--seeds", "1", "--evals", "5", *more))
    assert isinstance(done.exception, BrickworkError)
    assert why in str(done.exception)


@pytest.mark.parametrize("limits", [(), ("phone<=6",)])
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if "gp" in n or "syne" in n else ()) for n in PEERS],
)
def test_a_peer_answers_like_a_strategy(table: Table, name: str, limits: tuple[str, ...]) -> None:
    made = Setting.of(table, "val_12", "test", ["phone"], limits)
    told = run(peer(name, made.problem, 0), made, 25, workers=2)
    assert len(told) == 25
    assert told == run(peer(name, made.problem, 0), made, 25, workers=2)
    assert len({one.row for one in told}) > 5


def test_a_peer_that_is_missing_is_named(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "syne_tune.config_space", None)
    with pytest.raises(BrickworkError, match=r"syne-mo-rea needs .*brickwork\[bench\]"):
        peer("syne-mo-rea", setting.problem, 0)
