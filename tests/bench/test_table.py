"""Tables of trained networks are read as they are, and what is wrong with one is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from brickwork.bench.setting import Setting, _least
from brickwork.bench.table import Table
from brickwork.errors import BrickworkError, DataError, LimitError, SpaceError, UnknownName
from brickwork.quantity import metric
from brickwork.spaces.cell import string_of
from brickwork.trial import Proposal

CELL = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


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
        ("t.json", '{"01201201": 5}', r"known of '01201201' is an object .*got 5"),
        ("t.json", '{"0": {"a": 1}, "0": {"a": 2}}', "'0' stands there twice"),
        ("t.csv", f"arch,acc\n{CELL},1\n{CELL},2\n", r"1 rows are of networks that have one"),
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


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("index,proxy\nx,1\ny,2\n", r"no row in common with the table: 'x' here, '0' there"),
        ("index,proxy\n3,1\n3,2\n", r"column 'index', where '3' stands several times"),
    ],
)
def test_a_file_that_cannot_be_joined_is_named(
    files: tuple[Path, Path], tmp_path: Path, text: str, why: str
) -> None:
    other = tmp_path / "other.csv"
    other.write_text(text)
    with pytest.raises(DataError, match=why) as caught:
        Table.read(files[0], "nasbench201", other)
    assert str(caught.value).startswith(str(other))


def test_a_table_without_rows_is_named_not_what_is_joined_to_it(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text("index,arch\n")
    with pytest.raises(DataError, match=r"empty\.csv: a table has a row"):
        Table.read(empty, "nasbench201", files[1])


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


def test_it_is_said_how_many_rows_were_left_out_and_why(table: Table) -> None:
    columns = {name: values.copy() for name, values in table.columns.items()}
    columns["test"][:10] = np.nan
    columns["params"][8:12] = 0.0
    holed = Table(table.space, table.archs, columns)
    made = Setting.of(holed, "val_12", "test", ["phone", "params"])
    assert made.left_out == {"no number in 'test'": 10, "'params' is at most 0": 2}  # 5 is one
    columns["phone"] /= 1000
    with pytest.raises(BrickworkError) as caught:
        Setting.of(holed, "val_12", "test", ["phone"])
    assert "10 rows: no number in 'test'; 15,615 rows: 'phone' is at most 0.5 ms" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("column", "least"),
    [
        ("pi_latency_s", 0.0005),
        ("phone", 0.5),
        ("phone_ms", 0.5),
        ("board_us", 500.0),
        ("board_ns", 5e5),
        ("model_mb", 0.0),
        ("weights_kb", 0.0),
        ("params", 0.0),
        ("energy_mj", 0.0),
    ],
)
def test_what_is_an_error_depends_on_the_unit(column: str, least: float) -> None:
    assert _least(column)[0] == pytest.approx(least)


def test_tables_are_joined_by_their_networks(tmp_path: Path) -> None:
    """Whatever else both have, such as the number of a row; one has a mark of a spreadsheet."""
    cells = [
        "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|",
        "|skip_connect~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|",
    ]
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text(f"id,arch,val\n0,{cells[0]},90\n1,{cells[1]},80\n", "utf-8-sig")
    second.write_text(f"id,arch,lat\n0,{cells[1]},2\n1,{cells[0]},1\n")
    read = Table.read(first, "nasbench201", second)
    assert read.column("val").tolist() == [90, 80]
    assert read.column("lat").tolist() == [1, 2]


def test_what_a_joined_file_lacks_is_counted(files: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("index,proxy\n" + "".join(f"{i},{i + 1}\n" for i in range(15_000)))
    table = Table.read(files[0], "nasbench201", files[1], other)
    assert len(table.archs) == 15_000
    made = Setting.of(table, "val_12", "test", ["phone"])
    error = "'phone' is at most 0.5 ms, which is taken for an error"
    assert made.left_out == {"no row in other.csv": 625, error: 1}


def test_a_metric_goes_to_the_column_that_holds_it(table: Table) -> None:
    """Whichever stands first; others stand in for latencies, MACs last, and no text names them."""
    costs = ["pixel", "raspi", "gpu", "macs", "tpu", "npu"]
    same = dict.fromkeys(costs, table.columns["phone"])
    many = Table(table.space, table.archs, {**table.columns, **same})
    made = Setting.of(many, "val_12", "test", costs, ["raspi<=9", "macs<=7"])
    assert made.metrics[0] == "latency_ms"
    assert made.metrics[3] == "macs"
    assert len(set(made.metrics)) == 6
    assert made.limits_as_asked == ["raspi<=9", "macs<=7"]
    sentence = "over latency and " + metric(made.metrics[1]).label + " and MACs"
    assert made.by_column(sentence) == "over pixel and raspi and macs"
    assert Setting.of(table, "val_12", "test").by_column("latency") == "latency"
    with pytest.raises(BrickworkError, match="at most 6 costs"):
        Setting.of(many, "val_12", "test", [*costs, "phone"])


def test_a_training_takes_the_seconds_of_the_table(table: Table) -> None:
    plain = Setting.of(table, "val_12", "test", low={0.25: "val_3"})
    timed = Setting.of(table, "val_12", "test", low={0.25: "val_3"}, time="phone")
    arch = timed.table.archs[700]
    assert plain.seconds(Proposal(arch)) == 1.0
    assert plain.seconds(Proposal(arch, 0.25)) == 0.25
    seconds = table.columns["phone"][700]
    assert timed.seconds(Proposal(arch)) == seconds
    assert timed.estimate(Proposal(arch, 0.25)).seconds == 0.25 * seconds
    few = Setting.of(table.only(np.arange(15_625) < 9), "val_12", "test", time="phone")
    assert few.seconds(Proposal(arch)) == np.median(table.columns["phone"][:9])
    with pytest.raises(UnknownName, match="tablet"):
        Setting.of(table, "val_12", "test", time="tablet")
    holed = Table(table.space, table.archs, {**table.columns, "phone": table.columns["phone"] - 1})
    left_out = Setting.of(holed, "val_12", "test", time="phone").left_out
    assert left_out == {"'phone' is at most 0": 2}


@pytest.mark.parametrize(
    ("column", "name"),
    [
        *((name, "latency_ms") for name in ("macbook", "framework_ms", "program_ms", "raspi4")),
        *((name, "latency_ms") for name in ("ram_s", "memory-us", "edge_gram", "resized", "ms")),
        *((name, "parameters") for name in ("params", "Parameters(M)", "#param", "kparams")),
        *((name, "macs") for name in ("macs", "MAC", "FLOPs", "mflops", "MAdds", "m_flops2")),
        *((name, "energy_mj") for name in ("energy", "board_mJ", "Joules")),
        *((name, "peak_sram_bytes") for name in ("ram", "SRAM", "peak_mem", "ram_size", "memory")),
        *((name, "flash_bytes") for name in ("flash", "model_size", "flash_kB")),
    ],
)
def test_what_a_column_holds_is_told_by_the_words_of_its_name(
    table: Table, column: str, name: str
) -> None:
    named = Table(table.space, table.archs, {**table.columns, column: table.columns["phone"]})
    assert Setting.of(named, "val_12", "test", [column]).metrics == (name,)


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
    assert made.limits_as_asked == ["phone<=4", "params>=0.02"]
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
    with pytest.raises(BrickworkError, match="the cost 'params' is named twice"):
        Setting.of(wide, "val_12", "test", ["params", "device0", "params"])
    with pytest.raises(BrickworkError, match="the feature 'val_3' is named twice"):
        Setting.of(wide, "val_12", "test", features=["val_3", "val_3"])
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
