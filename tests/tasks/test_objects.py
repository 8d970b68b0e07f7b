"""Data sets of PyTorch and of Hugging Face become arrays; what cannot is one line."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from stand_ins import ClassLabel, DataSet
from torch.utils.data import Dataset, IterableDataset, Subset, TensorDataset

from brickwork.config import Run, task_for
from brickwork.errors import DataError
from brickwork.tasks.objects import as_arrays


class Made(Dataset):
    """Samples that a function makes."""

    def __init__(self, make, count=90):
        self.make, self.count = make, count

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        return self.make(i)


class Stream(IterableDataset):
    def __iter__(self):
        yield from [(torch.zeros(1, 8, 8), 0)]


def picture(i, size=8):
    values = np.random.default_rng(i).integers(0, 255, (size, 8, 3), dtype=np.uint8)
    return Image.fromarray(values)


def task(data, **reading):
    return task_for(Run(data="given", target="cpu", reading=reading), data)


def test_a_data_set_of_pytorch_is_what_its_arrays_are():
    x, y = torch.rand(90, 3, 8, 8), torch.arange(90) % 3
    one, other = task(TensorDataset(x, y)), task((x.numpy(), y.numpy()))
    assert one.splits == other.splits
    assert one.kind == "image-classification"


def test_splits_keep_their_names():
    data = {
        "training": Made(lambda i: (picture(i), i % 2)),
        "test": Made(lambda i: (picture(i), i % 2), 20),
    }
    arrays, _ = as_arrays(data, {})
    assert arrays["x_train"].shape == (90, 8, 8, 3)
    assert arrays["y_test"].tolist() == [0, 1] * 10
    assert task(data).splits["test"].size == 20


@pytest.mark.parametrize(
    ("make", "kind", "input"),
    [
        (lambda i: (picture(i), "ab"[i % 2]), "image-classification", (3, 8, 8)),
        (lambda i: (f"text {i} of {i % 2}", i % 2), "text-classification", None),
        (lambda i: (torch.rand(1, 30 + i % 5), i % 3), "series-classification", (1, 34)),
        (lambda i: (np.float32([i, i % 7]), i / 7), "table-regression", (2,)),
    ],
)
def test_samples_of_every_kind(make, kind, input):
    found = task(Subset(Made(make), range(80)))
    assert found.kind == kind
    assert input in (None, found.input)


def test_pictures_with_classes_that_have_names():
    data = DataSet(
        {"id": list(range(40)), "image": [picture(i) for i in range(40)], "kind": [0, 1] * 20},
        {"kind": ClassLabel(["cat", "dog"])},
    )
    found = task(data)
    assert (found.kind, found.input, found.classes) == (
        "image-classification",
        (3, 8, 8),
        ("cat", "dog"),
    )


def test_sounds_with_their_rate_and_speakers():
    def clip(i):
        return {"array": np.sin(np.arange(800) * (1 + i % 2)).tolist(), "sampling_rate": 8000}

    data = DataSet(
        {
            "audio": [clip(i) for i in range(60)],
            "label": [i % 2 for i in range(60)],
            "speaker": [i // 6 for i in range(60)],
        }
    )
    found = task(data, group="speaker")
    assert found.kind == "sound-classification"
    assert sum(split.size for split in found.splits.values()) == 60
    data.data["audio"][7]["sampling_rate"] = 16000
    with pytest.raises(DataError, match=r"clips have \[8000, 16000\] samples a second"):
        task(data)


def test_other_data_stay_as_they_are():
    for source in (
        "digits",
        ([1], [2]),
        {"x": [1], "y": [1]},
        DataSet({"text": ["a"], "label": [0]}),
    ):
        assert as_arrays(source, {"label": "y"}) == (source, {"label": "y"})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Stream(), "streams cannot be split"),
        (Made(lambda i: (picture(i), 0), 0), "there are no samples"),
        (Made(lambda i: picture(i)), "sample 0 is a Image, expected a pair"),
        (
            Made(lambda i: (picture(i, 8 + i % 2), 0)),
            r"several shapes, such as \(8, 8, 3\) and \(9, 8, 3\)",
        ),
        (Made(lambda i: (np.zeros((2,) * (1 + i % 2)), 0)), "sample 1 is float64 of shape"),
        ({"test": Made(lambda i: (picture(i), 0))}, "one must be 'train'"),
        ({"train": Made(lambda i: (picture(i), 0)), "test": ([], [])}, "the test split is a tuple"),
        (DataSet({"a": [picture(0)], "b": [picture(0)], "label": [0]}), r"samples \(found: a, b\)"),
        (DataSet({"a": [picture(0)], "u": [0], "v": [0]}), r"labels \(found: u, v; --label"),
        (DataSet({"a": [picture(0)], "label": [None]}), "'label' of sample 0 is empty"),
    ],
)
def test_what_cannot_be_used_is_one_line(data, message):
    with pytest.raises(DataError, match=message) as raised:
        task(data)
    assert "\n" not in str(raised.value)


def test_frames_of_pandas():
    pandas = pytest.importorskip("pandas")
    size = [float("nan"), *range(89)]
    colour = pandas.Categorical(["red", "blue", "green"] * 30)
    frame = pandas.DataFrame({"size": size, "colour": colour, "kind": ["a", "b"] * 45})
    one = task(frame, label="kind")
    other = task((frame.drop(columns="kind"), frame["kind"]))
    assert one.kind == "table-classification"
    assert one.splits == other.splits


def test_data_sets_of_hugging_face():
    datasets = pytest.importorskip("datasets")
    pictures = {"image": [picture(i) for i in range(60)], "label": [0, 1] * 30}
    named = datasets.Dataset.from_dict(pictures).cast_column(
        "label", datasets.ClassLabel(names=["cat", "dog"])
    )
    found = task(named.train_test_split(0.2, seed=0))
    assert (found.kind, found.input, found.classes) == (
        "image-classification",
        (3, 8, 8),
        ("cat", "dog"),
    )
    assert found.splits["test"].size == 12
    texts = {"text": [f"text {i} of {i % 2}" for i in range(60)], "label": [0, 1] * 30}
    assert task(datasets.Dataset.from_dict(texts)).kind == "text-classification"
    with pytest.raises(DataError, match="streams cannot be split"):
        task(named.to_iterable_dataset())
