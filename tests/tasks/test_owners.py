"""Patients and speakers of files, told by their names or folders; of arrays, by an array."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brickwork.errors import DataError
from brickwork.tasks.image import load_images
from brickwork.tasks.segmentation import load_masks
from brickwork.tasks.sound import load_sounds
from brickwork.tasks.volume import load_volumes

RNG = np.random.default_rng(0)


def picture(path: Path, value: int) -> None:
    """An image whose first pixel tells which it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 255, (8, 8)).astype(np.uint8)
    pixels[0, 0] = value
    Image.fromarray(pixels).save(path)


def whose(task, names: dict[int, str]) -> dict[str, set[str]]:
    """The patients of each split, told by the first pixel."""
    return {
        split: {names[int(image.ravel()[0])] for image in x} for split, (x, _) in task.data.items()
    }


def assert_apart(found: dict[str, set[str]]) -> None:
    assert not found["train"] & found["val"]
    assert not found["train"] & found["test"]
    assert not found["val"] & found["test"]


@pytest.mark.parametrize("group", [r"patient\d+", r"(patient\d+)_scan"])
def test_names_of_images_tell_the_patient(tmp_path, group):
    names = {}
    for i in range(60):
        names[i] = f"patient{i // 3}"
        picture(tmp_path / ("ill" if i % 2 else "well") / f"patient{i // 3}_scan{i}.png", i)
    task = load_images(tmp_path, group=group)
    assert_apart(whose(task, names))
    assert any("there are 20, such as 'patient0'" in note for note in task.notes)
    parted = load_images(tmp_path)  # without, some patient is in two splits
    with pytest.raises(AssertionError):
        assert_apart(whose(parted, names))


def test_files_without_a_patient_stand_alone(tmp_path):
    for i in range(40):
        name = f"p{i % 10}_{i}.png" if i < 30 else f"other{i}.png"
        picture(tmp_path / ("ill" if i % 2 else "well") / name, i)
    task = load_images(tmp_path, group=r"p\d+")
    assert any("10 files have none, each stands alone" in note for note in task.notes)


def test_folders_of_images_tell_the_patient(tmp_path):
    names = {}
    for i in range(60):
        names[i] = f"{i // 3}"
        picture(tmp_path / ("ill" if i % 2 else "well") / f"{i // 3}" / f"{i}.png", i)
    assert_apart(whose(load_images(tmp_path, group="patient"), names))


def test_patients_in_two_splits_are_a_leak(tmp_path):
    for i in range(40):
        where = tmp_path / ("train" if i < 30 else "test") / ("ill" if i % 2 else "well")
        picture(where / f"patient{i % 12}_{i}.png", i)
    task = load_images(tmp_path, group=r"patient\d+")
    assert any(n.startswith("leak: ") and "groups are in train and in test" in n
               for n in task.notes)  # fmt: skip


@pytest.mark.parametrize(
    ("group", "says"),
    [
        ("subject", r"no file has 'subject' in the name: give a pattern"),
        ("scan", r"all files that have 'scan' in the name have the same"),
        ("(", r"--group '\(' is no regular expression"),
    ],
)
def test_what_tells_nothing(tmp_path, group, says):
    for i in range(12):
        picture(tmp_path / ("ill" if i % 2 else "well") / f"scan{i}.png", i)
    with pytest.raises(DataError, match=says):
        load_images(tmp_path, group=group)


