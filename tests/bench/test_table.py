"""Tables of trained networks are read as they are, and what is wrong with one is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from brickwork.bench.setting import Setting
from brickwork.bench.table import Table
from brickwork.errors import BrickworkError, DataError, LimitError, SpaceError, UnknownName
from brickwork.spaces.cell import string_of
from brickwork.trial import Proposal


def test_a_table_has_a_row_for_each_network_and_joined_columns(files: tuple[Path, Path]) -> None:
    alone = Table.read(files[0], "nasbench201")
    joined = Table.read(files[0], "nasbench201", files[1])
    assert set(alone.columns) == {"index", "val_12", "val_3", "test"}
    assert set(joined.columns) == {*alone.columns, "phone", "params"}
    assert joined.archs == alone.archs
    assert len({arch.id for arch in joined.archs}) == 15_625
    assert string_of(joined.archs[1]).endswith("none~1|skip_connect~2|")
    assert joined.columns["phone"][1] == 1.5


def test_several_files_are_joined_one_after_the_other(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    few = tmp_path / "few.csv"
    few.write_text("index,proxy\n7,0.5\n3,\n900,2\n")
    found = Table.read(files[0], "nasbench201", files[1], few)
    assert set(found.columns) == {"index", "val_12", "val_3", "test", "phone", "params", "proxy"}
    assert found.columns["index"].tolist() == [3, 7, 900]
    assert np.isnan(found.columns["proxy"][0])
    few.write_text("index,proxy\n")
    with pytest.raises(DataError, match="no column in common"):
        Table.read(files[0], "nasbench201", few, files[1])


def test_the_networks_of_nas_bench_macro_are_digits(tmp_path: Path) -> None:
    facts = {"test_acc": [90.0, 91.0], "mean_acc": 90.5, "params": 1000, "note": "x"}
    path = tmp_path / "macro.json"
    path.write_text(json.dumps({"01201201": facts, "22222222": {**facts, "params": 5}}))
    found = Table.read(path, "nasbenchmacro")
    assert set(found.columns) == {"test_acc_0", "test_acc_1", "mean_acc", "params"}
    assert [option for _, option in found.archs[0].choices] == list("01201201")
    assert found.column("params").tolist() == [1000, 5]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("no.csv", None, "cannot be read as a table"),
        ("t.csv.gz", "not compressed", "cannot be read as a table"),
        ("t.csv", "", "a column 'arch'"),
        ("t.csv", "name,acc\nx,1\n", "a column 'arch'"),
        ("t.csv", "arch,acc\n|conv~0|,1\n", "a cell of NAS-Bench-201 is"),
        ("t.json", "[1, 2]", "networks as keys"),
        ("t.json", "{", "cannot be read as a table"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, text: str | None, why: str) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=why) as caught:
        Table.read(path, "nasbench201")
    assert name in str(caught.value)


def test_what_has_no_table_or_column_is_refused(
    table: Table, files: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(UnknownName, match="mobile"):
        Table.read(files[0], "mobile")
    with pytest.raises(UnknownName, match=r"did you mean.*val_12|val_12"):
        Setting.of(table, "val12", "test")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UnknownName, match=r"did you mean.*val_3|val_3"):
        Setting.of(table, "val_12", "test", features=["val3"])
    with pytest.raises(DataError, match="no column in common"):
        Table.read(files[0], "nasbench201", tmp_path / "other.csv")


def test_rows_without_a_number_and_impossible_latencies_are_left_out(table: Table) -> None:
    whole = Setting.of(table, "val_12", "test")
    timed = Setting.of(table, "val_12", "test", ["phone"])
    sized = Setting.of(table, "val_12", "test", ["params"])
    assert len(whole.table.archs) == len(sized.table.archs) == 15_625  # 0.01 is no latency
    assert len(timed.table.archs) == 15_624
    assert table.archs[5].id not in timed.row
    holed = Table(table.space, table.archs, {**table.columns, "test": table.columns["test"].copy()})
    holed.columns["test"][:10] = np.nan
    assert len(Setting.of(holed, "val_12", "test").table.archs) == 15_615
    holed.columns["test"][:] = np.nan
    with pytest.raises(BrickworkError, match="no row with a number"):
        Setting.of(holed, "val_12", "test")


def test_costs_are_known_beforehand_and_scores_are_not(setting: Setting, table: Table) -> None:
    arch = setting.table.archs[7]
    assert {name: q.value for name, q in setting.known(arch).items()} == {
        "latency_ms": setting.table.columns["phone"][7]
    }
    score = setting.estimate(Proposal(arch)).metrics["accuracy"]
    assert score.value == pytest.approx(setting.table.columns["val_12"][7] / 100)
    short = setting.estimate(Proposal(arch, 0.25))
    assert short.metrics["accuracy"].value == pytest.approx(setting.table.columns["val_3"][7] / 100)
    assert short.seconds == 0.25
    with pytest.raises(SpaceError, match="no row"):
        setting.known(table.archs[5])


def test_limits_are_on_the_columns_of_costs(table: Table) -> None:
    made = Setting.of(table, "val_12", "test", ["phone", "params"], ["phone<=4", "params >= 0.02"])
    assert [limit.text for limit in made.limits] == ["latency_ms<=4", "parameters>=0.02"]
    columns = made.table.columns
    wanted = (columns["phone"] <= 4) & (columns["params"] >= 0.02)
    assert 0 < wanted.sum() < len(wanted)
    assert (made.feasible == wanted).all()
    with pytest.raises(LimitError, match="on no cost"):
        Setting.of(table, "val_12", "test", ["phone"], ["params<=4"])


def test_no_two_costs_go_by_one_name(table: Table) -> None:
    extra = {f"device{i}": table.columns["phone"] for i in range(6)}
    wide = Table(table.space, table.archs, {**table.columns, **extra})
    made = Setting.of(wide, "val_12", "test", ["device0", "device1", "params"])
    assert made.metrics[0] == "latency_ms"
    assert len(set(made.metrics)) == 3
    with pytest.raises(BrickworkError, match="at most 6 costs"):
        Setting.of(wide, "val_12", "test", [*extra, "params"])


def test_features_are_known_beforehand_as_ranks_and_are_not_wanted(table: Table) -> None:
    shown = table.columns["val_3"].copy()
    shown[::2] = np.nan
    with_holes = Table(table.space, table.archs, {**table.columns, "proxy": shown})
    made = Setting.of(with_holes, "val_12", "test", ["phone"], features=["proxy"])
    assert len(made.table.archs) == 15_624  # nothing is left out for want of a feature
    problem = made.problem
    assert [objective.metric for objective in problem.objectives] == ["accuracy", "latency_ms"]
    assert set(made.known(made.table.archs[7])) == {"latency_ms"}
    score = problem.scores["proxy"]
    values = made.table.columns["proxy"]
    parts = np.array([score(arch) for arch in made.table.archs])
    there = np.isfinite(values)
    assert np.isnan(parts[~there]).all()
    assert 0 < parts[there].min() < 0.001
    assert 0.999 < parts[there].max() < 1
    assert (np.diff(parts[there][np.argsort(values[there])]) >= 0).all()
    assert np.isnan(score(table.archs[5]))  # it is left out: its latency is impossible


@pytest.mark.parametrize("column", ["val_12", "test", "val_3", "phone"])
def test_what_is_searched_for_is_no_feature(table: Table, column: str) -> None:
    with pytest.raises(BrickworkError, match=f"feature {column!r} is a cost or an accuracy"):
        Setting.of(table, "val_12", "test", ["phone"], low={0.25: "val_3"}, features=[column])


def test_a_feature_without_a_number_in_the_rows_is_refused(table: Table) -> None:
    alone = np.full(len(table.archs), np.nan)
    alone[5] = 1.0  # of the one row that is left out
    one = Table(table.space, table.archs, {**table.columns, "proxy": alone})
    with pytest.raises(BrickworkError, match="no number in a row that is used"):
        Setting.of(one, "val_12", "test", ["phone"], features=["proxy"])
