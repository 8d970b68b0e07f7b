"""Judges: their metrics are those of scikit-learn, and what they decide is said."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    mean_absolute_error,
    precision_score,
    r2_score,
    recall_score,
    root_mean_squared_error,
)

from brickwork.errors import DataError, TrainingError
from brickwork.quantity import METRICS, How
from brickwork.tasks.judging import ClassJudge, MaskJudge, NumberJudge, judge_of
from brickwork.tasks.judging.areas import mean_area
from brickwork.tasks.judging.spread import of_area, of_part, of_parts

RNG = np.random.default_rng(0)


def answers(classes: int, n: int = 300):
    labels = np.concatenate([np.arange(classes), RNG.integers(0, classes, n)])
    logits = RNG.normal(size=(len(labels), classes)).astype(np.float32)
    logits[np.arange(len(labels)), labels] += 1
    return logits, labels


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_classes_are_judged_as_scikit_learn_does(classes):
    logits, labels = answers(classes)
    judge = ClassJudge(tuple(map(str, range(classes))))
    found, said = judge.metrics(logits, labels, "x"), logits.argmax(1)
    assert found["balanced_accuracy"].value == pytest.approx(balanced_accuracy_score(labels, said))
    assert found["macro_f1"].value == pytest.approx(f1_score(labels, said, average="macro"))
    if classes == 2:
        assert found["sensitivity"].value == pytest.approx(recall_score(labels, said))
        assert found["specificity"].value == pytest.approx(recall_score(1 - labels, 1 - said))
    rows = judge.details(logits, labels)["classes"]
    recall = recall_score(labels, said, average=None)
    precision = precision_score(labels, said, average=None)
    assert [row["found (recall)"] for row in rows] == pytest.approx(recall)
    assert [row["right when said (precision)"] for row in rows] == pytest.approx(precision)
    for name, quantity in found.items():
        assert quantity.unit == METRICS[name].unit
        assert quantity.how is How.MEASURED
        assert quantity.spread > 0


def test_spreads_cover_what_new_samples_show():
    judge = ClassJudge(("a", "b", "c"))
    draws = [judge.metrics(*answers(3, 200), "x") for _ in range(200)]
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        values = [draw[name].value for draw in draws]
        spread = np.mean([draw[name].spread for draw in draws])
        assert spread == pytest.approx(1.2816 * np.std(values), rel=0.25)


def test_calibration_error_is_nothing_for_honest_answers_and_large_for_boasts():
    chance = RNG.uniform(0.05, 0.95, 20_000)
    labels = (RNG.random(20_000) < chance).astype(int)
    logit = np.log(chance / (1 - chance))
    judge = ClassJudge(("no", "yes"))

    def error(scale: float) -> float:
        logits = np.stack([np.zeros_like(logit), scale * logit], 1)
        return judge.metrics(logits, labels, "x")["calibration_error"].value

    assert error(1.0) < 0.02
    assert error(4.0) > 0.1


def test_a_threshold_gives_what_it_says():
    logits, labels = answers(2)
    chance = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    points = ClassJudge(("well", "ill")).details(logits, labels)["points"]
    for point, wanted in zip(points, (0.9, 0.95, 0.98, 1.0), strict=True):
        said = chance >= float(f"{point['threshold']:.10g}")  # as it is printed
        assert said[labels == 1].mean() == pytest.approx(point["sensitivity"])
        assert (~said[labels == 0]).mean() == pytest.approx(point["specificity"])
        assert point["sensitivity"] >= wanted


@pytest.mark.parametrize(
    ("counts", "quality", "weighted", "said"),
    [
        ((50, 50), "accuracy", False, []),
        ((50, 100), "accuracy", True, ["rarer weigh more"]),
        ((20, 100), "balanced_accuracy", True, ["rarer weigh more", "83 % would take no network"]),
    ],
)
def test_uneven_classes_change_the_judge_and_it_says_so(counts, quality, weighted, said):
    judge, notes = ClassJudge.of(np.repeat([0, 1], counts), ("a", "b"))
    assert (judge.quality, bool(judge.weights)) == (quality, weighted)
    assert len(notes) == len(said)
    assert all(word in note for word, note in zip(said, notes, strict=True))


def test_numbers_are_judged_as_scikit_learn_does_in_their_own_unit():
    y = (100 + 20 * RNG.normal(size=(200, 1))).astype(np.float32)
    judge = NumberJudge.of(y, ("price",), "x")
    told = y + RNG.normal(size=y.shape) * 5
    found = judge.metrics((told - judge.mean) / judge.std, y, "x")
    assert found["rmse"].value == pytest.approx(root_mean_squared_error(y, told), rel=1e-5)
    assert found["mae"].value == pytest.approx(mean_absolute_error(y, told), rel=1e-5)
    assert found["r2"].value == pytest.approx(r2_score(y, told), rel=1e-5)
    assert judge.quality == "r2"


def test_of_several_numbers_each_has_its_own_row():
    """A mean of errors in different units hides that one of them is not learned."""
    y = np.stack([1000 + 20 * RNG.normal(size=99), 3e-4 * RNG.normal(size=99)], 1)
    judge = NumberJudge.of(y.astype(np.float32), ("far", "small"), "x")
    told = np.stack([y[:, 0] + RNG.normal(size=99), np.zeros(99)], 1)
    answers = (told - judge.mean) / judge.std
    rows = judge.details(answers, y)["numbers"]
    assert [row["number"] for row in rows] == ["far", "small"]
    for i, row in enumerate(rows):
        assert row["R²"] == pytest.approx(r2_score(y[:, i], told[:, i]))
        expected = root_mean_squared_error(y[:, i], told[:, i])
        assert float(row["RMSE"]) == pytest.approx(expected, rel=1e-3)
        assert float(row["MAE"]) == pytest.approx(
            mean_absolute_error(y[:, i], told[:, i]), rel=1e-3
        )
    assert "mean over 2 numbers" in judge.metrics(answers, y, "x")["rmse"].source
    alike = np.tile(y[:1], (99, 1))
    assert judge.details(answers, alike)["numbers"][0]["R²"] == "-"
    assert judge.metrics(answers, alike, "x")["r2"].how == "unknown"
    one = NumberJudge.of(y[:, :1].astype(np.float32), ("far",), "x")
    assert one.details(answers[:, :1], y[:, :1]) == {}


@pytest.mark.parametrize("r2", [0.67, 0.9])
def test_the_interval_of_r2_holds_it(r2):
    """The variance of the labels is no better known than the error."""
    rng, judge = np.random.default_rng(0), NumberJudge(("a",), (0.0,), (1.0,))
    inside = []
    for _ in range(600):
        told = rng.normal(size=(140, 1))
        y = told + math.sqrt(1 / r2 - 1) * rng.normal(size=told.shape)
        found = judge.metrics(told, y, "x")["r2"]
        inside.append(abs(found.value - r2) <= found.spread)
    assert 0.7 < np.mean(inside) < 0.88


@pytest.mark.parametrize("scales", [(1.0,), (1.0, 30.0)])
def test_the_interval_of_an_error_holds_it(scales):
    """Also where outputs have very different units."""
    rng = np.random.default_rng(1)
    judge = NumberJudge(tuple("ab"[: len(scales)]), (0.0,) * len(scales), (1.0,) * len(scales))
    inside = []
    for _ in range(600):
        y = rng.normal(size=(140, len(scales)))
        found = judge.metrics(y + scales * rng.normal(size=y.shape), y, "x")["rmse"]
        inside.append(abs(found.value - np.mean(scales)) <= found.spread)
    assert 0.72 < np.mean(inside) < 0.88


def test_the_loss_of_numbers_is_least_at_the_truth():
    y = torch.tensor([[1.0], [3.0], [8.0]])
    judge = NumberJudge.of(y.numpy(), ("a",), "x")
    right = (y - judge.mean[0]) / judge.std[0]
    assert float(judge.loss(right, y, 0.0)) == pytest.approx(0.0, abs=1e-9)
    assert float(judge.loss(right + 1, y, 0.0)) == pytest.approx(0.5)


def test_a_number_that_never_changes_is_no_task():
    with pytest.raises(DataError, match="here: 'b' is the same for all training samples"):
        NumberJudge.of(np.array([[1.0, 2.0], [3.0, 2.0]], np.float32), ("a", "b"), "here")


def test_labels_that_never_change_have_no_r2():
    judge = NumberJudge(("a",), (0.0,), (1.0,))
    found = judge.metrics(np.ones((4, 1)), np.ones((4, 1)), "x")
    assert math.isnan(found["r2"].value)
    assert found["r2"].how is How.UNKNOWN


def test_mere_background_is_no_merit():
    """Nine masks of ten are empty: to find nothing is worth nothing, to find the tenth all."""
    judge = MaskJudge(("0", "1"))
    y = np.zeros((10, 8, 8), np.uint8)
    y[0, 2:5, 2:5] = 1
    nothing = np.moveaxis(np.eye(2)[np.zeros_like(y)], -1, 1)
    assert judge.metrics(nothing, y, "x")["dice"].value == 0
    found = judge.metrics(np.moveaxis(np.eye(2)[y], -1, 1), y, "x")["dice"]
    assert found.value == 1
    assert "1 of 10 samples" in found.source
    more = y.copy()
    more[1, 0, 0] = 1  # said where nothing is
    assert judge.metrics(np.moveaxis(np.eye(2)[more], -1, 1), y, "x")["dice"].value == 0.5
    empty = judge.metrics(nothing[1:], y[1:], "x")
    assert empty["dice"].how is How.UNKNOWN
    assert empty["accuracy"].value == 1


JUDGES = [
    ClassJudge(("a", "b"), "balanced_accuracy", (1.0, 2.0)),
    NumberJudge(("a",), (1.0,), (2.0,)),
    MaskJudge(("nothing", "a"), weights=(0.5, 1.0)),
]


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: type(judge).__name__)
def test_a_judge_makes_the_round_trip_through_json(judge):
    assert judge_of(json.loads(json.dumps(judge.to_json()))) == judge
    assert METRICS[judge.quality].quality


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: type(judge).__name__)
def test_answers_that_are_not_finite_are_no_answers(judge):
    masks = isinstance(judge, MaskJudge)
    shape = (5, len(judge.names), *((4, 4) if masks else ()))
    bad = np.zeros(shape, np.float32)
    bad[2] = np.nan
    labels = np.zeros((5, 4, 4) if masks else 5, int)
    with pytest.raises(TrainingError, match="1 of 5 samples"):
        judge.metrics(bad, labels if not isinstance(judge, NumberJudge) else bad, "x")


@pytest.mark.parametrize("count", [1, 6, 60])
def test_a_perfect_score_is_not_certain(count):
    labels = np.repeat([0, 1, 2], count)
    logits = 50 * np.eye(3, dtype=np.float32)[labels]
    judge = ClassJudge(("a", "b", "c"))
    found = judge.metrics(logits, labels, "x")
    z2 = 1.2815515655446004**2
    for name, quantity in found.items():
        assert quantity.value == (0 if name == "calibration_error" else 1)
        assert 0 < quantity.spread < 1
    below = z2 / (3 * count + z2)  # Wilson's interval of all right, which is on one side
    assert found["accuracy"].spread == pytest.approx(below)
    assert found["calibration_error"].spread == pytest.approx(below)
    assert found["macro_f1"].spread == found["balanced_accuracy"].spread > below
    for row in judge.details(logits, labels)["classes"]:
        assert row["± found"] == row["± right"] == pytest.approx(z2 / (count + z2))
    masks = np.repeat(labels[:, None], 4, 1)
    answer = np.repeat(logits[:, :, None], 4, 2)
    dice = MaskJudge(("nothing", "b", "c"))
    told = z2 / (2 * count + z2)  # a third of them is background, which does not count
    assert dice.metrics(answer, masks, "x")["dice"].spread == pytest.approx(told)
    assert all(row["±"] > 0 for row in dice.details(answer, masks)["classes"])


def test_two_classes_without_an_error_are_not_certain_either():
    labels = np.repeat([0, 1], (40, 20))
    logits = 50 * np.eye(2, dtype=np.float32)[labels]
    judge = ClassJudge(("well", "ill"))
    found = judge.metrics(logits, labels, "x")
    assert found["sensitivity"].spread > found["specificity"].spread > 0.01
    assert 0.01 < found["auc"].spread < 0.1
    for point in judge.details(logits, labels)["points"]:
        assert point["± sensitivity"] > point["± specificity"] > 0.01


@pytest.mark.parametrize(("apart", "a", "b"), [(1.0, 50, 50), (3.0, 30, 60), (1.5, 20, 200)])
def test_the_interval_of_an_area_holds_it(apart, a, b):
    true = 0.5 * (1 + math.erf(apart / 2))
    inside = []
    for _ in range(300):
        ill, well = RNG.normal(apart, 1, a), RNG.normal(0, 1, b)
        area = float((ill[:, None] > well).mean())
        inside.append(abs(area - true) <= of_area(area, a, b))
    assert 0.7 < np.mean(inside) < 0.97


@pytest.mark.parametrize(
    ("n", "apart", "shares"),
    [(500, 2.0, (1 / 6,) * 6), (500, 1.0, (1 / 6,) * 6), (200, 1.5, (0.6, 0.2, 0.2))],
)
def test_the_interval_of_a_mean_of_areas_holds_it_and_is_no_wider(n, apart, shares):
    """One sample counts in the area of each class: their errors are not those of one area."""
    rng = np.random.default_rng(0)

    def drawn(n: int) -> tuple[float, float]:
        labels = rng.choice(len(shares), n, p=shares)
        logits = rng.normal(size=(n, len(shares)))
        logits[np.arange(n), labels] += apart
        return mean_area(apart * logits, labels)

    true, _ = drawn(200_000)
    found = np.array([drawn(n) for _ in range(300)])
    assert 0.72 < np.mean(np.abs(found[:, 0] - true) <= found[:, 1]) < 0.88
    assert found[:, 1].mean() == pytest.approx(1.2816 * found[:, 0].std(), rel=0.15)


def test_a_class_with_one_sample_leaves_the_mean_of_areas_uncertain():
    labels = np.array([0] * 50 + [1] * 50 + [2])
    logits = 5 * np.eye(3)[labels]
    logits[0] = logits[-1]  # two samples that look alike
    area, spread = mean_area(logits, labels)
    assert 0.98 < area < 1
    assert spread > of_area(0.99, 1, 100) / 3


def test_the_area_of_two_classes_is_that_of_the_integers_behind_them():
    """A scale rounds: equal differences of integers must be equal after it."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 2000)
    whole = np.clip(np.round(rng.normal(0, 40, (2000, 2))), -128, 127)
    whole[:, 1] = np.clip(whole[:, 1] + 20 * labels, -128, 127)
    answers = (whole - 17).astype(np.float32) * np.float32(0.0837162)
    apart = whole[:, 1] - whole[:, 0]
    ill, well = apart[labels == 1][:, None], apart[labels == 0]
    expected = ((ill > well).mean() + (ill >= well).mean()) / 2
    judge = ClassJudge(("well", "ill"))
    assert judge.metrics(answers, labels, "x")["auc"].value == pytest.approx(expected, abs=1e-12)


