"""Images from every kind of source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from brickwork.errors import DataError
from brickwork.recognising import recognised
from brickwork.tasks.arrays import labels_of
from brickwork.tasks.image import load_images
from brickwork.tasks.image.arrays import images_of
from brickwork.tasks.samples import load_saved
from brickwork.tasks.task import checksum

Images = np.ndarray[Any, Any]


def picture(index: int, size: tuple[int, int] = (8, 6), mode: str = "L") -> Image.Image:
    """A picture of (width, height) whose content depends on its index."""
    rng = np.random.default_rng(index)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    values = rng.integers(0, 256, (size[1], size[0], *channels)).astype(np.uint8)
    return Image.fromarray(values)


def write_folder(root: Path, classes: dict[str, int], suffix: str = ".png", **how: Any) -> Path:
    for name, count in classes.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            picture(i, **how).save(root / name / f"{i:03}{suffix}")
    return root


def arrays(n: int = 30, shape: tuple[int, ...] = (8, 8), classes: int = 3) -> tuple[Images, Images]:
    rng = np.random.default_rng(n)
    return rng.integers(0, 256, (n, *shape)).astype(np.uint8), np.arange(n) % classes


def test_digits_are_split_three_ways() -> None:
    task = load_images("digits")
    assert (task.name, task.input, task.outputs) == ("digits", (1, 8, 8), 10)
    assert task.classes == tuple("0123456789")
    sizes = {split: about.size for split, about in task.splits.items()}
    assert sum(sizes.values()) == 1797
    assert sizes["test"] == pytest.approx(360, abs=5)
    assert sizes["val"] == pytest.approx(360, abs=5)
    x, y = task.arrays("train")
    assert (x.dtype, int(x.max())) == (np.uint8, 16)
    assert np.bincount(y).min() > 100
    assert any("stratified" in note for note in task.notes)


def test_splits_depend_on_the_seed_and_are_recorded() -> None:
    one, same, other = load_images("digits", 1), load_images("digits", 1), load_images("digits", 2)
    assert one.splits == same.splits
    assert all(one.splits[s].sha256 != other.splits[s].sha256 for s in ("train", "val", "test"))
    for split, about in one.splits.items():
        assert about.sha256 == checksum(*one.arrays(split))


def test_what_is_opened_is_recorded() -> None:
    task = load_images(arrays())
    assert task.opened == []
    task.arrays("train")
    task.arrays("test")
    assert task.opened == ["train", "test"]
    with pytest.raises(ValueError, match="no split 'dev'"):
        task.arrays("dev")


def test_normalisation_comes_from_the_training_split() -> None:
    task = load_images("digits")
    x = task.arrays("train")[0].astype(np.float64)
    assert task.normalize.mean == pytest.approx((x.mean(),), rel=1e-4)
    assert task.normalize.std == pytest.approx((x.std(),), rel=1e-4)


def test_coloured_images_are_normalised_by_channel() -> None:
    x, y = arrays(40, (6, 6, 3))
    x[..., 1] //= 2
    x[..., 2] = 7
    task = load_images((x, y))
    values = task.arrays("train")[0].astype(np.float64)
    assert task.normalize.mean == pytest.approx(values.mean((0, 2, 3)), rel=1e-4)
    assert task.normalize.std[:2] == pytest.approx(values.std((0, 2, 3))[:2], rel=1e-4)
    assert task.normalize.std[2] == 1.0  # a channel without content


@pytest.mark.parametrize(
    "names",
    [
        {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")},
        {"train": ("x_train", "y_train"), "val": ("x_val", "y_val"), "test": ("x_test", "y_test")},
        {
            "train": ("train_images", "train_labels"),
            "val": ("val_images", "val_labels"),
            "test": ("test_images", "test_labels"),
        },
        {"train": ("X", "y")},
        {"train": ("x", "y")},
        {"train": ("data", "target")},
        {"train": ("images", "labels")},
    ],
    ids=lambda names: "-".join(x for x, _ in names.values()),
)
@pytest.mark.parametrize("through", ["file", "dictionary"])
def test_key_conventions(names: dict[str, tuple[str, str]], through: str, tmp_path: Path) -> None:
    given: dict[str, Images] = {}
    for i, (images, labels) in enumerate(names.values()):
        given[images], given[labels] = arrays(30 + 3 * i)
    if through == "file":
        np.savez(tmp_path / "some data.npz", **given)
        task = load_images(tmp_path / "some data.npz")
        assert task.name == "some data"
    else:
        task = load_images(given)
    for i, split in enumerate(names):
        if split != "train":
            assert task.splits[split].size == 30 + 3 * i
    assert set(task.splits) == {"train", "val", "test"}
    made = {"val", "test"} - set(names)
    assert bool(made) == any("taken from the training samples" in note for note in task.notes)
    assert task.splits["train"].size == 30 - 6 * len(made)


def test_given_splits_stay_as_they_are() -> None:
    x, y = arrays(30)
    vx, vy = arrays(12)
    tx, ty = arrays(9)
    task = load_images(
        {"x_train": x, "y_train": y, "x_val": vx, "y_val": vy, "x_test": tx, "y_test": ty}
    )
    for split, (xs, ys) in {"train": (x, y), "val": (vx, vy), "test": (tx, ty)}.items():
        got = task.arrays(split)
        assert np.array_equal(got[0][:, 0], xs)
        assert np.array_equal(got[1], ys)


def test_a_part_to_hold_out_can_be_given() -> None:
    task = load_images(arrays(200, classes=2), validation=0.1)
    assert [task.splits[s].size for s in ("train", "val", "test")] == [140, 20, 40]
    with pytest.raises(ValueError, match="between 0 and 1"):
        load_images(arrays(), validation=0.9)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 9, 7), (5, 1, 9, 7)),
        ((5, 9, 7, 1), (5, 1, 9, 7)),
        ((5, 9, 7, 3), (5, 3, 9, 7)),
        ((5, 3, 9, 7), (5, 3, 9, 7)),
        ((5, 1, 4, 4), (5, 1, 4, 4)),
        ((5, 4, 4, 1), (5, 1, 4, 4)),
        ((5, 4, 9, 9), (5, 4, 9, 9)),
        ((5, 9, 9, 4), (5, 4, 9, 9)),
        ((5, 9, 9, 7), (5, 7, 9, 9)),
        ((5, 7, 9, 9), (5, 7, 9, 9)),
    ],
)
def test_layouts(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    got = images_of(x, "x")
    assert got.shape == expected
    moved = (
        x.reshape(expected)
        if len(shape) == 3 or shape[1:] == expected[1:]
        else x.transpose(0, 3, 1, 2)
    )
    assert np.array_equal(got, moved)


@pytest.mark.parametrize("shape", [(5, 40, 50, 60), (5, 9, 8, 9), (5, 64), (5,), (5, 3, 8, 8, 8)])
def test_shapes_that_are_no_images(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"here: .*\(n, "):
        images_of(np.zeros(shape, np.uint8), "here")


@pytest.mark.parametrize(
    ("dtype", "high", "kept"),
    [
        (np.uint8, 255, np.uint8),
        (bool, 1, np.uint8),
        (np.int64, 255, np.uint8),
        (np.uint16, 4000, np.float32),
        (np.int8, -5, np.float32),
        (np.float64, 1.0, np.float32),
        (np.float32, 300.0, np.float32),
    ],
)
def test_types_of_pixels(dtype: type, high: float, kept: type) -> None:
    x = np.zeros((3, 5, 5), dtype)
    x[0, 0, 0] = high
    got = images_of(x, "x")
    assert got.dtype == kept
    assert got[0, 0, 0, 0] == high


def test_labels_may_be_a_column_text_booleans_or_whole_floats() -> None:
    assert labels_of(np.array([[3], [4]]), 2, "y").tolist() == [3, 4]
    assert labels_of(["b", "a"], 2, "y").tolist() == ["b", "a"]
    assert labels_of(np.array(["b", "a"], dtype=object), 2, "y").tolist() == ["b", "a"]
    assert labels_of(np.array([True, False]), 2, "y").tolist() == [1, 0]
    assert labels_of(np.array([1.0, 5.0]), 2, "y").tolist() == [1, 5]


def test_class_folders(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", {"dog": 10, "cat": 12}, size=(8, 6))
    task = load_images(tmp_path / "pets")
    assert (task.name, task.classes, task.input) == ("pets", ("cat", "dog"), (1, 6, 8))
    assert sum(split.size for split in task.splits.values()) == 22
    again = load_images(str(tmp_path / "pets"))
    assert again.splits == task.splits


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Train", "valid", "testing"), ("train", "validation")]
)
def test_split_folders(names: tuple[str, ...], tmp_path: Path) -> None:
    for i, name in enumerate(names):
        write_folder(tmp_path / name, {"a": 10 + i, "b": 10 + i})
    task = load_images(tmp_path)
    sizes = [task.splits[s].size for s in ("train", "val", "test")]
    assert sizes == ([20, 22, 24] if len(names) == 3 else [16, 22, 4])


def test_pixels_arrive_unchanged(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a": 9, "b": 9}, mode="RGB")
    task = load_images(tmp_path)
    assert task.input == (3, 6, 8)
    seen = {x.tobytes() for split in task.splits for x in task.arrays(split)[0]}
    expected = {np.asarray(picture(i, mode="RGB")).transpose(2, 0, 1).tobytes() for i in range(9)}
    assert seen == expected


def test_other_sizes_are_brought_to_the_most_common_one(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a": 9, "b": 9}, size=(8, 6))
    picture(50, (20, 12)).save(tmp_path / "a" / "large.png")
    picture(51, (5, 5)).save(tmp_path / "b" / "small.png")
    task = load_images(tmp_path)
    assert task.input == (1, 6, 8)
    assert any("2 of 20 images" in note and "8x6" in note for note in task.notes)


def test_large_images_are_made_smaller(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a": 4, "b": 4}, size=(448, 300))
    task = load_images(tmp_path)
    assert task.input == (1, 150, 224)
    assert any("224x150" in note for note in task.notes)


def test_grey_images_in_colour_files_become_grey(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(5):
            picture(i).convert("RGB").save(tmp_path / name / f"{i}.png")
    task = load_images(tmp_path)
    assert task.input == (1, 6, 8)
    assert any("grey" in note for note in task.notes)


def test_one_coloured_image_makes_all_of_them_coloured(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a": 5, "b": 5})
    picture(9, mode="RGB").save(tmp_path / "a" / "coloured.png")
    assert load_images(tmp_path).input == (3, 6, 8)


def test_pictures_with_alpha_and_16_bits_are_read(tmp_path: Path) -> None:
    write_folder(tmp_path / "alpha", {"a": 4, "b": 4}, mode="RGBA")
    assert load_images(tmp_path / "alpha").input == (3, 6, 8)
    for name in ("a", "b"):
        (tmp_path / "deep" / name).mkdir(parents=True)
        for i in range(4):
            deep = np.asarray(picture(i)).astype(np.uint16) * 256 + 17
            Image.fromarray(deep).save(tmp_path / "deep" / name / f"{i}.png")
    task = load_images(tmp_path / "deep")
    seen = {x.tobytes() for split in task.splits for x in task.arrays(split)[0]}
    assert seen == {np.asarray(picture(i)).tobytes() for i in range(4)}


def test_a_picture_taken_upright_is_turned(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a": 4, "b": 4}, ".jpg", size=(8, 6))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(1, (6, 8)).save(tmp_path / "a" / "turned.jpg", exif=exif)
    assert load_images(tmp_path).notes[0].startswith("val and test")  # nothing was scaled


def test_a_folder_in_a_folder_and_foreign_files(tmp_path: Path) -> None:
    inner = write_folder(tmp_path / "outer" / "inner", {"a": 5, "b": 5})
    (inner / ".DS_Store").write_text("x")
    (tmp_path / "outer" / "__MACOSX").mkdir()
    (inner / "a" / "notes.txt").write_text("x")
    (inner / "a" / "deeper").mkdir()
    picture(77).save(inner / "a" / "deeper" / "more.png")
    task = load_images(tmp_path / "outer")
    assert sum(split.size for split in task.splits.values()) == 11
    assert "the data lies in inner/" in task.notes
    assert any(note.startswith("1 files") for note in task.notes)


def test_class_folders_may_be_links_and_have_links_in_them(tmp_path: Path) -> None:
    stored = write_folder(tmp_path / "stored", {"a": 6, "b": 6})
    write_folder(tmp_path / "more", {"x": 2}, size=(8, 7))
    for name in "ab":
        (stored / name / "more").symlink_to(tmp_path / "more" / "x")
        (stored / name / "again").symlink_to(stored / name)
        (stored / name / "up").symlink_to(stored)
        (stored / name / "nowhere.png").symlink_to(tmp_path / "nowhere.png")
        (tmp_path / "links").mkdir(exist_ok=True)
        (tmp_path / "links" / name).symlink_to(stored / name)
    for folder in (stored, tmp_path / "links"):
        assert recognised(folder).task == "image-classification"
        assert sum(split.size for split in load_images(folder).splits.values()) == 16


def test_folders_are_read_from_within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write_folder(tmp_path / "pets", {"cat": 5, "dog": 5}) / "cat")
    assert recognised("..").task == "image-classification"
    assert sum(split.size for split in load_images("..").splits.values()) == 10


def test_what_is_hidden_in_a_class_folder_is_no_sample(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a": 5, "b": 5})
    for left in (".ipynb_checkpoints", "__MACOSX"):
        write_folder(tmp_path / "a" / "deeper", {left: 3})
    task = load_images(tmp_path)
    assert sum(split.size for split in task.splits.values()) == 10
    assert recognised(tmp_path).why.startswith("10 of the first 10 files")


@pytest.mark.parametrize(
    "make", [lambda: load_images("digits"), lambda: load_images(arrays(40, (6, 5, 3)))]
)
def test_a_saved_task_is_the_same_and_mapped(make: Callable[[], Any], tmp_path: Path) -> None:
    task = make()
    task.save(tmp_path / "data")
    task.save(tmp_path / "data")  # replaces
    back = load_saved(tmp_path / "data")
    for name in ("name", "title", "input", "outputs", "classes", "normalize", "splits", "notes"):
        assert getattr(back, name) == getattr(task, name)
    assert (back.changes, back.judge) == (task.changes, task.judge)
    for split in task.splits:
        x, y = back.arrays(split)
        assert isinstance(x, np.memmap)
        assert checksum(x, y) == task.splits[split].sha256
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_a_damaged_saved_task_is_refused(tmp_path: Path) -> None:
    task = load_images(arrays())
    with pytest.raises(DataError, match="no saved task"):
        load_saved(tmp_path / "nothing")
    task.save(tmp_path / "a")
    (tmp_path / "a" / "val_x.npy").write_bytes(b"")
    with pytest.raises(DataError, match="no saved task that can be read"):
        load_saved(tmp_path / "a")
    task.save(tmp_path / "b")
    about = (tmp_path / "b" / "task.json").read_text().replace('"version": 3', '"version": 9')
    (tmp_path / "b" / "task.json").write_text(about)
    with pytest.raises(DataError, match="newer"):
        load_saved(tmp_path / "b")


def test_photographs_are_mirrored_and_digits_are_not() -> None:
    assert not load_images("digits").changes.flips
    assert load_images(arrays(40, (6, 5, 3))).changes.flips


def test_rare_classes_weigh_more_and_it_is_said() -> None:
    even = load_images(arrays(60))
    assert even.judge.weights == ()
    images, _ = arrays(100)
    uneven = load_images((images, np.repeat([0, 1], [80, 20])))
    assert uneven.judge.weights[1] / uneven.judge.weights[0] == pytest.approx(2.0, rel=1e-3)
    shares = np.bincount(uneven.arrays("train")[1]) / uneven.splits["train"].size
    assert shares @ uneven.judge.weights == pytest.approx(1.0, rel=1e-3)  # losses stay comparable
    assert any("classes are uneven, 1 to 4.0" in note for note in uneven.notes)
    answers, labels = torch.zeros(2, 2), torch.tensor([0, 1])
    rare, common = (float(uneven.loss(answers + torch.tensor(lean), labels, 0.0))
                    for lean in ([0.0, 1.0], [1.0, 0.0]))  # fmt: skip
    assert rare < common


def test_light_changes_on_photographs_only() -> None:
    rng = torch.Generator().manual_seed(0)
    photos = load_images(arrays(60))
    x = torch.full((4, 1, 8, 8), 100.0)
    assert photos.changes.photos
    y = torch.arange(4)
    changed, labels = photos.augment(x, y, 0.5, rng)
    assert torch.equal(labels, y)
    assert changed.round(decimals=2).unique().numel() == 4
    digits = load_images("digits")
    assert not digits.changes.photos
    assert digits.augment(torch.zeros(4, 1, 8, 8), y, 0.5, rng)[0].abs().max() == 0


def test_real_data_sets(shared_data: Path) -> None:
    pneumonia = load_images(shared_data / "images" / "pneumoniamnist.npz")
    assert [pneumonia.splits[s].size for s in ("train", "val", "test")] == [4708, 524, 624]
    assert (pneumonia.input, pneumonia.classes) == ((1, 28, 28), ("0", "1"))
    assert pneumonia.changes.photos  # an X-ray fills the picture
    mnist = load_images(shared_data / "images" / "mnist.npz")
    assert mnist.splits["test"].size == 10_000
    assert mnist.splits["val"].size == pytest.approx(10_000, abs=10)
    assert not mnist.changes.photos


@pytest.mark.parametrize("stored", [False, True])
def test_images_of_a_group_stay_in_one_split(stored: bool, tmp_path: Path) -> None:
    x, y = arrays(40)
    data: Any = {"x": x, "y": y, "patient": np.arange(40) // 4}
    if stored:
        np.savez(tmp_path / "a.npz", **data)
        data = tmp_path / "a.npz"
    task = load_images(data, group="patient")
    assert any("each group in one split" in note for note in task.notes)
    assert all(split.size % 4 == 0 for split in task.splits.values())
    with pytest.raises(DataError, match="nothing is called 'doctor'"):
        load_images(data, group="doctor")
    with pytest.raises(DataError, match="digits: nothing is called 'doctor'"):
        load_images("digits", group="doctor")
