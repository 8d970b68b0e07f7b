"""Series as a task: where they are read from, and what is refused in one line."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stand_ins import DataSet, Frame

from brickwork.config import Run, task_for
from brickwork.errors import DataError
from brickwork.names import make_space
from brickwork.nets import build
from brickwork.recognising import recognised
from brickwork.space import graph
from brickwork.tasks.changing import SeriesChanges, changes_of, described
from brickwork.tasks.samples import load_saved
from brickwork.tasks.series import load_series, load_series_numbers

RNG = np.random.default_rng(0)


def waves(n: int = 30, channels: int = 2, length: int = 24) -> np.ndarray[Any, Any]:
    at = np.arange(length)
    slow = np.sin(at / (3 + np.arange(n)[:, None] % 3))
    return np.stack([slow + 0.1 * RNG.standard_normal((n, length)) for _ in range(channels)], 1)


def classes(n: int = 30) -> np.ndarray[Any, Any]:
    return np.arange(n) % 3


def refusal(source: Any, *parts: str, load: Any = load_series, **settings: Any) -> None:
    """``source`` is refused with one line that holds all ``parts``."""
    with pytest.raises(DataError) as caught:
        load(source, **settings)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message


def together(task: Any) -> np.ndarray[Any, Any]:
    return np.concatenate([task.data[split][0] for split in ("train", "val", "test")])


# --- arrays ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "shape", "said"),
    [
        (waves()[:, 0], (1, 24), ""),
        (waves()[:, 0].astype(np.float16), (1, 24), ""),
        (waves(), (2, 24), "2 channels, the longer axis is time"),
        (waves().transpose(0, 2, 1), (2, 24), "2 channels, given last"),
        (list(waves()), (2, 24), "2 channels"),
        (torch.from_numpy(waves()), (2, 24), "2 channels"),
    ],
)
def test_which_axis_is_time(x, shape, said):
    task = load_series((x, classes()))
    assert task.input == shape
    assert task.data["train"][0].dtype == np.float32
    assert any(said in note for note in task.notes)


def test_several_lengths_end_in_the_mean():
    rows = [row[:, : 12 + i % 10] for i, row in enumerate(waves())]
    for turned in (rows, [row.T for row in rows]):
        task = load_series((turned, classes()))
        assert task.input == (2, 21)
        assert any("12 to 21 steps" in note for note in task.notes)
        assert task.normalize is not None
        ends = together(task)[:, :, -1]
        mean = np.float32(task.normalize.mean)
        assert (ends == mean).all(axis=1).sum() == 27  # all but those that are longest


def test_lengths_beside_the_rows_and_at_the_end_of_values():
    x, ends = waves(), 12 + np.arange(30) % 10
    rows = [row[:, :end] for row, end in zip(x, ends, strict=True)]
    wanted = together(load_series((rows, classes())))
    given = {"x": x, "y": classes(), "len": ends}
    np.testing.assert_array_equal(together(load_series(given)), wanted)
    gone = np.where(np.arange(24) < ends[:, None, None], x, np.nan)
    np.testing.assert_array_equal(together(load_series((gone, classes()))), wanted)


def test_one_very_long_series_is_cut():
    rows = [row[0, :10] for row in waves(100)]
    rows[3] = np.zeros(5000)
    task = load_series((rows, classes(100)))
    assert task.input == (1, 10)


def test_missing_values_lie_between_their_neighbours():
    x = waves()[:, 0]
    x[4, 5], x[4, 0] = np.nan, np.nan
    task = load_series((x, classes()))
    assert any("missing values of 1 series" in note for note in task.notes)
    x = x.astype(np.float32)
    wanted = x[4].copy()
    wanted[5], wanted[0] = (x[4, 4] + x[4, 6]) / 2, x[4, 1]
    assert (np.abs(together(task)[:, 0] - wanted).max(axis=1) < 1e-6).any()


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        (np.where(np.arange(24) % 3 == 1, np.nan, waves()), classes(), "series 0: 8 of 24 values"),
        (np.where(np.arange(24) == 5, np.inf, waves()), classes(), "series 0: value 5 is infinite"),
        (np.full((30, 24), np.nan), classes(), "series 0 holds no values"),
        (np.zeros((30, 24)), classes(), "the same"),
        (waves()[:, 0], np.zeros(30, int), "all training labels are '0'"),
        (waves()[:, 0], classes(29), "30 samples but 29 labels"),
        (waves()[:, 0, :1], classes(), "longest series has 1 steps"),
        (waves()[:, 0, :3], classes(), "longest series has 3 steps"),
        (waves(length=2), classes(), "longest series has 2 steps"),
        ([[0.0, 1.0], []], [0, 1], "series 1 holds no values"),
        ([np.zeros((2, 5)), np.zeros((3, 6))], [0, 1], "different numbers of channels"),
        ([np.zeros((2, 5)), np.zeros(6)], [0, 1], "some series have several channels"),
        ([["a", "b"]], [0], "numbers"),
        (np.array([["a", "b"]]), [0], "numbers"),
        (np.zeros((3, 4, 5, 6)), classes(3), "(n, channels, length)"),
        (np.zeros((0, 5)), classes(0), "no series"),
    ],
)
def test_arrays_that_do_not_fit(x, y, says):
    refusal((x, y), says)


def test_short_series_among_longer_ones():
    rows = [row[0, : 1 + 23 * (i > 2)] for i, row in enumerate(waves())]
    assert load_series((rows, classes())).input == (1, 24)


def test_other_things_that_do_not_fit(tmp_path):
    given = {"x": waves(), "y": classes()}
    refusal({**given, "len": np.full(29, 5)}, "lengths have the shape (29,)")
    refusal({**given, "len": np.full(30, 25)}, "length of series 0 is 25")
    refusal({**given, "len": np.full(30, 5.5)}, "lengths")
    refusal(given, "leave it out for arrays", label="y")
    refusal(given, "leave it out for arrays", series="id")
    refusal(given, "nothing is called 'who'", group="who")
    other = {"x_train": waves(), "y_train": classes(), "y_test": classes()}
    refusal({**other, "x_test": waves(channels=3)}, "different numbers of channels")
    refusal(3, "cannot read series from a int")
    refusal((1, 2, 3), "pair")
    refusal(tmp_path, ".npz")
    refusal(tmp_path / "none.npz", "no such file")
    (tmp_path / "a.npz").write_bytes(b"no zip")
    refusal(tmp_path / "a.npz", "not a readable .npz")


def test_groups_and_a_rule():
    given = {"x": waves(), "y": classes(), "who": np.arange(30) // 3, "day": np.arange(30)}
    task = load_series(given, group="who")
    assert any("each group in one split" in note for note in task.notes)
    assert load_series(given, test="day>=24").splits["test"].size == 6


def test_saved_and_read_again(tmp_path):
    task = load_series((waves(), classes()))
    task.save(tmp_path / "saved")
    again = load_saved(tmp_path / "saved")
    assert (again.files, again.changes, again.normalize) == (
        task.files,
        task.changes,
        task.normalize,
    )


# --- tables ---------------------------------------------------------------------------------------


def text(path: Path, rows: list[list[Any]], between: str = ",") -> Path:
    lines = "\n".join(between.join(map(str, row)) for row in rows) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(lines.encode()))
    else:
        path.write_text(lines)
    return path


def wide(n: int = 30) -> list[list[Any]]:
    return [[label, *np.round(row[0], 4)] for label, row in zip(classes(n), waves(n), strict=True)]


def test_the_ucr_archives_own_form(tmp_path):
    text(tmp_path / "Waves_TRAIN.tsv", wide(), "\t")
    text(tmp_path / "Waves_TEST.tsv", wide(12), "\t")
    task = load_series(tmp_path / "Waves_TRAIN.tsv")
    assert task.input == (1, 24)
    assert task.splits["test"].size == 12
    assert task.classes == ("0", "1", "2")


@pytest.mark.parametrize(("suffix", "between"), [("csv", ","), ("txt", "  "), ("csv.gz", ";")])
def test_wide_tables_with_and_without_names(tmp_path, suffix, between):
    rows = wide()
    plain = load_series(text(tmp_path / f"a.{suffix}", rows, between))
    head = ["kind", *[f"t{i}" for i in range(24)]]
    named = load_series(text(tmp_path / f"b.{suffix}", [head, *rows], between), label="kind")
    moved = [[*row[1:], row[0]] for row in [head, *rows]]
    last = load_series(text(tmp_path / f"c.{suffix}", moved, between), label="kind")
    for other in (named, last):
        np.testing.assert_array_equal(together(other), together(plain))


def test_wide_tables_with_gaps_and_patients(tmp_path):
    rows = [[*row, f"p{i // 3}"] for i, row in enumerate(wide())]
    rows[2][9] = ""
    rows[3][5:] = [*rows[3][5:20], "", "", "", "", "", rows[3][-1]]
    head = ["class", *[f"t{i}" for i in range(24)], "patient"]
    task = load_series(text(tmp_path / "a.csv", [head, *rows]), group="patient")
    assert task.input == (1, 24)
    assert any("each group in one split" in note for note in task.notes)
    assert any("missing values of 1 series" in note for note in task.notes)
    assert any("19 to 24 steps" in note for note in task.notes)


def long(n: int = 30) -> list[list[Any]]:
    rows: list[list[Any]] = [["recording", "time", "a", "b", "state"]]
    for number, (label, row) in enumerate(zip(classes(n), waves(n), strict=True)):
        for step in range(10 + number % 5):
            rows.append([f"r{number}", step, *np.round(row[:, step], 4), "xyz"[label]])
    return rows


def test_long_tables(tmp_path):
    rows = long()
    task = load_series(text(tmp_path / "a.csv", rows), label="state", series="recording")
    assert task.input == (2, 14)
    assert task.classes == ("x", "y", "z")
    assert any("channels are a, b" in note for note in task.notes)
    order = np.random.default_rng(1).permutation(len(rows) - 1) + 1
    mixed = [rows[0], *[rows[i] for i in order]]
    other = load_series(text(tmp_path / "b.csv", mixed), label="state", series="recording")
    starts = [{row[:, :10].tobytes() for row in together(one)} for one in (task, other)]
    assert starts[0] == starts[1]  # the splits differ, and with them the mean that is put behind


def columns(rows: list[list[Any]]) -> dict[str, list[Any]]:
    return {str(row[0]): list(row[1:]) for row in zip(*rows, strict=True)}


@pytest.mark.parametrize("form", ["parquet", "polars", "pandas", "frame", "data set", "splits"])
def test_tables_that_are_no_text(tmp_path, form):
    """Parquet, data frames and data sets hold what a text does: in long form and in wide form."""
    head = ["kind", *map(str, range(24))]  # names that look like numbers are names here
    for rows, said in (
        (long(), {"label": "state", "series": "recording"}),
        ([head, *wide()], {"label": "kind"}),
    ):
        expected = load_series(text(tmp_path / "a.csv", rows), **said)
        if form in ("parquet", "polars"):
            frame = pytest.importorskip("polars").DataFrame(columns(rows))
            frame.write_parquet(tmp_path / "a.parquet")
            source = tmp_path / "a.parquet" if form == "parquet" else frame
        elif form == "pandas":
            source = pytest.importorskip("pandas").DataFrame(columns(rows))
        else:
            source = DataSet(columns(rows)) if form == "data set" else Frame(columns(rows))
            source = {"training": source, "test": source} if form == "splits" else source
        task = load_series(source, **said)
        assert (task.classes, task.input) == (expected.classes, expected.input)
        if form != "splits":
            np.testing.assert_array_equal(together(task), together(expected))
        else:
            assert task.splits["test"].size == 30
        if "series" in said:
            assert recognised(source, said).task == "series-classification"


def test_a_split_is_not_given_twice(tmp_path):
    file = text(tmp_path / "a.csv", long())
    splits = {"train": Frame(columns(long())), "test": Frame(columns(long()))}
    refusal(splits, "leave --test out", label="state", series="recording", test=str(file))
    refusal(Frame(columns(long())), "no column 'id'", label="state", series="id")
    broken = columns(long())
    broken["a"][3] = "loud"
    refusal(Frame(broken), "row 4", "'loud'", label="state", series="recording")


@pytest.mark.parametrize("form", ["wide", "long"])
def test_a_column_that_looks_like_a_patient_is_pointed_out(form, tmp_path):
    """Of numbers, so that it would be learned from as a value or a channel."""
    if form == "wide":
        head = ["class", *[f"t{i}" for i in range(24)], "patient"]
        rows = [head, *([*row, i // 3] for i, row in enumerate(wide()))]
        settings = {}
    else:
        table = long()
        rows = [[*table[0], "patient"], *([*row, int(row[0][1:]) // 3] for row in table[1:])]
        settings = {"label": "state", "series": "recording"}
    path = text(tmp_path / "a.csv", rows)
    (hint,) = [note for note in load_series(path, **settings).notes if note.startswith("hint:")]
    assert "'patient' looks like a group (10 values in 30 series)" in hint
    task = load_series(path, **settings, group="patient")
    assert not any(note.startswith("hint:") for note in task.notes)
    rows = [rows[0], *([*row[:-1], f"p{row[-1]}"] for row in rows[1:])]
    named = ("column 'patient'", "'p0' is no number", "--group patient")
    refusal(text(tmp_path / "b.csv", rows), *named, **settings)


@pytest.mark.parametrize(
    ("times", "known"),
    [
        ([8, 9, 10, 11, 12], True),
        (["1e1", "2e1", "1e2", "2e2", "1e3"], True),
        (["2024-01-31", "2024-02-01", "2024-02-02", "2024-11-03", "2024-12-01"], True),
        ([f"2024-01-02 {hour:02}:30:00" for hour in range(8, 13)], True),
        (["08:30", "09:30", "10:30", "11:30", "12:30"], True),
        (["1/2/2024 8:00", "1/2/2024 9:00", *(f"1/2/2024 {h}:00" for h in (10, 11, 12))], False),
        (["30/01/2024", "31/01/2024", "01/02/2024", "02/02/2024", "03/02/2024"], False),
        (["8ms", "9ms", "10ms", "11ms", "12ms"], False),
    ],
)
def test_times_put_rows_in_order_or_leave_them(times, known, tmp_path):
    """Of times that are not understood the order of rows is kept, and that is said."""
    rows: list[list[Any]] = [["id", "time", "v", "label"]]
    for series in range(30):
        steps = list(range(5))
        if known and series % 2:
            steps.reverse()
        rows += [[series, times[i], 10 * series + i, "ab"[series % 2]] for i in steps]
    task = load_series(text(tmp_path / "a.csv", rows), series="id", label="label")
    assert (np.diff(together(task)[..., :5]) == 1).all()
    assert any("rows are taken in their order" in note for note in task.notes) != known


def test_a_time_that_is_missing_is_named(tmp_path):
    rows = long()
    rows[7][1] = ""
    says = ("row 8", "has no 'time'")
    refusal(text(tmp_path / "a.csv", rows), *says, label="state", series="recording")


def test_labels_of_tables_are_what_they_are_called(tmp_path):
    rows = wide()
    for row, name in zip(rows, ["007", "7", "08"] * len(rows), strict=False):
        row[0] = name
    assert load_series(text(tmp_path / "a.csv", rows)).classes == ("007", "08", "7")
    rows[4][0] = ""
    says = ("1 of", "series have no label", "series 5")
    refusal(text(tmp_path / "b.csv", rows), *says)
    refusal(text(tmp_path / "c.csv", rows), *says, load=load_series_numbers)


def test_other_splits_lie_beside_a_training_table(tmp_path):
    text(tmp_path / "train.csv", wide())
    text(tmp_path / "test.csv", wide(12))
    assert load_series(tmp_path / "train.csv").splits["test"].size == 12
    text(tmp_path / "test.csv", [["what", "is", "this"]] * 3)
    task = load_series(tmp_path / "train.csv")
    assert any(note.startswith("test.csv is not used: ") for note in task.notes)


def test_long_tables_that_do_not_fit(tmp_path):
    rows = long()
    file = text(tmp_path / "a.csv", rows)
    refusal(file, "no column 'id'", "recording", label="state", series="id")
    refusal(file, "--label", series="recording")
    refusal(file, "no column 'states'", label="states", series="recording")
    torn = [*rows[:4], rows[4][:3], *rows[5:]]
    short = text(tmp_path / "b.csv", torn)
    refusal(short, "row 5: 3 cells", label="state", series="recording")
    two = [*rows[:4], [*rows[4][:4], "q"], *rows[5:]]
    file = text(tmp_path / "c.csv", two)
    refusal(file, "series 'r0' has several values in 'state'", label="state", series="recording")
    words = [*rows[:4], [*rows[4][:2], "loud", *rows[4][3:]], *rows[5:]]
    file = text(tmp_path / "d.csv", words)
    refusal(file, "row 5", "'loud'", label="state", series="recording")


def test_tables_that_do_not_fit(tmp_path):
    refusal(text(tmp_path / "a.csv", []), "a.csv: is empty")
    refusal(text(tmp_path / "b.csv", wide()), "names no columns", label="kind")
    words = wide()
    words[3][4] = "loud"
    refusal(text(tmp_path / "c.csv", words), "row 4", "'loud'")
    refusal(text(tmp_path / "d.csv", wide()), "--test must be a file", test="a<5")
    task = load_series(tmp_path / "d.csv", test=str(tmp_path / "b.csv"))
    assert task.splits["test"].size == 30
    (tmp_path / "e.csv.gz").write_bytes(b"no gzip")
    refusal(tmp_path / "e.csv.gz", "cannot be read")
    run = Run.of(data=str(tmp_path / "b.csv"), task="series-classification")
    assert task_for(run).input == (1, 24)
    with pytest.raises(DataError, match="takes no --front-end"):
        task_for(run.model_copy(update={"reading": {"front_end": "mels=20"}}))


# --- regression -----------------------------------------------------------------------------------


@pytest.mark.parametrize("outputs", [1, 2])
def test_numbers_are_told(outputs, tmp_path):
    y = RNG.standard_normal((30, outputs))
    task = load_series_numbers((waves(), y[:, 0] if outputs == 1 else y))
    assert task.outputs == outputs
    assert task.quality == "r2"
    assert task.data["train"][1].shape == (18, outputs)
    assert task.data["train"][1].dtype == np.float32
    rows = [[f"{a:.4f}", *row[1:]] for a, row in zip(y[:, 0], wide(), strict=True)]
    assert load_series_numbers(text(tmp_path / "a.csv", rows)).outputs == 1


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (np.array(["a"] * 30), "numbers are to be told"),
        (np.zeros(29), "30 series but labels of the shape (29,)"),
        (np.zeros(30), "the same"),
        (np.where(np.arange(30) == 7, np.nan, 1.0), "label 7 is NaN"),
    ],
)
def test_numbers_that_do_not_fit(y, says):
    refusal((waves(), y), says, load=load_series_numbers)


# --- training -------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [4, 9, 24, 300])
@pytest.mark.parametrize("load", [load_series, load_series_numbers])
def test_a_batch_through_the_usual_space(load, length):
    task = load((waves(length=length), classes()))
    space = make_space("series", task.input, task.facts)
    x, y = task.arrays("train")
    for arch in space.extremes():
        net = build(graph(space, arch, task.input, task.outputs, task.normalize))
        batch, labels = torch.from_numpy(x[:8]).float(), torch.from_numpy(y[:8])
        changed, labels = task.augment(batch, labels, 0.5, torch.Generator())
        loss = task.loss(net(changed), labels, 0.05)
        loss.backward()
        assert torch.isfinite(loss)


def test_changes_keep_what_they_are_given():
    changes = SeriesChanges((0.0, 1.0), (1.0, 2.0))
    assert changes_of(described(changes)) == changes
    x, y = torch.from_numpy(waves()).float(), torch.arange(30)
    same, _ = changes(x, y, 0.0, torch.Generator())
    assert torch.equal(same, x)
    once, labels = changes(x, y, 0.5, torch.Generator().manual_seed(1))
    again, _ = changes(x, y, 0.5, torch.Generator().manual_seed(1))
    assert torch.equal(once, again)
    assert torch.equal(labels, y)
    assert once.shape == x.shape
    assert 0.05 < (once - x).abs().mean() < 1.0


# --- what goes with a model -----------------------------------------------------------------------


@pytest.mark.parametrize("length", [4, 24])
def test_files_alone_do_the_same(tmp_path, length):
    rows = [row[:, : length - i % 2] for i, row in enumerate(waves(length=length))]
    task = load_series((rows, classes()))
    for name, content in task.files.items():
        (tmp_path / name).write_text(content)
    assert "brickwork" not in task.files["prepare.py"].lower()
    spec = importlib.util.spec_from_file_location("series_alone", tmp_path / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    alone = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(alone)
    assert alone.golden_vectors_hold()
    made = {bytes(alone.prepare(row)) for row in rows}
    assert made == set(map(bytes, together(task)))
    ended = np.pad(rows[1], [(0, 0), (0, 40)], constant_values=np.nan)
    assert np.array_equal(alone.prepare(ended), alone.prepare(rows[1]))
    with pytest.raises(ValueError, match="holds no values"):
        alone.prepare(np.full((len(rows[0]), 9), np.nan))
    with pytest.raises(ValueError, match="expected"):
        alone.prepare(np.zeros((3, 5)))


def test_the_archives(shared_data):
    task = load_series(shared_data / "series" / "ucr_ECG5000.npz")
    assert task.input == (1, 140)
    assert (task.splits["test"].size, task.quality) == (4500, "balanced_accuracy")
    task = load_series(shared_data / "series" / "uea_BasicMotions.npz")
    assert task.input == (6, 100)