def test_the_area_of_numbers_that_are_no_integers_is_that_of_each_of_them():
    """However near two answers of a float file are, they are two."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 3000)
    near = np.repeat(rng.normal(size=1500), 2) + np.tile([0.0, 1e-8], 1500)
    answers = np.stack([np.zeros(3000), near], 1)
    apart = answers[:, 1] - answers[:, 0]
    ill, well = apart[labels == 1][:, None], apart[labels == 0]
    expected = ((ill > well).mean() + (ill >= well).mean()) / 2
    assert mean_area(answers, labels)[0] == pytest.approx(expected, abs=1e-12)


def test_an_area_next_to_perfect_is_nearly_as_uncertain_as_a_perfect_one():
    assert of_area(0.9999, 30, 30) == pytest.approx(of_area(1.0, 30, 30), rel=0.6)
    assert of_area(1.0, 30, 30) > of_area(1.0, 300, 300) > 0


def test_a_mean_of_parts_is_about_as_certain_as_the_whole():
    """One of 360 wrong: nine perfect classes do not make the mean of ten much less certain."""
    assert of_parts([36] * 9 + [35], [36] * 10) < 2 * of_part(359, 360)
    assert of_parts([359], [360]) == pytest.approx(of_part(359, 360))
    assert of_parts([36], [36]) == pytest.approx(of_part(36, 36))
    rng = np.random.default_rng(0)
    for rates in ([0.99] * 10, [0.9, 0.95, 0.99], [0.6, 0.8]):
        held = []
        for _ in range(2000):
            right = rng.binomial(40, rates)
            half = of_parts(right.tolist(), [40] * len(rates))
            held.append(abs(right.mean() / 40 - np.mean(rates)) <= half)
        assert 0.75 < np.mean(held) < 0.97
