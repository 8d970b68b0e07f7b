"""What data are taken for, and that it is said why."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from stand_ins import Frame

from brickwork.config import Run, task_for
from brickwork.errors import DataError
from brickwork.recognising import recognised

RNG = np.random.default_rng(0)
TEXTS = [f"the quick brown fox number {i} jumps over it" for i in range(40)]


def table(path: Path, rows: list[list[object]], between: str = ",") -> Path:
    text = "\n".join(between.join(map(str, row)) for row in rows) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def walks(n: int, length: int) -> np.ndarray:
    return RNG.standard_normal((n, length)).cumsum(axis=1)


@pytest.mark.parametrize(
    ("x", "y", "task"),
    [
        (np.zeros((9, 8, 8), np.uint8), np.arange(9) % 2, "image-classification"),
        (np.zeros((9, 3, 8, 8)), np.arange(9) % 2, "image-classification"),
        (np.zeros((9, 32, 32, 3)), np.arange(9) % 2, "image-classification"),
        (np.zeros((9, 16, 16, 16)), np.arange(9) % 2, "volume-classification"),
        (np.zeros((9, 1, 16, 16, 8)), np.arange(9) % 2, "volume-classification"),
        (np.zeros((9, 1, 16, 16)), np.zeros((9, 16, 16), int), "segmentation"),
        (np.zeros((9, 16, 16, 8)), np.zeros((9, 16, 16, 8), int), "segmentation"),
        (np.zeros((9, 8, 16, 3), np.uint8), np.zeros((9, 8, 16), int), "segmentation"),
        (np.zeros((9, 6, 100)), np.arange(9) % 2, "series-classification"),
        (walks(60, 50), np.arange(60) % 2, "series-classification"),
        (walks(60, 50), RNG.standard_normal(60), "series-regression"),
        (RNG.standard_normal((60, 50)), np.arange(60) % 2, "table-classification"),
        (RNG.standard_normal((60, 5)), RNG.standard_normal(60), "table-regression"),
        (np.array(TEXTS), np.arange(40) % 2, "text-classification"),
        (np.array(TEXTS, object), np.arange(40) % 2, "text-classification"),
    ],
)
def test_arrays(x, y, task):
    found = recognised((x, y))
    assert found.task == task
    assert found.why
    assert recognised({"X": x, "y": y}) == found


@pytest.mark.parametrize(
    ("rows", "label", "between", "task"),
    [
        ([["label", "text"], *[["ham", t] for t in TEXTS]], "label", ",", "text-classification"),
        ([["ham", t] for t in TEXTS], "", "\t", "text-classification"),
        ([["age", "job", "pay"], *[[i, "x", "lo"] for i in range(9)]], "pay", ",",
         "table-classification"),
        ([["age", "job", "pay"], *[[i, "x", i / 7] for i in range(9)]], "pay", ",",
         "table-regression"),
        ([["age", "job", "pay"], *[[i, "x", i % 2] for i in range(9)]], "pay", ",",
         "table-classification"),
        ([["age", "note", "pay"], *[[i, "x", 1] for i in range(9)]], "", ",",
         "table-classification"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("suffix", ["csv", "csv.gz"])
def test_tables(tmp_path, rows, label, between, task, suffix):
    path = table(tmp_path / f"data.{suffix}", rows, between)
    assert recognised(path, {"label": label}).task == task


@pytest.mark.parametrize(
    ("names", "task"),
    [
        (["cat/1.png", "dog/2.jpg"], "image-classification"),
        (["train/yes/1.wav", "train/no/2.flac"], "sound-classification"),
        (["sick/1.nii.gz", "well/2.nii"], "volume-classification"),
        (["images/1.nii.gz", "labels/1.nii.gz"], "segmentation"),
        (["imagesTr/1.nii.gz", "labelsTr/1.nii.gz"], "segmentation"),
        (["images/1.png", "masks/1.png"], "segmentation"),
    ],
)
def test_folders(tmp_path, names, task):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert recognised(tmp_path).task == task


def test_embedded_data():
    assert recognised("digits").task == "image-classification"


def test_real_data(shared_data):
    tasks = {
        "images/mnist.npz": "image-classification",
        "images/pneumoniamnist.npz": "image-classification",
        "volumes/hippocampus.npz": "segmentation",
        "audio/fsdd_8k_mulaw.npz": "sound-classification",
        "text/SMSSpamCollection.tsv": "text-classification",
        "text/trec_train_5500.label": "text-classification",
        "series/ucr_ECG5000.npz": "series-classification",
        "series/uea_BasicMotions.npz": "series-classification",
        "tables/adult.data.gz": "table-classification",
    }
    assert {name: recognised(shared_data / name).task for name in tasks} == tasks


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda f: f / "nothing", "no such file or folder"),
        (lambda f: f, "holds no images, sounds or volumes"),
        (lambda f: table(f / "a.csv", []), "is empty"),
        (lambda f: (f / "a.npz").write_bytes(b"x") and f / "a.npz", "not a readable .npz file"),
        (lambda f: (f / "a.docx").write_bytes(b"x") and f / "a.docx", "not a kind of file"),
        (lambda _: 42, "cannot read data from a int"),
    ],
)
def test_what_is_nothing(tmp_path, make, says):
    with pytest.raises(DataError, match=says):
        recognised(make(tmp_path))


def test_an_image_is_enough(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    assert "1 of the first 1 files are images" in recognised(tmp_path).why


def test_rows_of_series(tmp_path):
    rows = [
        ["id", "time", "a", "kind"],
        *[[i // 5, i % 5, i * 0.1, "xy"[i % 2]] for i in range(40)],
    ]
    path = table(tmp_path / "long.csv", rows)
    reading = {"series": "id", "label": "kind"}
    assert recognised(path, reading).task == "series-classification"
    numbers = {"series": "id", "label": "a"}
    assert recognised(path, numbers).task == "series-regression"
    ragged = [np.zeros(4 + i % 3) for i in range(9)]
    assert recognised((ragged, np.arange(9) % 2)).task == "series-classification"
    assert recognised((ragged, np.arange(9) / 2)).task == "series-regression"


def test_volumes_one_after_the_other_are_segmentation() -> None:
    flat = np.zeros(8**3 * 2, np.uint8)
    arrays = {"volumes": flat, "labels": flat, "shapes": np.full((2, 3), 8)}
    assert recognised(arrays).task == "segmentation"


# --- tables with a row for each series ------------------------------------------------------------


def waves(n: int = 60, length: int = 40) -> tuple[np.ndarray, np.ndarray]:
    phase = RNG.uniform(0, 6, (n, 1))
    kind = np.arange(n) % 2
    return np.sin(phase + np.arange(length) / (4 + 4 * kind[:, None])), kind


@pytest.mark.parametrize("head", ["", "label,{}", "{},label", "diagnosis,{}"])
def test_a_row_for_each_series(tmp_path, head):
    """As in the UCR archive, with names or without."""
    x, y = waves()
    if head.startswith("{}"):
        rows = [[f"{v:.4f}" for v in row] + [str(k)] for row, k in zip(x, y, strict=True)]
    else:
        rows = [[str(k)] + [f"{v:.4f}" for v in row] for row, k in zip(x, y, strict=True)]
    names = [head.format(",".join(f"t{i}" for i in range(40)))] if head else []
    path = tmp_path / "waves.csv"
    path.write_text("\n".join([*names, *(",".join(row) for row in rows)]) + "\n")
    found = recognised(path)
    assert found.task == "series-classification"
    assert "a row of" in found.why
    task = task_for(Run.of(data=str(path)))
    assert task.input == (1, 40)
    assert task.outputs == 2
    again = task_for(Run.of(data=str(path), reading={"series": "wide"}))
    assert again.splits["train"].sha256 == task.splits["train"].sha256


def test_amounts_of_series_in_rows(tmp_path):
    x, _ = waves()
    y = RNG.uniform(0, 9, len(x))
    path = tmp_path / "waves.csv"
    names = ["target", *(str(i) for i in range(40))]
    rows = [[f"{v:.4f}" for v in (k, *row)] for row, k in zip(x, y, strict=True)]
    path.write_text("\n".join(",".join(row) for row in [names, *rows]) + "\n")
    assert recognised(path).task == "series-regression"
    assert task_for(Run.of(data=str(path))).kind == "series-regression"


@pytest.mark.parametrize(
    ("names", "make"),
    [
        ([f"age{i}x" for i in range(40)], lambda x: x),  # not numbered
        ([f"p{i}" for i in range(40)], lambda x: np.round(100 * x)),  # whole, as pixels are
        ([f"f{i}" for i in range(40)], RNG.permuted),  # neighbours are not alike
    ],
)
def test_other_numbers_in_rows_are_a_table(tmp_path, names, make):
    x, y = waves()
    x = make(x, axis=1) if make == RNG.permuted else make(x)
    rows = [[f"{v:g}" for v in row] + [f"c{k}"] for row, k in zip(x, y, strict=True)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(",".join(row) for row in [[*names, "label"], *rows]) + "\n")
    assert recognised(path).task == "table-classification"


# --- splits as files ------------------------------------------------------------------------------


def people(path: Path, n: int, shift: int = 0, name: str = "age") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{20 + i + shift},{i % 7},{'ill' if i % 3 else 'well'}" for i in range(n)]
    path.write_text("\n".join([f"{name},visits,label", *rows]) + "\n")


def test_a_folder_of_tables_has_a_file_for_each_split(tmp_path):
    people(tmp_path / "d" / "train.csv", 90)
    people(tmp_path / "d" / "valid.csv", 20, 200)
    people(tmp_path / "d" / "test.csv", 30, 300)
    (tmp_path / "d" / "readme.txt").write_text("what this is\n")
    task = task_for(Run.of(data=str(tmp_path / "d")))
    assert task.kind == "table-classification"
    assert {k: s.size for k, s in task.splits.items()} == {"train": 90, "val": 20, "test": 30}


def test_a_test_file_beside_the_training_file_is_used(tmp_path):
    people(tmp_path / "train.csv", 90)
    people(tmp_path / "test.csv", 30, 300)
    run = Run.of(data=str(tmp_path / "train.csv"))
    task = task_for(run)
    assert task.splits["test"].size == 30
    assert any("the test split is test.csv, which lies beside" in note for note in task.notes)
    people(tmp_path / "other.csv", 12, 500)
    other = task_for(run.model_copy(update={"reading": {"test": str(tmp_path / "other.csv")}}))
    assert other.splits["test"].size == 12
    people(tmp_path / "test.csv", 30, 300, name="height")  # of a contest, or of something else
    without = task_for(run)
    assert without.splits["test"].size == 18
    assert any("test.csv has other columns than train.csv" in note for note in without.notes)


def test_a_folder_of_series_in_rows(tmp_path):
    x, y = waves(80)
    for split, part in (("TRAIN", slice(0, 60)), ("TEST", slice(60, 80))):
        rows = [
            [str(k), *(f"{v:.4f}" for v in row)] for row, k in zip(x[part], y[part], strict=True)
        ]
        (tmp_path / f"{split}.tsv").write_text("\n".join("\t".join(row) for row in rows) + "\n")
    task = task_for(Run.of(data=str(tmp_path)))
    assert task.kind == "series-classification"
    assert task.splits["test"].size == 20


# --- arrays that look like something else ---------------------------------------------------------


@pytest.mark.parametrize("kind", ["i2", "f4"])
def test_clips_with_a_rate_are_sounds(tmp_path, kind):
    x = (RNG.normal(0, 0.1, (24, 4000)) * (9000 if kind == "i2" else 1)).astype(kind)
    np.savez(tmp_path / "clips.npz", x=x, y=np.arange(24) % 2, rate=8000)
    assert recognised(tmp_path / "clips.npz").task == "sound-classification"
    assert task_for(Run.of(data=str(tmp_path / "clips.npz"))).kind == "sound-classification"


def test_whole_numbers_may_be_amounts():
    x = RNG.normal(size=(200, 5))
    assert recognised((x, RNG.integers(0, 5000, 200))).task == "table-regression"
    assert recognised((x, np.arange(200) % 25)).task == "table-classification"


@pytest.mark.parametrize("suffix", ["csv", "parquet", "frame"])
@pytest.mark.parametrize("count", [3000, 60_000])
def test_rows_that_are_sorted_by_the_label(tmp_path, suffix, count):
    columns = {
        "a": [round(v, 3) for v in RNG.uniform(size=count)],
        "age": [i * 55 // count for i in range(count)],
        "sex": [i % 2 for i in range(count)],
    }
    source = Frame(columns) if suffix == "frame" else tmp_path / f"rows.{suffix}"
    if suffix == "parquet":
        pytest.importorskip("polars").DataFrame(columns).write_parquet(source)
    elif suffix == "csv":
        table(source, [list(columns), *zip(*columns.values(), strict=True)])
    assert recognised(source, {"label": "age"}).task == "table-regression"
    assert recognised(source, {"label": "sex"}).task == "table-classification"


def test_a_fraction_or_a_word_below_the_first_rows(tmp_path):
    rows = [["a", "y"], *[[i, i % 3] for i in range(900)]]
    for last, task in (("2.5", "table-regression"), ("x", "table-classification")):
        path = table(tmp_path / "rows.csv", [*rows, [900, last]])
        assert recognised(path).task == task


def test_a_tensor_with_a_gradient_is_read():
    x = torch.rand(60, 1, 8, 8, requires_grad=True)
    task = task_for(Run.of(data="arrays"), (x, torch.arange(60) % 2))
    assert task.input == (1, 8, 8)


def test_folders_of_images_of_any_kind(tmp_path):
    for i in range(24):
        path = tmp_path / ("a" if i % 2 else "b") / f"{i}.{('bmp', 'tif', 'webp', 'gif')[i % 4]}"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(RNG.integers(0, 255, (8, 8)).astype(np.uint8)).save(path)
    assert sum(split.size for split in task_for(Run.of(data=str(tmp_path))).splits.values()) == 24


@pytest.mark.parametrize(
    ("head", "last", "reading", "task"),
    [
        ("a,b,ill,patient", "p{i}", {"group": "patient"}, "table-classification"),
        ("a,b,price,split", "{split}", {}, "table-regression"),
    ],
)
def test_the_label_is_the_one_that_the_loader_takes(tmp_path, head, last, reading, task):
    names = ("train", "val", "test")
    third = (lambda i: i % 2) if "ill" in head else (lambda i: i / 7)
    rows = [
        f"{i / 3:.3f},{i % 5},{third(i)},{last.format(i=i // 3, split=names[i % 3])}"
        for i in range(90)
    ]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    assert recognised(path, reading).task == task
    assert task_for(Run.of(data=str(path), reading=reading)).kind == task


def test_a_label_that_stands_last_makes_no_series(tmp_path):
    """Nothing is named: of series the first column is the label, of a table the last."""
    x, y = waves(length=20)
    rows = [",".join([*(f"{v:.4f}" for v in row), str(k)]) for row, k in zip(x, y, strict=True)]
    path = tmp_path / "plain.csv"
    path.write_text("\n".join(rows) + "\n")
    assert recognised(path).task == "table-classification"


def test_ragged_arrays_of_objects_are_series():
    made = np.empty(40, object)
    for i in range(40):
        made[i] = RNG.normal(size=20 + i % 5)
    assert recognised((made, np.arange(40) % 2)).task == "series-classification"
    with pytest.raises(DataError, match="lists of several lengths: give a list of arrays"):
        recognised(([[1.0, 2.0], [1.0]], [0, 1]))
