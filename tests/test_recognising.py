"""What data are taken for, and that it is said why."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
