"""Data that cannot be used gets one line that says what, where and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from brickwork.errors import DataError
from brickwork.tasks.image import load_images


def refusal(source: Any, *parts: str) -> None:
    """``source`` is refused with one line that holds all ``parts``."""
    with pytest.raises(DataError) as caught:
        load_images(source)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message


def good(n: int = 30) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, 8, 8)).astype(np.uint8), np.arange(n) % 3


def folder(root: Path, classes: dict[str, int], size: tuple[int, int] = (8, 8)) -> Path:
    rng = np.random.default_rng(0)
    for name, count in classes.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = rng.integers(0, 256, size[::-1]).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return root


def test_missing_path() -> None:
    refusal("/no/such/place", "no such file or folder", "/no/such/place", "digits", ".npz")


def test_a_misspelt_name_is_taken_for_a_path() -> None:
    refusal("digit", "'digit'", "built in is digits")


def test_empty_folder(tmp_path: Path) -> None:
    refusal(tmp_path, str(tmp_path), "no class folders", "image")


def test_images_without_class_folders(tmp_path: Path) -> None:
    folder(tmp_path, {"": 3})
    refusal(tmp_path, "3 image files but no class folders")


def test_empty_class_folder(tmp_path: Path) -> None:
    folder(tmp_path, {"a": 5, "b": 0})
    refusal(tmp_path, str(tmp_path / "b"), "no image")


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n broken"])
def test_unreadable_image(content: bytes, tmp_path: Path) -> None:
    folder(tmp_path, {"a": 5, "b": 5})
    (tmp_path / "b" / "bad.png").write_bytes(content)
    refusal(tmp_path, str(tmp_path / "b" / "bad.png"), "replace or remove it")


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_truncated_image(suffix: str, tmp_path: Path) -> None:
    folder(tmp_path, {"a": 5, "b": 5}, (40, 40))
    whole = tmp_path / f"whole{suffix}"
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40)).astype(np.uint8)
    Image.fromarray(pixels).save(whole)
    content = whole.read_bytes()
    whole.unlink()
    (tmp_path / "b" / f"cut{suffix}").write_bytes(content[: len(content) // 2])
    refusal(tmp_path, f"cut{suffix}", "damaged")


def test_one_class_only(tmp_path: Path) -> None:
    folder(tmp_path, {"a": 5})
    refusal(tmp_path, "'a'", "two classes")
    refusal((good()[0], np.zeros(30)), "two classes")


def test_a_class_with_one_sample(tmp_path: Path) -> None:
    folder(tmp_path, {"a": 5, "b": 1})
    refusal(tmp_path, "class 'b' has 1 training sample", "at least 3")
    x, y = good()
    y[5] = 9
    refusal((x, y), "class '9' has 1 training sample")
    given = {
        f"{a}_{s}": v for s in ("train", "val", "test") for a, v in zip("xy", good(), strict=True)
    }
    given["y_train"] = y
    refusal(given, "class '9' has 1 training sample", "at least 2")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(value: float) -> None:
    x, y = good()
    x = x.astype(np.float32)
    x[7, 2, 3] = value
    refusal((x, y), "1 of 30 images", "number 7", "NaN or infinite")


def test_wrong_shapes() -> None:
    x, y = good()
    refusal((x.reshape(30, 64), y), "(30, 64)", "(n, height, width)")
    refusal((x, np.eye(3)[y]), "(30, 3)", "one-hot")
    refusal((x, y[:, None, None]), "(30, 1, 1)")


def test_a_label_count_that_does_not_match() -> None:
    x, y = good()
    refusal((x, y[:-2]), "30 samples but 28 labels")


def test_labels_that_are_no_classes() -> None:
    x, y = good()
    refusal((x, y + 0.5), "integers or text", "fractions")
    refusal((x, [None] * 30), "integers or text")


def test_images_that_are_no_numbers() -> None:
    refusal((np.full((30, 8, 8), "a"), good()[1]), "must be numbers")


def test_pickled_npz_is_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "pickled.npz"
    np.savez(path, x=np.array([{"a": 1}, None], dtype=object), y=np.zeros(2))
    refusal(path, str(path), "'x'", "pickled", "plain array")


def test_npz_without_known_keys(tmp_path: Path) -> None:
    path = tmp_path / "strange.npz"
    np.savez(path, first=good()[0], second=good()[1])
    refusal(path, "first, second", "x_train y_train", "train_images train_labels", "x y")


def test_npz_without_labels(tmp_path: Path) -> None:
    path = tmp_path / "half.npz"
    np.savez(path, x_train=good()[0])
    refusal(path, "'x_train'", "no labels 'y_train'")


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.95])
def test_truncated_npz(keep: float, tmp_path: Path) -> None:
    path = tmp_path / "cut.npz"
    np.savez_compressed(path, x=good(300)[0], y=good(300)[1])
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    refusal(path, str(path), "not a readable .npz file")


def test_a_file_that_only_claims_to_be_npz(tmp_path: Path) -> None:
    path = tmp_path / "false.npz"
    path.write_text("hello")
    refusal(path, str(path), "not a readable .npz file")


def test_an_array_file_in_place_of_an_archive(tmp_path: Path) -> None:
    with (tmp_path / "single.npz").open("wb") as file:
        np.save(file, good()[0])
    refusal(tmp_path / "single.npz", "single.npz")


def test_labels_that_training_has_not_seen(tmp_path: Path) -> None:
    x, y = good()
    given = {"x_train": x, "y_train": y, "x_test": x, "y_test": y + 1}
    refusal(given, "test split", "'3'", "training has '0', '1', '2'")
    folder(tmp_path / "train", {"a": 5, "b": 5})
    folder(tmp_path / "test", {"a": 5, "c": 5})
    refusal(tmp_path, "test split", "'c'")


@pytest.mark.parametrize("name", ["table.csv", "images.npy", "archive.zip", "movie.mp4"])
def test_other_kinds_of_files(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("x")
    parts = ["supported are an .npz file", "folder"] + (["unpack"] if "zip" in name else [])
    refusal(tmp_path / name, str(tmp_path / name), *parts)


@pytest.mark.parametrize("size", [(3, 8), (8, 2)])
def test_images_that_are_too_small(size: tuple[int, int], tmp_path: Path) -> None:
    folder(tmp_path, {"a": 5, "b": 5}, size)
    refusal(tmp_path, "at least 4x4")
    refusal(
        (np.zeros((30, *size), np.uint8), good()[1]), f"{size[0]}x{size[1]} pixels", "at least 4x4"
    )


def test_splits_of_different_shapes() -> None:
    x, y = good()
    given = {"x_train": x, "y_train": y, "x_test": x[:, :, :6], "y_test": y}
    refusal(given, "different shapes")


def test_empty_arrays() -> None:
    refusal((np.zeros((0, 8, 8)), np.zeros(0)), "no images")


def test_images_of_a_single_colour() -> None:
    refusal((np.full((30, 8, 8), 9), good()[1]), "are the same")


def test_two_folders_for_one_split(tmp_path: Path) -> None:
    for name in ("train", "val", "valid"):
        folder(tmp_path / name, {"a": 5, "b": 5})
    refusal(tmp_path, "val/", "valid/")


def test_sources_of_another_kind() -> None:
    refusal(42, "int", "a pair (images, labels)")
    refusal((good()[0],), "pair")
