"""Pictures of every kind are the same array from a folder, a data set and a list."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch.utils.data import Dataset

from brickwork.config import Run, task_for
from brickwork.errors import DataError
from brickwork.tasks.image import load_images
from brickwork.tasks.objects import as_arrays, samples_of
from brickwork.tasks.segmentation import load_masks

COUNT = 24
CLEAR = f"{COUNT} of {COUNT} images are transparent in places: there they were made white"


class Opened(Dataset):
    """Pictures of files, with their labels."""

    def __init__(self, files, label):
        self.files, self.label = files, label

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        return Image.open(self.files[i]), self.label(i)


def colours(i: int) -> Image.Image:
    """Few colours, others in each picture."""
    pixels = np.full((10, 12, 3), 200, np.uint8)
    pixels[i % 8 : i % 8 + 3, 2:7] = 250, 10, 10 + i
    return Image.fromarray(pixels)


def ink(i: int) -> Image.Image:
    """Black everywhere: what is drawn is in the alpha channel alone."""
    pixels = np.zeros((10, 12, 4), np.uint8)
    pixels[i % 8 : i % 8 + 3, i % 5 : 9, 3] = 255
    return Image.fromarray(pixels)


def deep(i: int) -> Image.Image:
    return Image.fromarray(np.asarray(colours(i).convert("L")).astype(np.uint16) * 16)


def palette(i: int) -> Image.Image:
    """The second of three colours is transparent."""
    image = Image.fromarray(np.random.default_rng(i).integers(0, 3, (10, 12)).astype(np.uint8), "P")
    image.putpalette([10, 20, 30, 0, 0, 0, 200, 100, 50])
    image.info["transparency"] = 1
    return image


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def written(folder: Path, make, suffix: str, **how) -> list[Path]:
    files = [folder / "ab"[i % 2] / f"{i:02}{suffix}" for i in range(COUNT)]
    for i, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        make(i).save(file, **how)
    return files


def given(data, **reading):
    return task_for(Run(data="given", target="cpu", reading=reading), data)


def contents(task) -> set[bytes]:
    return {x.tobytes() for split, _ in task.data.values() for x in split}


KINDS = {
    "colours": (colours, ".png", 3, ""),
    "palette": (lambda i: colours(i).quantize(4), ".png", 3, ""),
    "grey palette": (lambda i: colours(i).convert("L").quantize(4), ".png", 1, "all images are"),
    "alpha": (ink, ".png", 1, CLEAR),
    "grey and alpha": (lambda i: ink(i).convert("LA"), ".png", 1, CLEAR),
    "transparent palette": (palette, ".png", 3, CLEAR),
    "opaque alpha": (lambda i: colours(i).convert("RGBA"), ".png", 3, ""),
    "four inks": (lambda i: colours(i).convert("CMYK"), ".tif", 3, ""),
    "bits": (lambda i: colours(i).convert("1"), ".png", 1, ""),
    "sixteen bits": (deep, ".png", 1, "images have 12 bits: the upper 8 are kept"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_a_data_set_and_a_list_give_the_same(kind, tmp_path):
    make, suffix, channels, says = KINDS[kind]
    files = written(tmp_path, make, suffix)
    labels = [i % 2 for i in range(COUNT)]
    sources = (Opened(files, lambda i: i % 2), ([Image.open(file) for file in files], labels))
    folder = load_images(tmp_path)
    assert folder.input == (channels, 10, 12)
    for task in (folder, *map(given, sources)):
        assert contents(task) == contents(folder)
        assert any(note.startswith(says) for note in task.notes)
        assert any("transparent" in note for note in task.notes) == (says == CLEAR)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("make", [colours, deep])
def test_pictures_held_upright_are_turned_everywhere(suffix, make, tmp_path):
    files = written(tmp_path, make, suffix, exif=turned(6), compression="tiff_lzw")
    folder, other = load_images(tmp_path), given(Opened(files, lambda i: i % 2))
    assert folder.input[1:] == other.input[1:] == (12, 10)
    assert contents(folder) == contents(other)
    assert not any("scaled" in note for note in folder.notes)
    upright = np.rot90(np.asarray(make(0)), -1)
    if make is colours:
        assert np.ascontiguousarray(upright.transpose(2, 0, 1)).tobytes() in contents(folder)


def test_what_is_opaque_stays_and_what_is_clear_becomes_white(tmp_path):
    def half(i):
        pixels = np.dstack([np.asarray(colours(i)), np.full((10, 12), 255, np.uint8)])
        pixels[0] = 9, 9, 9, 0
        pixels[9] = 100, 0, 0, 51  # a fifth of it
        return Image.fromarray(pixels)

    written(tmp_path, half, ".png")
    x = load_images(tmp_path).data["train"][0]
    assert (x[:, :, 0] == 255).all()
    assert (x[:, :, 9] == np.array([224, 204, 204])[:, None]).all()
    inner = {np.ascontiguousarray(one[:, 1:9]).tobytes() for one in x}
    assert inner <= {np.asarray(colours(i))[1:9].transpose(2, 0, 1).tobytes() for i in range(COUNT)}


def test_all_pictures_of_all_splits_get_one_form():
    def pictures(mode):
        return [colours(i).convert(mode) for i in range(COUNT)]

    labels = [i % 2 for i in range(COUNT)]
    data = {"x_train": pictures("L"), "y_train": labels, "x_test": pictures("P"), "y_test": labels}
    arrays, _ = as_arrays(data, {})
    assert arrays["x_train"].shape == arrays["x_test"].shape == (COUNT, 10, 12, 3)
    assert given(data).input == (3, 10, 12)


def test_samples_without_labels_are_read_alike():
    grey = [colours(i).convert("L").convert("RGB") for i in range(3)]
    assert samples_of(grey, "X").shape == (3, 10, 12, 3)  # others may have colours
    assert np.array_equal(samples_of([deep(1)], "X"), np.asarray(deep(1))[None])
    assert samples_of([ink(0), ink(1).convert("LA")], "X")[0, 9, 0].tolist() == [255] * 3


@pytest.mark.parametrize("split", ["folder", "list"])
def test_a_damaged_picture_is_named(split, tmp_path):
    files = written(tmp_path, colours, ".png")
    files[3].write_bytes(files[3].read_bytes()[:60])
    with ExitStack() as stack:
        pictures = [stack.enter_context(Image.open(file)) for file in files]
        with pytest.raises(DataError, match="the image is damaged: replace or remove") as error:
            load_images(tmp_path) if split == "folder" else given((pictures, [0, 1] * 12))
    assert ("03.png" if split == "folder" else "train, sample 3") in str(error.value)
    assert "\n" not in str(error.value)


# --- with masks -----------------------------------------------------------------------------------


def masked(folder: Path, orientation: int, mask: tuple[int, int], make=colours) -> list[Path]:
    """Pictures of the (width, height) 12x10 as they are stored, and masks of another."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for i in range(COUNT):
        make(i).save(folder / "images" / f"{i:02}.png", exif=turned(orientation))
        values = np.zeros(mask[::-1], np.uint8)
        values[i % 8 :, 3:] = 1
        Image.fromarray(values).save(folder / "masks" / f"{i:02}.png")
    return sorted((folder / "images").iterdir())


