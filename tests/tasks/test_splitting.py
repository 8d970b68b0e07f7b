"""Splits: groups stay together, and what is in two splits is told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickwork.errors import DataError
from brickwork.tasks.image import load_images
from brickwork.tasks.raw import Raw
from brickwork.tasks.splitting import encode_labels, grouped, leaks, with_all_splits

PARTS = {"test": 0.2, "val": 0.2}


@given(st.integers(3, 30), st.integers(0, 5))
def test_no_group_is_in_two_parts_and_nothing_is_lost(count, seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, count, 300)
    groups[:count] = np.arange(count)
    labels = rng.integers(0, 3, 300)
    parts = grouped(labels, groups, PARTS, rng)
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(300))
    members = [set(groups[rows]) for rows in parts.values()]
    assert sum(map(len, members)) == count
    assert all(members)


def test_parts_are_close_to_their_shares_of_every_class():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 60, 3000)
    labels = (groups % 3 + (rng.random(3000) < 0.3)) % 3
    parts = grouped(labels, groups, PARTS, rng)
    for name, share in {**PARTS, "train": 0.6}.items():
        got = np.bincount(labels[parts[name]]) / np.bincount(labels)
        assert got == pytest.approx(share, abs=0.06)


def test_as_many_groups_as_parts_are_needed():
    with pytest.raises(DataError, match="there are 2 groups, at least 3 are needed"):
        grouped(np.zeros(9, int), np.arange(9) % 2, PARTS, np.random.default_rng(0))


def raw(**groups):
    x = {split: np.arange(20.0).reshape(20, 1) + 100 * i for i, split in enumerate(groups)}
    y = {split: np.arange(20) % 2 for split in groups}
    return Raw("r", "r", "here", x, y, groups={k: v for k, v in groups.items() if v is not None})


def test_groups_of_the_source_are_kept_in_one_split():
    source = raw(train=np.arange(20) // 2)
    data, notes = with_all_splits(source, source.y, 0, {})
    where = {split: set((x[:, 0] // 2).astype(int)) for split, (x, _) in data.items()}
    assert not where["train"] & where["test"]
    assert not where["train"] & where["val"]
    assert notes[0].endswith("taken from the training samples, each group in one split, seed 0")


def test_groups_that_are_in_two_given_splits_are_told():
    source = raw(train=np.arange(20), test=np.arange(19, 39))
    _, notes = with_all_splits(source, source.y, 0, {"val": 0.2})
    assert any("1 groups are in train and in test, such as '19'" in note for note in notes)


def test_samples_that_are_in_two_splits_are_told():
    x = np.arange(12.0).reshape(6, 2)
    y = np.zeros(6, int)
    assert leaks({"train": (x[:4], y[:4]), "test": (x[4:], y[4:])}) == ()
    (note,) = leaks({"train": (x[:4], y[:4]), "test": (x[3:], y[3:])})
    assert note == "leak: 1 sample is in train and in test: scores may flatter"
    texts = np.array(["a", "b"], object), np.array(["b"], object)
    assert len(leaks({"train": (texts[0], y[:2]), "test": (texts[1], y[:1])})) == 1


def patients(ill: int, n: int = 6) -> dict[str, np.ndarray]:
    of = np.repeat(np.arange(n), 10)
    x = np.random.default_rng(0).integers(0, 255, (10 * n, 8, 8)).astype(np.uint8)
    return {"x": x, "y": np.where(of < ill, "ill", "well"), "patient": of}


def test_a_class_that_a_split_lacks_is_said():
    """One patient is ill: whichever split it is in, others know nothing of the illness."""
    task = load_images(patients(1), group="patient")
    hints = [note for note in task.notes if note.startswith("hint:")]
    assert any("has no sample of 'ill', so no score tells of it" in note for note in hints)
    plain = load_images(patients(1))
    assert not any("no score tells" in note for note in plain.notes)
    with pytest.raises(DataError, match="the training split has no sample of '"):
        load_images(patients(1, n=3), group="patient")


def test_a_label_has_one_name_in_all_splits():
    raw = {"train": np.arange(12), "test": np.array(["9", "10", "11", "0"])}
    codes, names = encode_labels(raw, "here")
    assert [names[code] for code in codes["test"]] == ["9", "10", "11", "0"]
    assert codes["train"].tolist() == list(range(12))


def test_splits_that_are_given_stay_beside_a_rule():
    rng = np.random.default_rng(0)
    made = {
        "x_train": rng.integers(0, 255, (60, 8, 8)).astype(np.uint8),
        "y_train": np.arange(60) % 2,
        "x_valid": rng.integers(0, 255, (20, 8, 8)).astype(np.uint8),
        "y_valid": np.arange(20) % 2,
        "day": np.arange(60),
    }
    task = load_images(made, test="day>=45")
    assert {split: len(x) for split, (x, _) in task.data.items()} == {
        "train": 45,
        "val": 20,
        "test": 15,
    }
