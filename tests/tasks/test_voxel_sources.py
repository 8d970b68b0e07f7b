"""Folders of volumes, pictures and masks as they are found: what is read, and what is refused."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brickwork.errors import DataError
from brickwork.recognising import recognised
from brickwork.tasks.image import load_images
from brickwork.tasks.judging.masks import NOWHERE
from brickwork.tasks.segmentation import load_masks
from brickwork.tasks.volume import load_volumes
from brickwork.tasks.voxels import fitting

RNG = np.random.default_rng(0)


def nifti(path: Path, volume: np.ndarray, affine: np.ndarray | None = None) -> None:
    nibabel = pytest.importorskip("nibabel", reason="the extra 'medical' is not installed")
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4) if affine is None else affine), path)


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 255, shape).astype(np.uint8)


def pictures(
    folder: Path, image: Callable[[], Image.Image], mask: Callable[[], Image.Image]
) -> Path:
    for i in range(6):
        for name, make in (("images", image), ("masks", mask)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            make().save(folder / name / f"{i}.png")
    return folder


def grey() -> Image.Image:
    return Image.fromarray(noise(8, 8))


def binary(high: int = 1) -> Image.Image:
    return Image.fromarray(RNG.integers(0, 2, (8, 8)).astype(np.uint8) * high)


# --- volumes in space -----------------------------------------------------------------------------


def test_image_and_mask_of_other_orientation_are_brought_together(tmp_path):
    mirror = np.diag([-1.0, 1.0, 1.0, 1.0])
    mirror[0, 3] = 7  # the same place in space, stored from the other side
    for i in range(6):
        volume = noise(8, 8, 8)
        nifti(tmp_path / "images" / f"{i}.nii.gz", volume)
        nifti(tmp_path / "labels" / f"{i}.nii.gz", (volume > 99).astype(np.uint8)[::-1], mirror)
    x, y = load_masks(tmp_path).data["train"]
    assert np.array_equal(x[:, 0] > 99, y == 1)


def test_a_mask_that_lies_elsewhere_is_named(tmp_path):
    for i in range(6):
        volume = noise(8, 8, 8)
        nifti(tmp_path / "images" / f"{i}.nii", volume, np.diag([-1.0, 1.0, 1.0, 1.0]))
        nifti(tmp_path / "labels" / f"{i}.nii", (volume > 99).astype(np.uint8))
    with pytest.raises(DataError, match=r"0\.nii: lies elsewhere in space than its image"):
        load_masks(tmp_path)


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (np.zeros((8, 8, 7), np.uint8), r"labels: 3\.nii: the image is .*, its mask"),
        (np.full((8, 8, 8), 0.5), r"labels: 3\.nii: classes of a mask are whole numbers"),
        (np.full((8, 8, 8), -1.0), r"labels: 3\.nii: classes of a mask are whole numbers"),
    ],
)
def test_a_mask_that_does_not_fit_is_named(tmp_path, mask, says):
    for i in range(6):
        nifti(tmp_path / "images" / f"{i}.nii", noise(8, 8, 8))
        nifti(tmp_path / "labels" / f"{i}.nii", mask if i == 3 else noise(8, 8, 8) // 128)
    with pytest.raises(DataError, match=says):
        load_masks(tmp_path)


def test_the_spacing_of_training_goes_with_a_model(tmp_path):
    for i in range(12):
        wide = np.diag([2.0 if i == 0 else 1.0, 1.0, 1.0, 1.0])
        nifti(tmp_path / "ab"[i % 2] / f"{i}.nii.gz", noise(8, 8, 8), wide)
    task = load_volumes(tmp_path)
    assert any("resampled to 1 x 1 x 1 mm" in note for note in task.notes)
    about = json.loads(task.files["prepare.json"])
    assert (about["spacing_mm"], about["orientation"]) == ([1.0, 1.0, 1.0], "RAS")


# --- volumes of patients, and large ones ----------------------------------------------------------


def test_folders_below_the_classes_are_patients(tmp_path):
    scans = {}
    for i in range(24):
        scans[i] = noise(8, 8, 8)
        nifti(tmp_path / "ab"[i // 2 % 2] / f"patient{i // 2}" / f"{i % 2}.nii", scans[i])
    task = load_volumes(tmp_path)
    assert any("stay in one split; there are 12 folders" in note for note in task.notes)
    split_of = {scan.tobytes(): split for split, (x, _) in task.data.items() for scan in x[:, 0]}
    for i in range(0, 24, 2):
        assert split_of[scans[i].tobytes()] == split_of[scans[i + 1].tobytes()]


@pytest.mark.parametrize("load", [load_masks, load_volumes])
def test_names_of_files_may_tell_nothing(tmp_path, load):
    for i in range(6):
        for name in ("images", "labels"):
            nifti(tmp_path / name / f"{i}.nii", noise(8, 8, 8) // 128)
    with pytest.raises(DataError, match="no file has 'patient' in the name"):
        load(tmp_path, group="patient")
    with pytest.raises(DataError, match="put the test files into a folder test/"):
        load(tmp_path, test="index<5")


@pytest.mark.parametrize("spacing", [1000.0, 0.001])
def test_a_header_with_distances_that_cannot_be(tmp_path, spacing):
    for label in ("ill", "well"):
        for i in range(6):
            nifti(tmp_path / label / f"{i}.nii", noise(8, 8, 8))
    bad = tmp_path / "ill" / "bad.nii"
    nifti(bad, noise(8, 8, 8), np.diag([spacing, 1.0, 1.0, 1.0]))
    with pytest.raises(DataError, match=r"bad\.nii: its voxels lie .* in most files 1 x 1 x 1 mm"):
        load_volumes(tmp_path)


def test_groups_have_a_value_for_each_sample():
    arrays = {"x": noise(9, 8, 8, 8), "y": np.arange(9) % 2, "patient": np.arange(5)}
    with pytest.raises(
        DataError, match=r"'patient' has the shape \(5,\), expected one entry for each"
    ):
        load_volumes(arrays, group="patient")


def test_of_too_large_volumes_the_middle_is_used(monkeypatch):
    monkeypatch.setattr(fitting, "_MOST", 8**3 * 2)
    x = noise(9, 8, 24, 16)
    task = load_volumes((x, np.arange(9) % 2))
    assert task.input == (1, 8, 8, 8)
    assert any("of 9 volumes larger than" in note for note in task.notes)
    with pytest.raises(DataError, match="are too large: make them smaller"):
        load_masks((x, x // 128))


def test_the_size_follows_from_training_volumes():
    x, y = noise(9, 8, 8, 8), np.arange(9) % 2
    given = {"x_train": x, "y_train": y, "x_test": noise(4, 20, 8, 8), "y_test": y[:4]}
    task = load_volumes(given)
    assert task.input == (1, 8, 8, 8)
    assert np.array_equal(task.data["test"][0][:, 0], given["x_test"][:, 6:14])
    assert any("of 4 volumes larger than 8x8x8 the middle" in note for note in task.notes)


# --- damaged files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "put"),
    [
        (70, struct.pack("<h", 9999)),  # type of values
        (40, struct.pack("<h", 77)),  # number of axes
        (280, struct.pack("<f", float("nan"))),  # place in space
        (280, bytes(48)),  # no place in space
        (108, struct.pack("<f", 1e9)),  # where values begin
    ],
)
def test_a_damaged_header_is_one_line(tmp_path, at, put):
    for i in range(6):
        nifti(tmp_path / "ab"[i % 2] / f"{i}.nii", noise(8, 8, 8))
    file = tmp_path / "a" / "2.nii"
    content = bytearray(file.read_bytes())
    content[at : at + len(put)] = put
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"2\.nii: not a NIfTI file that can be read") as error:
        load_volumes(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kept", [0, 40, 0.5, 0.95])
def test_a_file_that_ends_early_is_named(tmp_path, kept):
    for i in range(6):
        nifti(tmp_path / "ab"[i % 2] / f"{i}.nii.gz", noise(16, 16, 16))
    file = tmp_path / "a" / "2.nii.gz"
    content = file.read_bytes()
    file.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with pytest.raises(DataError, match=r"2\.nii\.gz: not a NIfTI file that can be read"):
        load_volumes(tmp_path)


@pytest.mark.parametrize(
    "values", [np.zeros((8, 8, 8), np.complex64), np.zeros((8, 8, 8), [(c, "u1") for c in "RGB"])]
)
def test_values_of_a_volume_are_numbers(tmp_path, values):
    nifti(tmp_path / "a" / "1.nii", values)
    nifti(tmp_path / "b" / "2.nii", noise(8, 8, 8))
    with pytest.raises(DataError, match=r"1\.nii: holds colours or complex values"):
        load_volumes(tmp_path)


# --- pictures -------------------------------------------------------------------------------------


def test_white_on_black_is_a_class(tmp_path):
    task = load_masks(pictures(tmp_path, grey, lambda: binary(255)))
    assert task.classes == ("0", "255")
    assert set(np.unique(task.data["train"][1])) == {0, 1}


def test_white_beside_classes_is_none(tmp_path):
    def mask() -> Image.Image:
        return Image.fromarray(RNG.choice([0, 3, 255], (8, 8)).astype(np.uint8))

    task = load_masks(pictures(tmp_path, grey, mask))
    assert task.classes == ("0", "3")
    assert set(np.unique(task.data["train"][1])) == {0, 1, NOWHERE}
    assert any("255 in a mask" in note for note in task.notes)


@pytest.mark.parametrize("mode", ["1", "P", "RGB"])
def test_masks_of_every_form(tmp_path, mode):
    def mask() -> Image.Image:
        values = RNG.integers(0, 2, (8, 8)).astype(np.uint8)
        if mode == "RGB":
            return Image.fromarray(np.stack([values * 9] * 3, -1))
        image = Image.fromarray(values.astype(bool) if mode == "1" else values)
        if mode == "P":
            image.putpalette([0, 0, 0, 200, 10, 10])
        return image

    task = load_masks(pictures(tmp_path, grey, mask))
    assert task.classes == ("0", "9" if mode == "RGB" else "1")


def test_a_mask_with_colours_is_refused(tmp_path):
    def mask() -> Image.Image:
        return Image.fromarray(noise(8, 8, 3))

    with pytest.raises(DataError, match=r"0\.png: the mask has colours"):
        load_masks(pictures(tmp_path, grey, mask))


@pytest.mark.parametrize(
    ("make", "channels"),
    [
        (lambda: grey().convert("RGB").quantize(4), 3),
        (lambda: grey().convert("LA"), 1),
        (lambda: Image.fromarray(RNG.integers(0, 60_000, (8, 8)).astype(np.uint16)), 1),
    ],
    ids=["palette", "alpha", "sixteen bits"],
)
def test_pictures_of_every_form(tmp_path, make, channels):
    task = load_masks(pictures(tmp_path, make, binary))
    assert task.input == (channels, 8, 8)
    assert len(np.unique(task.data["train"][0])) > 3


def test_sixteen_bits_are_not_cut_off(tmp_path):
    bright = np.linspace(1_000, 60_000, 64).reshape(8, 8).astype(np.uint16)
    task = load_masks(pictures(tmp_path, lambda: Image.fromarray(bright), binary))
    seen = task.data["train"][0][0, 0].astype(int)
    assert len(np.unique(seen)) > 60
    assert (np.diff(seen.ravel()) >= 0).all()


def test_names_are_compared_without_their_endings(tmp_path):
    pictures(tmp_path, grey, binary)
    for file in (tmp_path / "images").iterdir():
        grey().save(file.with_suffix(".jpg"))
        file.unlink()
    (tmp_path / "images" / "._0.jpg").write_bytes(b"left behind by an archive")
    binary().save(tmp_path / "masks" / "more.png")
    task = load_masks(tmp_path)
    assert sum(split.size for split in task.splits.values()) == 6
    assert "1 masks without an image were left out" in task.notes


def test_official_splits_of_masks(tmp_path):
    for split in ("train", "test"):
        pictures(tmp_path / "all" / split, grey, binary)
    assert recognised(tmp_path).task == "segmentation"
    task = load_masks(tmp_path)
    assert task.splits["test"].size == 6
    assert task.splits["train"].size + task.splits["val"].size == 6


# --- what is recognised ---------------------------------------------------------------------------


def test_a_class_that_is_called_masks_is_a_class(tmp_path):
    for name in ("faces", "masks"):
        (tmp_path / name).mkdir()
        for i in range(3):
            grey().save(tmp_path / name / f"{i}.png")
    assert recognised(tmp_path).task == "image-classification"


def test_masks_behind_many_images_are_seen(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
        for i in range(510):
            (tmp_path / name / f"{i}.png").touch()
    assert recognised(tmp_path).task == "segmentation"


# --- arrays ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ((noise(0, 8, 8), noise(0, 8, 8)), "there are no images"),
        ((noise(9, 8), noise(9, 8)), "masks have the shape"),
        ((np.full((9, 8, 8), "a"), noise(9, 8, 8) // 128), "expected numbers"),
        ((noise(9, 8, 8), noise(8, 8, 8) // 128), "there are 9 images but 8 masks"),
        ((noise(9, 8, 8), np.eye(3)[noise(9, 8, 8) % 3].transpose(0, 3, 1, 2)), "the argmax"),
        (([noise(8, 8), noise(8, 9)], [noise(8, 8), noise(8, 9)]), "x: samples are of several"),
        ({"volumes": noise(0), "labels": noise(0), "shapes": np.zeros((0, 3), int)}, "'shapes'"),
        ({"volumes": noise(64), "labels": noise(64), "shapes": np.array([8, 8])}, "'shapes'"),
        ({"volumes": noise(64), "labels": noise(64), "shapes": np.array([["8"] * 3])}, "whole"),
        ({"volumes": noise(64), "labels": noise(64), "shapes": np.array([[8.5, 8, 1]])}, "whole"),
        (
            {"volumes": noise(1024), "labels": noise(512), "shapes": np.full((2, 3), 8)},
            "'labels' has 512 values, 'shapes' say 1024",
        ),
    ],
)
def test_arrays_that_are_no_pairs(source, says):
    with pytest.raises(DataError, match=says):
        load_masks(source)


@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("colours", [0, 1, 3])
def test_masks_may_have_an_axis_of_channels(axis, colours):
    """As PyTorch and Keras lay them out; they are pictures all the same."""
    y = noise(30, 9, 8) // 128
    plain = noise(30, 9, 8)
    x = plain if not colours else np.stack([plain] * colours, axis)
    masks = np.expand_dims(y, axis)
    for given in (masks, y):
        assert recognised((x, given)).task == "segmentation"
        task = load_masks((x, given))
        assert task.input == (max(1, colours), 16, 8)
        assert np.array_equal(task.data["train"][1], load_masks((plain, y)).data["train"][1])


def test_what_is_taken_for_the_background_is_said():
    x, y = noise(30, 8, 8), noise(30, 8, 8) // 128
    assert not any("background" in note for note in load_masks((x, y)).notes)
    assert any(
        note.startswith("hint: 1, the lowest value") for note in load_masks((x, y + 1)).notes
    )
    blurred = y * np.uint8(255)
    blurred[:, 0, 0] = 127
    (said,) = [note for note in load_masks((x, blurred)).notes if "255 in a mask" in note]
    assert said.startswith("hint:")
    several = np.where(y, np.uint8(255), np.arange(8, dtype=np.uint8) % 3)
    (said,) = [note for note in load_masks((x, several)).notes if "255 in a mask" in note]
    assert not said.startswith("hint:")


def test_masks_may_be_whole_numbers_of_any_type():
    y = noise(9, 8, 8) // 128
    for masks in (y.astype(bool), y.astype(np.float32), y.astype(np.int64)):
        assert np.array_equal(load_masks((noise(9, 8, 8), masks)).data["train"][1] > 0,
                              load_masks((noise(9, 8, 8), y)).data["train"][1] > 0)  # fmt: skip


def test_channels_of_volumes_may_come_last():
    plain, y = noise(20, 16, 16, 12), np.arange(20) % 2
    for channels in (1, 3):
        first = np.stack([plain] * channels, 1)
        last = np.moveaxis(first, 1, -1)
        expected = load_volumes((first, y))
        assert expected.input == (channels, 16, 16, 16)
        assert np.array_equal(load_volumes((last, y)).data["train"][0], expected.data["train"][0])


def test_lists_of_several_sizes_are_one_line():
    sizes = [(8, 8, 8), (8, 8, 9)] * 4
    x, y = [noise(*size) for size in sizes], [0, 1] * 4
    for refused in (
        lambda: recognised((x, y)),
        lambda: recognised(([a[0] for a in x], [a[0] // 128 for a in x])),
        lambda: load_volumes((x, y)),
        lambda: load_images(([a[0] for a in x], y)),
    ):
        with pytest.raises(DataError, match="samples are of several sizes"):
            refused()


def test_volumes_are_of_two_classes():
    with pytest.raises(DataError, match="at least two classes"):
        load_volumes((noise(9, 8, 8, 8), np.zeros(9, int)))


def test_an_empty_folder_is_one_line(tmp_path):
    for load in (load_masks, load_volumes):
        with pytest.raises(DataError) as error:
            load(tmp_path)
        assert "\n" not in str(error.value)