@pytest.mark.parametrize(
    ("orientation", "mask", "turns", "says"),
    [
        (3, (12, 10), 2, ""),
        (6, (10, 12), -1, ""),
        (6, (12, 10), 0, f"{COUNT} of {COUNT} images fit their masks only as they are stored"),
    ],
)
def test_pictures_are_turned_to_their_masks(orientation, mask, turns, says, tmp_path):
    files = masked(tmp_path, orientation, mask)
    expected = np.rot90(np.asarray(colours(0)), turns)

    def label(i):
        return Image.open(tmp_path / "masks" / files[i].name)

    for task in (load_masks(tmp_path), given(Opened(files, label))):
        x = np.concatenate([x for x, _ in task.data.values()])
        height, width, _ = expected.shape
        inner = [one[:, :height, :width] for one in _within(x, mask)]
        assert any(np.array_equal(one, expected.transpose(2, 0, 1)) for one in inner)
        assert any(note.startswith(says) for note in task.notes)
        assert any("as they are stored" in note for note in task.notes) == bool(says)


def _within(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Samples without what was put around them."""
    down, right = (x.shape[2] - size[1]) // 2, (x.shape[3] - size[0]) // 2
    return x[:, :, down:, right:]


def test_transparent_pictures_with_masks(tmp_path):
    masked(tmp_path, 1, (12, 10), ink)
    task = load_masks(tmp_path)
    assert CLEAR in task.notes
    assert {0, 255} <= set(np.unique(task.data["train"][0]))
