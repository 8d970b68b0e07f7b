"""``brickwork bench``: what it prints, writes and refuses; peers behind the same interface."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from brickwork import benching
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
        assert len(one["test"]["20"]["values"]) == 2
        assert one["clock"]["20"]["mean"] == 20
        assert one["lost"]["25"]["mean"] == 0
    assert found["protocol"]["tables"] == ["table.csv.gz", "costs.csv"]
    assert set(found["protocol"]["versions"]) == {"brickwork", "optuna"}
    assert found["protocol"]["metrics"] == ["latency_ms"]
    assert str(files[0].parent) not in out.read_text()
    picture = ElementTree.fromstring(out.with_suffix(".svg").read_text())
    panels = [e for e in picture if e.tag.endswith("svg")]
    assert len(panels) == 2  # the signal, and beside it the test
    for panel in panels:
        assert len([e for e in panel.iter() if "curve" in e.get("class", "")]) == 3


def test_the_clock_is_that_of_workers_and_of_times_in_the_table(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    clocks = {}
    for name, more in (("two", ["--workers", "2"]), ("timed", ["--time", "phone"])):
        out = tmp_path / f"{name}.json"
        end = ["--strategies", "random", "--seeds", "1", "--evals", "10", "--json", str(out), *more]
        done = CliRunner().invoke(app, options(files, *end))
        assert done.exit_code == 0, done.output
        assert "clock" in done.stdout
        found = json.loads(out.read_text())
        clocks[name] = found["strategies"]["random"]["clock"]["10"]["mean"]
    assert clocks["two"] == 5
    assert clocks["timed"] > 10
    assert "'phone'" in found["protocol"]["clock"]


def test_what_a_strategy_says_of_itself_is_kept(files: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    end = ["--strategies", "auto,random", "--seeds", "1", "--evals", "3", "--json", str(out)]
    done = CliRunner().invoke(app, options(files, *end))
    assert done.exit_code == 0, done.output
    found = json.loads(out.read_text())["strategies"]
    assert "predictor" in found["auto"]["explain"]
    assert "explain" not in found["random"]


def test_what_runs_as_something_else_is_said_once(files: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    end = ["--seeds", "1", "--evals", "3", "--json", str(out)]
    names = ["--strategies", "hyperband,asha:nsga2,random"]
    done = CliRunner().invoke(app, options(files, *names, *end))
    line = (
        "without --low nothing is trained in part: hyperband runs as random search, "
        "asha:nsga2 runs as nsga2"
    )
    assert done.stderr.splitlines() == [line]
    assert json.loads(out.read_text())["protocol"]["remarks"] == [line]
    low = CliRunner().invoke(app, options(files, *names, *end, "--low", "0.5=val_3"))
    assert low.stderr == ""
    assert json.loads(out.read_text())["protocol"]["remarks"] == []


def test_rows_that_are_left_out_are_said(files: tuple[Path, Path]) -> None:
    more = ["--cost", "phone", "--strategies", "random", "--seeds", "1", "--evals", "3"]
    done = CliRunner().invoke(app, options(files, *more))
    left_out = "1 of 15,625 rows are left out: 'phone' is at most 0.5 ms"
    assert done.stderr.startswith(left_out)
    assert len(done.stderr.splitlines()) == 1
    done = CliRunner().invoke(app, options(files, *more, "--peers", "optuna-random"))
    assert done.stderr.splitlines() == [
        done.stderr.splitlines()[0],
        "1 of the 15,625 networks of nasbench201 cannot be looked up: what optuna-random ask of "
        "these counts, and is lost",
    ]


def test_limits_are_written_as_they_were_asked(files: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    more = ["--cost", "phone", "--limit", "phone<=9", "--strategies", "auto", "--seeds", "1"]
    done = CliRunner().invoke(app, options(files, *more, "--evals", "3", "--json", str(out)))
    assert done.exit_code == 0, done.output
    found = json.loads(out.read_text())
    assert found["protocol"]["limits"] == ["phone<=9"]
    assert "over phone" in found["strategies"]["auto"]["explain"]


def test_the_result_is_written_as_each_search_ends(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "found.json"
    whole = benching.bench

    def interrupted(*args: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        yield next(whole(*args))
        raise KeyboardInterrupt

    monkeypatch.setattr(benching, "bench", interrupted)
    end = ["--strategies", "random,grid", "--seeds", "1", "--evals", "3", "--json", str(out)]
    done = CliRunner().invoke(app, options(files, *end))
    assert done.exit_code != 0
    found = json.loads(out.read_text())
    assert list(found["strategies"]) == ["random"]
    assert found["protocol"]["searches"] == ["random", "grid"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.json", "found.svg"]


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("out.svg", r"the curves are written there.*out\.json"),
        ("folder", "is a folder"),
        ("folder/x.json", r"x\.svg: is a folder"),
        ("file/out.json", "cannot be written"),
    ],
)
def test_where_nothing_can_be_written_nothing_is_run(
    files: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    why: str,
) -> None:
    (tmp_path / "folder" / "x.svg").mkdir(parents=True)
    (tmp_path / "file").write_text("kept")
    monkeypatch.setattr(benching, "bench", lambda *_: pytest.fail("it ran"))
    done = CliRunner().invoke(app, options(files, "--json", str(tmp_path / place)))
    assert isinstance(done.exception, BrickworkError)
    assert re.search(why, str(done.exception))
    assert (tmp_path / "file").read_text() == "kept"
    assert not (tmp_path / "out.svg").exists()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--strategies", "autos"), "did you mean 'auto'"),
        (("--strategies", " ,"), "name a strategy to run: one of asha, auto,"),
        (("--strategies", "auto,auto"), "auto is asked for twice"),
        (("--peers", "optuna-tpe,optuna-tpe"), "optuna-tpe is asked for twice"),
        (("--cost", "phone,phone"), "the cost 'phone' is named twice"),
        (("--time", "hours"), "hours"),
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


@pytest.mark.parametrize(
    ("column", "limit", "says"),
    [
        ("a=b", "a=b<=9", ""),
        ("a=b", " a=b <= 9 ", ""),
        ("a=b", "a<=9", "is on no cost"),
        ("size_kb", "size_kb<=9kB", "a bound is a plain number"),
        ("size_kb", "size_kb<=9e0", ""),
        ("size_kb", "size_kb<=95%", "a bound is a plain number"),
    ],
)
@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_columns_and_limits_are_read_as_they_are_written(
    tmp_path: Path, column: str, limit: str, says: str, between: str
) -> None:
    cells = [
        f"|{a}~0|+|{b}~0|nor_conv_1x1~1|+|skip_connect~0|{b}~1|{a}~2|"
        for a in ("nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "skip_connect")
        for b in ("nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "skip_connect")
    ]
    rows = [(cell, str(50 + i), str(i + 1)) for i, cell in enumerate(cells)]
    lines = (between.join(row) for row in (("arch", "val", column), *rows))
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    words = ["bench", "--table", str(tmp_path / "table.csv"), "--signal", "val", "--test", "val"]
    words += ["--cost", column, "--limit", limit, "--strategies", "random", "--seeds", "1"]
    done = CliRunner().invoke(app, [*words, "--evals", "3", "--json", str(tmp_path / "out.json")])
    if says:
        assert says in str(done.exception)
    else:
        assert done.exit_code == 0, done.output
        protocol = json.loads((tmp_path / "out.json").read_text())["protocol"]
        assert (protocol["feasible"], protocol["networks"]) == (9, 16)


def test_scores_that_nothing_can_have_are_named(tmp_path: Path) -> None:
    """The good networks of these are the dearest, beyond the end of the axis of the cost."""
    space = "|nor_conv_3x3~0|+|nor_conv_1x1~0|{}~1|+|skip_connect~0|{}~1|{}~2|"
    ops = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    cells = [space.format(a, b, c) for a in ops for b in ops for c in ops][:20]
    rows = [f"{cell},{70 if i > 17 else 10},{i + 1}" for i, cell in enumerate(cells)]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["arch,val,phone", *rows]) + "\n")
    columns = ["--signal", "val", "--test", "val", "--cost", "phone", "--strategies", "random"]
    words = ["bench", "--table", str(table), *columns, "--seeds", "1", "--evals", "3"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "no signal and test: no network is better than the 90th percentile" in done.stderr