@pytest.mark.parametrize("load", [load_images, load_volumes, load_masks])
def test_an_array_tells_the_patient_and_the_test_split(load):
    sides = (8, 8) if load is load_images else (8, 8, 8)
    x = np.zeros((60, *sides), np.uint8)
    x.reshape(60, -1)[:, 0] = np.arange(60)
    x.reshape(60, -1)[:, 1:] = RNG.integers(0, 255, (60, x[0].size - 1))
    y = (x > 99).astype(np.uint8) if load is load_masks else np.arange(60) % 2
    patient, day = np.arange(60) // 3, np.arange(60) % 4
    names = {i: str(i // 3) for i in range(60)}
    arrays = {"x": x, "y": y, "patient": patient, "day": day}
    assert_apart(whose(load(arrays, group="patient"), names))
    task = load(arrays, test="day==1")
    assert task.splits["test"].size == 15
    with pytest.raises(DataError, match="nothing is called 'hour'; beside the samples is day, pat"):
        load(arrays, test="hour<3")


def test_a_file_of_images_may_have_patients_of_each_split(tmp_path):
    x, y = RNG.integers(0, 255, (40, 8, 8)).astype(np.uint8), np.arange(40) % 2
    np.savez(tmp_path / "a.npz", train_images=x[:30], train_labels=y[:30], test_images=x[30:],
             test_labels=y[30:], patient_train=np.arange(30) // 2,
             patient_test=np.arange(10) + 12)  # fmt: skip
    task = load_images(tmp_path / "a.npz", group="patient")
    assert any("leak: 3 groups are in train and in test" in note for note in task.notes)


def test_names_of_masks_and_sounds_tell_who(tmp_path):
    for i in range(24):
        for name in ("images", "masks"):
            picture(tmp_path / "cells" / name / f"dish{i // 2}-{i}.png", i)
    task = load_masks(tmp_path / "cells", group=r"dish\d+")
    assert any("there are 12, such as 'dish0'" in note for note in task.notes)
    for i in range(24):
        path = tmp_path / "words" / ("yes" if i % 2 else "no") / f"{i}_anna{i // 4}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(RNG.integers(-3000, 3000, 4000).astype("<i2").tobytes())
    task = load_sounds(tmp_path / "words", group=r"anna\d+")
    assert any("there are 6, such as 'anna0'" in note for note in task.notes)
    with pytest.raises(DataError, match="put the test files into a folder test/"):
        load_sounds(tmp_path / "words", test="index<5")


def test_classes_and_splits_are_no_owners(tmp_path):
    """A pattern that their names fit as well looks at what stands below them."""
    for i in range(60):
        where = tmp_path / ("train" if i < 40 else "test") / str(i % 2)
        picture(where / f"p{i % 20}_{i}.png", i)
    task = load_images(tmp_path, group=r"\d+")
    assert any("there are 20, such as '0'" in note for note in task.notes)
    assert {int(label) for label in task.data["train"][1]} == {0, 1}


def test_a_class_may_be_called_like_its_split(tmp_path):
    """Vehicles, say: of ``train/train/train7/``, the folder of the class is the second."""
    names = {}
    for i in range(40):
        names[i] = f"train{i // 4}"
        kind = "train" if i % 2 else "tram"
        picture(tmp_path / "train" / kind / names[i] / f"{i}.png", i)
    (tmp_path / "notes").mkdir()
    task = load_images(tmp_path, group=r"^train\d+")
    assert_apart(whose(task, names))
    assert any("there are 10, such as 'train0'" in note for note in task.notes)


def test_a_folder_called_train_beside_other_classes_is_a_class(tmp_path):
    for i in range(60):
        picture(tmp_path / ("bus", "train", "tram")[i % 3] / f"{i}.png", i)
    task = load_images(tmp_path)
    assert [str(name) for name in task.classes] == ["bus", "train", "tram"]
    assert sum(len(x) for x, _ in task.data.values()) == 60


def test_loose_files_of_one_name_are_not_one_owner(tmp_path):
    for split, start in (("train", 0), ("test", 40)):
        for i in range(40):
            where = tmp_path / split / ("ill" if i % 2 else "well")
            picture(where / (f"case{start + i}" if i > 1 else "") / "image.png", i)
    task = load_images(tmp_path, group="patient")
    assert not any("groups are in" in note for note in task.notes)


def test_samples_without_an_owner_stand_alone():
    x = RNG.integers(0, 255, (60, 8, 8)).astype(np.uint8)
    x[:, 0, 0] = np.arange(60)
    patient = np.where(np.arange(60) < 20, np.arange(60) // 2, np.nan)
    task = load_images({"x": x, "y": np.arange(60) % 2, "patient": patient}, group="patient")
    assert any("40 samples have no 'patient': each of them stands alone" in n for n in task.notes)
    assert task.splits["train"].size < 45  # not all 40 in one split
    assert_apart(whose(task, {i: str(i // 2) if i < 20 else f"alone {i}" for i in range(60)}))
    with pytest.raises(DataError, match="there is patient_test but no patient_train"):
        load_images({"x_train": x, "y_train": np.arange(60) % 2, "x_test": x,
                     "y_test": np.arange(60) % 2, "patient_test": patient},
                    group="patient")  # fmt: skip


@pytest.mark.parametrize(
    ("make", "values", "says"),
    [
        (lambda a: a.astype(np.float32) / 255, 255, "from 0 to 1: they were brought"),
        (lambda a: a.astype(np.float32) * 10 - 1000, 255, "from -1000 to"),
        (lambda a: a.astype(np.uint16) * 16, 240, "have 12 bits: the upper 8"),
        (lambda a: a.astype(np.uint16) * 256, 250, "have 16 bits: the upper 8"),
        (lambda a: a.astype(np.int32), 250, ""),
    ],
)
def test_images_of_more_than_eight_bits(tmp_path, make, values, says):
    for i in range(24):
        pixels = RNG.integers(0, 256, (8, 8)).astype(np.uint8)
        pixels[0, :2] = 0, 255
        path = tmp_path / ("a" if i % 2 else "b") / f"{i}.tif"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(make(pixels)).save(path)
    task = load_images(tmp_path)
    x = task.data["train"][0]
    assert x.dtype == np.uint8
    assert len(np.unique(x)) > 200
    assert x.max() >= values
    assert not says or any(says in note for note in task.notes)
