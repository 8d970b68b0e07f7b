"""Volumes and masks: what is read, in which shape, and what is refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from brickwork.errors import DataError, SpaceError
from brickwork.recognising import recognised
from brickwork.spaces.masks import unet
from brickwork.tasks.changing import VoxelChanges
from brickwork.tasks.judging import MaskJudge
from brickwork.tasks.judging.masks import NOWHERE
from brickwork.tasks.segmentation import load_masks
from brickwork.tasks.volume import load_volumes
from brickwork.tasks.voxels import fitted, prepare, resampled, usual

RNG = np.random.default_rng(0)


def nifti(path: Path, volume: np.ndarray, spacing: tuple[float, ...] = (1.0, 1.0, 1.0)) -> None:
    nibabel = pytest.importorskip("nibabel", reason="the extra 'medical' is not installed")
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([*spacing, 1.0])), path)


def volumes(n: int = 12, side: int = 8) -> tuple[np.ndarray, np.ndarray]:
    x = RNG.integers(0, 255, (n, side, side, side)).astype(np.uint8)
    return x, (x > 127).astype(np.uint8)


# --- what is read ---------------------------------------------------------------------------------


def test_samples_of_several_sizes_are_put_into_one_shape():
    sizes = [(5, 6, 7), (9, 6, 7), (8, 8, 8)] * 4
    x = [RNG.integers(0, 255, size).astype(np.uint8) for size in sizes]
    flat = {
        "volumes": np.concatenate([part.ravel() for part in x]),
        "labels": np.concatenate([(part > 99).astype(np.uint8).ravel() for part in x]),
        "shapes": np.array(sizes),
    }
    task = load_masks(flat)
    assert (task.input, task.classes, task.quality) == ((1, 16, 8, 8), ("0", "1"), "dice")
    assert any("put into 16x8x8" in note for note in task.notes)
    for split in ("train", "val", "test"):
        for image, mask in zip(*task.arrays(split), strict=True):
            here = mask != NOWHERE
            assert np.array_equal(image[0][here] > 99, mask[here] == 1)
            assert not image[0][~here].any()
    together = sum(int((task.data[s][1] != NOWHERE).sum()) for s in task.splits)
    assert together == len(flat["volumes"])


@pytest.mark.parametrize("form", ["first", "last", "none"])
def test_channels_are_told_by_the_masks(form):
    x = RNG.integers(0, 255, (9, 8, 8, 3)).astype(np.uint8)
    y = RNG.integers(0, 3, (9, 8, 8))
    given = {"first": np.moveaxis(x, -1, 1), "last": x, "none": x[..., 0]}[form]
    task = load_masks((given, y))
    assert task.input == ((1 if form == "none" else 3), 8, 8)
    assert task.outputs == 3


def test_classes_of_masks_need_not_be_counted_from_zero():
    x, y = volumes()
    task = load_masks((x, np.where(y == 1, 7, 2)))
    assert task.classes == ("2", "7")
    assert set(np.unique(task.data["train"][1])) == {0, 1}


def test_a_folder_of_pictures_and_masks(tmp_path):
    for i in range(6):
        for folder in ("images", "masks"):
            (tmp_path / folder).mkdir(exist_ok=True)
            pixels = RNG.integers(0, 2, (8, 10)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{i}.png")
    assert recognised(tmp_path).task == "segmentation"
    assert load_masks(tmp_path).input == (1, 8, 16)


def test_volumes_of_another_spacing_are_resampled(tmp_path):
    for i in range(6):
        x, y = volumes(1)
        wide = i == 0
        nifti(tmp_path / "images" / f"{i}.nii.gz", x[0], (2.0, 1.0, 1.0) if wide else (1.0,) * 3)
        nifti(tmp_path / "labels" / f"{i}.nii.gz", y[0], (2.0, 1.0, 1.0) if wide else (1.0,) * 3)
    task = load_masks(tmp_path)
    assert task.input == (1, 16, 8, 8)
    assert any("resampled to 1 x 1 x 1 mm" in note for note in task.notes)


def test_resampling_leaves_bytes_what_they_are():
    """Else only what is resampled would be scaled, and brightness tell how a scan was made."""
    ramp = np.linspace(40, 90, 8).astype(np.uint8)[:, None, None] * np.ones((1, 8, 8), np.uint8)
    grown = resampled(ramp, (2.0, 1.0, 1.0), (1.0, 1.0, 1.0), labels=False)
    assert grown.dtype == np.uint8
    assert (grown.min(), grown.max()) == (ramp.min(), ramp.max())
    precise = resampled(ramp + 0.25, (2.0, 1.0, 1.0), (1.0, 1.0, 1.0), labels=False)
    assert precise.max() == 90.25


def test_bytes_are_scaled_where_not_all_samples_are_bytes(tmp_path):
    """One scan of a set is often stored in another type: it is not of another brightness."""
    dark, masks = volumes(12, 8)
    dark //= 4
    for i, (scan, mask) in enumerate(zip(dark, masks, strict=True)):
        nifti(tmp_path / "images" / f"{i}.nii", scan if i < 6 else scan * np.float32(20))
        nifti(tmp_path / "labels" / f"{i}.nii", mask)
    task = load_masks(tmp_path)
    every = np.concatenate([task.data[split][0] for split in task.splits])
    assert every.reshape(12, -1).max(axis=1).tolist() == [255] * 12
    about = json.loads(task.files["prepare.json"])
    made = prepare([scan[None] for scan in dark], about)
    assert sorted(sample.tobytes() for sample in made) == sorted(x.tobytes() for x in every)
    assert load_volumes((dark, np.arange(12) % 2)).data["train"][0].max() < 64


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        (np.linspace(0, 1e-7, 4096), 256),  # small units, such as diffusion in m²/s
        (1e9 + np.linspace(0, 100, 4096), 256),  # far from zero
        (np.concatenate([np.zeros(4090), np.arange(6) * 51.0]), 6),  # nearly all background
        (np.full(4096, 7.0), 1),
    ],
)
def test_grey_levels_survive_whatever_the_unit(values, levels):
    scaled = usual(values.reshape(1, 16, 16, 16))
    assert len(np.unique(scaled)) == levels


def test_resampling_keeps_classes_and_size_in_space():
    mask = np.zeros((4, 4, 4), np.uint8)
    mask[:2] = 3
    grown = resampled(mask, (2.0, 1.0, 1.0), (1.0, 1.0, 1.0), labels=True)
    assert grown.shape == (8, 4, 4)
    assert set(np.unique(grown)) == {0, 3}


def test_a_folder_of_class_folders_of_volumes(tmp_path):
    for i in range(10):
        nifti(tmp_path / ("ill" if i % 2 else "well") / f"{i}.nii", volumes(1)[0][0].astype(float))
    assert recognised(tmp_path).task == "volume-classification"
    task = load_volumes(tmp_path)
    assert (task.input, task.classes) == ((1, 8, 8, 8), ("ill", "well"))
    assert any("scaled to 0..255" in note for note in task.notes)


def test_patients_stay_in_one_split():
    x, y = volumes(20)
    task = load_masks({"x": x, "y": y, "patient": np.arange(20) // 4}, group="patient")
    assert any("each group in one split" in note for note in task.notes)
    task = load_volumes(
        {"x": x, "y": np.arange(20) % 2, "patient": np.arange(20) // 4}, group="patient"
    )
    assert any("each group in one split" in note for note in task.notes)


def test_what_goes_with_a_model_makes_its_input():
    x = RNG.normal(size=(9, 1, 6, 7, 8))
    task = load_volumes((x, np.arange(9) % 2))
    about = json.loads(task.files["prepare.json"])
    made = prepare(list(x), about)
    assert made.shape[1:] == task.input
    seen = {sample.tobytes() for part in task.data.values() for sample in part[0]}
    assert seen == {sample.tobytes() for sample in made}
    compile(task.files["prepare.py"], "prepare.py", "exec")


def test_fitting_keeps_the_middle():
    row = np.arange(1, 6)[None]
    assert fitted(row, (8,), 0).tolist() == [[0, 1, 2, 3, 4, 5, 0, 0]]
    assert fitted(row, (3,), 0).tolist() == [[2, 3, 4]]


def test_real_volumes(shared_data, tmp_path):
    task = load_masks(shared_data / "volumes" / "hippocampus.npz")
    assert (task.input, task.outputs) == ((1, 48, 56, 48), 3)
    pytest.importorskip("nibabel", reason="the extra 'medical' is not installed")
    with zipfile.ZipFile(shared_data / "volumes/msd_hippocampus_nifti_samples.zip") as packed:
        packed.extractall(tmp_path)
    few = load_masks(tmp_path)
    assert few.outputs == 3
    assert sum(split.size for split in few.splits.values()) == 6
    every = np.concatenate([few.data[split][0] for split in few.splits])
    means = [scan[scan > 0].mean() for scan in every]  # one is of bytes, the others are not
    assert max(means) < 1.2 * min(means)


def test_a_split_whose_masks_lack_a_class_is_named():
    x, y = volumes(20)
    y[:12, 0, 0, 0] = 2
    splits = {
        "x_train": x[:12], "y_train": y[:12], "x_val": x[12:16], "y_val": y[12:16],
        "x_test": x[16:], "y_test": y[16:],
    }  # fmt: skip
    hints = [note for note in load_masks(splits).notes if note.startswith("hint: no mask")]
    assert hints == [
        f"hint: no mask of the {split} split has the class 2: no score tells of it"
        for split in ("val", "test")
    ]
    y[:12, 0, 0, 0] = 1
    y[16, 0, 0, 0] = 2
    with pytest.raises(DataError, match=r"test: a mask has the class 2, which no mask of train"):
        load_masks(splits)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda _: (np.zeros((9, 8, 8)), np.zeros((9, 8, 9), int)), "do not match"),
        (lambda _: (np.zeros((9, 8, 8)), np.zeros((9, 8, 8), int)), "nothing to tell"),
        (lambda _: (np.full((9, 8, 8), np.nan), np.ones((9, 8, 8), int)), "NaN"),
        (lambda _: (np.zeros((9, 8, 8)), np.full((9, 8, 8), 0.5)), "whole numbers"),
        (lambda f: f, "expected the folders images/ and labels/"),
        (lambda f: f / "none", "no such file"),
        (lambda _: {"x": np.zeros((9, 8, 8)), "y": np.eye(9, 64).reshape(9, 8, 8).astype(int),
                    "other": 1}, "nothing is called 'patient'"),
    ],
)  # fmt: skip
def test_what_is_no_segmentation(tmp_path, make, says):
    with pytest.raises(DataError, match=says):
        load_masks(make(tmp_path), group="patient" if "patient" in says else "")


def test_a_missing_mask_is_named(tmp_path):
    for folder, names in (("images", "ab"), ("labels", "a")):
        (tmp_path / folder).mkdir()
        for name in names:
            Image.new("L", (8, 8)).save(tmp_path / folder / f"{name}.png")
    with pytest.raises(DataError, match=r"there is no mask b\.png"):
        load_masks(tmp_path)


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda p: p.write_bytes(b"not nifti"), "not a NIfTI file that can be read"),
        (lambda p: nifti(p, np.zeros((8, 8, 8, 3))), "has 4 axes"),
        (lambda p: nifti(p, np.full((8, 8, 8), np.nan)), "NaN"),
    ],
)
def test_a_bad_volume_is_named(tmp_path, write, says):
    pytest.importorskip("nibabel", reason="the extra 'medical' is not installed")
    for name in ("a/1.nii", "b/2.nii"):
        nifti(tmp_path / name, np.zeros((8, 8, 8)))
    write(tmp_path / "b" / "3.nii")
    with pytest.raises(DataError, match=says) as error:
        load_volumes(tmp_path)
    assert "3.nii" in str(error.value)


def test_volumes_need_three_axes():
    with pytest.raises(DataError, match="expected numbers"):
        load_volumes((np.zeros((9, 8, 8)), np.arange(9) % 2))


@pytest.mark.parametrize("shape", [(1, 9, 8), (1, 8, 8, 7), (1, 6, 8)])
def test_sides_must_be_even_and_long_enough(shape):
    with pytest.raises(SpaceError, match="needs even sides of at least 8"):
        unet(shape)


# --- judging and changing -------------------------------------------------------------------------


def test_dice_by_hand():
    judge = MaskJudge(("0", "1", "2"))
    y = np.array([[[1, 1], [0, NOWHERE]], [[2, 2], [2, 0]]], np.uint8)
    said = np.array([[[1, 0], [0, 1]], [[2, 2], [0, 1]]])
    answers = np.moveaxis(np.eye(3)[said], -1, 1)
    found = judge.metrics(answers, y, "x")
    # of the first 2 * 1 / (1 + 2); of the second class 1 was said once and is not there
    assert found["dice"].value == pytest.approx(np.mean([2 / 3, np.mean([0, 4 / 5])]))
    assert found["accuracy"].value == pytest.approx(np.mean([2 / 3, 2 / 4]))
    rows = judge.details(answers, y)["classes"]
    assert [(row["class"], row["samples"]) for row in rows] == [("1", 2), ("2", 1)]


def test_the_loss_falls_to_nothing_at_the_truth_and_does_not_see_what_was_added():
    judge = MaskJudge(("0", "1"))
    y = torch.from_numpy(RNG.integers(0, 2, (2, 4, 4)).astype(np.uint8))
    right = 20.0 * torch.stack([1 - y.float(), y.float()], 1)
    assert float(judge.loss(right, y, 0.0)) == pytest.approx(0.0, abs=0.05)
    assert float(judge.loss(-right, y, 0.0)) > 10
    outside = y.clone()
    outside[:, 0] = NOWHERE
    wrong = right.clone()
    wrong[:, :, 0] *= -1
    assert float(judge.loss(wrong, outside, 0.0)) == pytest.approx(
        float(judge.loss(right, outside, 0.0))
    )


@pytest.mark.parametrize("shape", [(16, 12), (8, 12, 10)])
def test_masks_move_with_their_samples(shape):
    y = torch.zeros((6, *shape), dtype=torch.uint8)
    y[(slice(None), *[slice(3, -3)] * len(shape))] = 1
    x = 200.0 * y.unsqueeze(1)
    moved, mask = VoxelChanges(True, 100.0, 0.0)(x, y, 0.8, torch.Generator().manual_seed(0))
    assert mask.dtype == y.dtype
    assert set(mask.unique().tolist()) <= {0, 1, NOWHERE}
    assert not torch.equal(mask, y)
    here = mask != NOWHERE
    bright = moved[:, 0] > moved.flatten(1).mean(1).view(-1, *[1] * len(shape))
    assert float((bright[here] == (mask[here] == 1)).float().mean()) > 0.93


@pytest.mark.parametrize("shape", [(32, 32), (24, 24, 24)])
def test_changes_do_not_depend_on_each_other(shape):
    count, axes = 150, len(shape)
    y = torch.zeros((count, *shape), dtype=torch.uint8)
    y[(slice(None), *[slice(side // 3, -(side // 3)) for side in shape])] = 1
    x = y.unsqueeze(1).float()
    changed, mask = VoxelChanges(True, 0.0, 1.0)(x, y, 1.0, torch.Generator().manual_seed(0))
    inside = (mask == 1).double().flatten(1)
    places = torch.stack(torch.meshgrid(*[torch.arange(n) for n in shape], indexing="ij"))
    middle = inside @ places.double().flatten(1).T / inside.sum(1, keepdim=True)
    light = changed.flatten(1).amin(1, keepdim=True)
    seen = torch.cat([inside.sum(1, keepdim=True), middle, light], 1)
    table = torch.corrcoef(seen.T) - torch.eye(axes + 2)
    assert float(table.abs().max()) < 0.35


@pytest.mark.parametrize("shape", [(6, 5), (4, 5, 3)])
def test_loss_and_score_agree_with_loops(shape):
    """Independent of the vectorised code: one position, one class, one sample at a time."""
    names = ("back", "a", "b")
    y = RNG.choice([0, 1, 2, NOWHERE], (3, *shape)).astype(np.uint8)
    answers = RNG.normal(size=(3, 3, *shape))
    entropies, both, sizes = [], np.zeros(3), np.zeros(3)
    dice = []
    for one, labels in zip(answers, y, strict=True):
        said, true = {}, {}
        for at in np.ndindex(*shape):
            if labels[at] == NOWHERE:
                continue
            values = np.array([one[(c, *at)] for c in range(3)])
            chances = np.exp(values) / np.exp(values).sum()
            entropies.append(-np.log(chances[labels[at]]))
            both[labels[at]] += chances[labels[at]]
            sizes += chances
            sizes[labels[at]] += 1
            said[at], true[at] = int(values.argmax()), int(labels[at])
        scores = []
        for c in (1, 2):
            a = {at for at, v in said.items() if v == c}
            b = {at for at, v in true.items() if v == c}
            if a or b:
                scores.append(2 * len(a & b) / (len(a) + len(b)))
        dice.append(np.mean(scores))
    wanted = np.mean(entropies) + 1 - np.mean((2 * both[1:] + 1) / (sizes[1:] + 1))
    judge = MaskJudge(names)
    found = judge.loss(torch.from_numpy(answers), torch.from_numpy(y), 0.0)
    assert float(found) == pytest.approx(wanted)
    assert judge.metrics(answers, y, "x")["dice"].value == pytest.approx(np.mean(dice))


def test_a_batch_without_any_position_has_a_loss_of_nothing_to_learn():
    judge = MaskJudge(("0", "1"))
    answers = torch.zeros((2, 2, 4, 4), requires_grad=True)
    loss = judge.loss(answers, torch.full((2, 4, 4), NOWHERE, dtype=torch.uint8), 0.0)
    loss.backward()
    assert torch.isfinite(loss)
    assert not answers.grad.any()
