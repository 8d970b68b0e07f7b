"""What every classification task needs: labels, splits, metrics."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from brickwork.errors import DataError, TrainingError
from brickwork.quantity import How
from brickwork.tasks.judging.classes import classification_metrics
from brickwork.tasks.judging.spread import wilson
from brickwork.tasks.scale import channel_statistics
from brickwork.tasks.splitting import encode_labels, stratified
from brickwork.tasks.task import checksum


@given(
    counts=st.lists(st.integers(3, 40), min_size=2, max_size=6),
    test=st.floats(0.05, 0.45),
    val=st.floats(0.05, 0.45),
    seed=st.integers(0, 5),
)
def test_a_split_is_a_partition_with_every_class_in_every_part(
    counts: list[int], test: float, val: float, seed: int
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    labels = np.random.default_rng(seed).permutation(labels)
    parts = stratified(labels, {"test": test, "val": val}, np.random.default_rng(seed))
    together = np.sort(np.concatenate(list(parts.values())))
    assert np.array_equal(together, np.arange(len(labels)))
    for indices in parts.values():
        assert set(labels[indices]) == set(range(len(counts)))
    for name, fraction in (("test", test), ("val", val)):
        got = np.bincount(labels[parts[name]])
        assert all(
            abs(g - fraction * n) <= 0.5 or g == 1 or n - g <= 2 + val * n + 0.5
            for g, n in zip(got, counts, strict=True)
        )


def test_a_split_depends_on_its_seed_only() -> None:
    labels = np.arange(60) % 3
    one, same, other = (
        stratified(labels, {"test": 0.2}, np.random.default_rng(seed))["test"] for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_labels_of_any_kind_become_numbers() -> None:
    codes, names = encode_labels({"train": np.array([7, -3, 7, 40]), "val": np.array([40])}, "x")
    assert names == ["-3", "7", "40"]
    assert codes["train"].tolist() == [1, 0, 1, 2]
    assert codes["val"].tolist() == [2]
    codes, names = encode_labels({"train": np.array(["dog", "cat", "dog"])}, "x")
    assert (names, codes["train"].tolist()) == (["cat", "dog"], [1, 0, 1])


def test_one_class_is_not_a_task() -> None:
    with pytest.raises(DataError, match=r"here: all training labels are '4'.*two classes"):
        encode_labels({"train": np.array([4, 4, 4])}, "here")


def test_a_label_that_training_never_saw_is_named() -> None:
    with pytest.raises(DataError, match=r"here: the test split has labels .* 'emu'.* 'cat', 'dog'"):
        encode_labels({"train": np.array(["cat", "dog"]), "test": np.array(["emu"])}, "here")


def test_a_checksum_sees_values_labels_shape_and_type() -> None:
    x, y = np.arange(12, dtype=np.uint8).reshape(3, 1, 2, 2), np.array([0, 1, 1])
    seen = {
        checksum(x, y),
        checksum(x[:, :, ::-1], y),
        checksum(x, y[::-1]),
        checksum(x.reshape(3, 1, 4, 1), y),
        checksum(x.astype(np.float32), y),
    }
    assert len(seen) == 5
    assert checksum(x.copy(), y.copy()) == checksum(x, y)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_metrics_equal_those_of_scikit_learn(classes: int) -> None:
    rng = np.random.default_rng(classes)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, 200)])
    logits = rng.normal(size=(len(labels), classes)).astype(np.float32)
    logits[np.arange(len(labels)), labels] += 1
    if classes == 2:
        logits = np.round(4 * logits) / 4  # makes ties that stay ties
    metrics = classification_metrics(logits, labels, "made up")
    assert metrics["accuracy"].value == (logits.argmax(1) == labels).mean()
    wide = logits.astype(np.float64)
    chances = np.exp(wide) / np.exp(wide).sum(1, keepdims=True)
    if classes == 2:
        expected = roc_auc_score(labels, wide[:, 1] - wide[:, 0])
    else:
        expected = roc_auc_score(labels, chances, multi_class="ovr", average="macro")
    assert metrics["auc"].value == pytest.approx(expected, abs=1e-9)
    for quantity in metrics.values():
        assert quantity.how is How.MEASURED
        assert quantity.unit == "fraction"
        assert "made up" in quantity.source


def test_auc_of_one_class_is_unknown() -> None:
    metrics = classification_metrics(np.zeros((4, 2), np.float32), np.zeros(4, np.int64), "x")
    assert math.isnan(metrics["auc"].value)
    assert metrics["auc"].how is How.UNKNOWN


def test_answers_that_are_not_finite_are_no_answers() -> None:
    logits = np.zeros((5, 3), np.float32)
    logits[2, 1] = np.nan
    with pytest.raises(TrainingError, match="1 of 5 samples"):
        classification_metrics(logits, np.array([0, 1, 2, 0, 1]), "x")


@pytest.mark.parametrize(("right", "n"), [(0, 10), (5, 10), (10, 10), (350, 359)])
def test_wilson_interval_solves_its_equation(right: int, n: int) -> None:
    # The ends p of the interval are where (p_hat - p)^2 = z^2 p (1 - p) / n.
    z = 1.2815515655446004
    p_hat = right / n
    roots = np.roots([1 + z * z / n, -(2 * p_hat + z * z / n), p_hat**2])
    assert wilson(right, n) == pytest.approx(abs(roots[0] - roots[1]) / 2)


def test_spread_of_auc_covers_what_resampling_shows() -> None:
    rng = np.random.default_rng(0)
    areas, spreads = [], []
    for _ in range(300):
        labels = np.repeat([0, 1], 60)
        score = rng.normal(size=120) + 1.2 * labels
        logits = np.stack([np.zeros(120), score], 1).astype(np.float32)
        auc = classification_metrics(logits, labels, "x")["auc"]
        areas.append(auc.value)
        spreads.append(auc.spread)
    assert np.mean(spreads) == pytest.approx(1.2816 * np.std(areas), rel=0.15)


@pytest.mark.parametrize(
    ("mean", "std", "rounded"),
    [
        (0.130661, 0.308107, 0.13066),
        (-3.14159265, 20.0, -3.1416),
        (101324.3748, 0.768049, 101324.3748),
        (130.660447, 78.0, 130.66),
        (0.0, 1.0, 0.0),
    ],
)
def test_a_mean_keeps_the_digits_that_matter(mean: float, std: float, rounded: float) -> None:
    """Five, or so many that nothing is moved by a ten-thousandth of a deviation."""
    x = mean + std * np.array([-1.0, 1.0]).reshape(2, 1, 1)
    found = channel_statistics(x, "here")
    assert found.mean[0] == pytest.approx(rounded, rel=1e-9)
    assert abs(found.mean[0] - mean) <= 1e-4 * std
    assert found.std[0] == pytest.approx(std, rel=1e-4)
