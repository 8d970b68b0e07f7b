"""Scikit-learn's form for each kind of data: what is fitted is predicted by the same route."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

import brickwork.api
from brickwork import Classifier, Regressor
from brickwork.config import Run, task_for
from brickwork.errors import DataError
from brickwork.names import INPUTS, load
from brickwork.tasks.raw import Raw
from brickwork.tasks.splitting import encode_labels, with_all_splits
from brickwork.trial import rng_for

polars = pytest.importorskip("polars")

N = 48
CLASSES = np.arange(N) % 2
ANIMALS = np.array(["dog", "cat"])[CLASSES]
QUICK = {"budget": "40s", "max_trials": 1, "workers": 1, "strategy": "random"}
_rng = rng_for(0, "kinds")


def pictures(*shape: int, high: int = 255) -> Any:
    """Noise, brighter in one half: the left one, or the upper one, of the last two axes."""
    x = _rng.uniform(0, 0.4 * high, (N, *shape))
    x[1::2, ..., : shape[-1] // 2] += 0.5 * high
    x[::2, ..., : shape[-2] // 2, :] += 0.5 * high
    return x


def last(x: Any) -> Any:
    """The same with channels last."""
    return np.ascontiguousarray(np.moveaxis(x, 1, -1))


def waves(channels: int = 0, length: int = 30) -> Any:
    """Slow or quick swinging, ``(n, length)`` or ``(n, channels, length)``."""
    at = np.arange(length) / np.where(CLASSES, 5.0, 2.0)[:, None, None]
    phase = _rng.uniform(0, 6, (N, max(1, channels), 1))
    x = np.sin(at + phase) + 0.1 * _rng.standard_normal((N, max(1, channels), length))
    return x if channels else x[:, 0]


def cut(x: Any, axis: int = -1) -> list[Any]:
    """The same in several lengths."""
    lengths = [x[0].shape[axis] - i % 7 for i in range(len(x))]
    return [one.take(range(end), axis) for one, end in zip(x, lengths, strict=True)]


def rows(gaps: bool = False) -> Any:
    """Numbers, the first of which tells; some are missing."""
    x = _rng.standard_normal((N, 4))
    x[:, 0] += 4 * CLASSES
    if gaps:
        x[::5, 1] = np.nan
    return x


def mixed() -> Any:
    """Cells of several kinds: a number, a word, a truth, a gap."""
    x = np.empty((N, 4), object)
    x[:, 0], x[:, 1] = (
        _rng.standard_normal(N),
        np.array(["hen", "cow", "pig"])[_rng.integers(3, size=N)],
    )
    x[:, 2], x[:, 3] = CLASSES.astype(bool), [None if i % 4 == 0 else i % 3 for i in range(N)]
    return x


def texts() -> list[str]:
    said = [("bad", "awful", "sad"), ("good", "lovely", "glad")]
    return [f"{said[i % 2][i % 3]} news from place number {i} today" for i in range(N)]


def many_classes() -> Any:
    """Rows of twelve classes, whose names have another order as texts than as numbers."""
    x = _rng.standard_normal((144, 3)) / 8
    x[:, 0] += np.arange(144) % 12
    return x


@dataclass
class Kind:
    """Samples and labels, and the task that they are."""

    task: str
    x: Any
    y: Any = None
    settings: Any = ()


AMOUNTS = 3 * CLASSES + _rng.standard_normal(N) / 5
KINDS: dict[str, Callable[[], Kind]] = {
    "grey images": lambda: Kind("image", pictures(8, 9).astype(np.uint8)),
    "colour images": lambda: Kind("image", last(pictures(3, 8, 9)).astype(np.uint8)),
    "colour images in a list": lambda: Kind("image", list(last(pictures(3, 8, 9)))),
    "large colour images": lambda: Kind("image", last(pictures(3, 48, 50, high=900)).astype(int)),
    "channels first": lambda: Kind("image", pictures(3, 8, 9).astype(np.float32)),
    "one channel": lambda: Kind("series", waves()),
    "three channels": lambda: Kind("series", waves(3)),
    "channels behind time": lambda: Kind("series", last(waves(3))),
    "several lengths": lambda: Kind("series", cut(waves())),
    "several lengths, time first": lambda: Kind("series", cut(last(waves(3)), 0)),
    "series of a frame": lambda: Kind(
        "series", polars.DataFrame(waves()), settings={"task": "series-classification"}
    ),
    "series of a frame, as it looks": lambda: Kind(
        "series",
        polars.DataFrame(waves(), schema=[str(i) for i in range(30)]),
        np.array(["01", "02"])[CLASSES],  # not the numbers 1 and 2
    ),
    "amounts of series": lambda: Kind("series", waves(1), AMOUNTS),
    "volumes": lambda: Kind("volume", pictures(8, 8, 8)),
    "gaps": lambda: Kind("table", rows(gaps=True)),
    "cells of several kinds": lambda: Kind("table", mixed()),
    "rows in lists": lambda: Kind("table", mixed().tolist()),
    "many classes": lambda: Kind("table", many_classes(), np.arange(144) % 12),
    "amounts of rows": lambda: Kind("table", mixed(), AMOUNTS),
    "a frame": lambda: Kind(
        "table", polars.DataFrame({"a": rows(True)[:, 1], "b": ANIMALS, "c": rows()[:, 0]})
    ),
    "a frame with texts": lambda: Kind("text", polars.DataFrame({"n": CLASSES, "said": texts()})),
    "texts": lambda: Kind("text", texts()),
}


def some(x: Any, chosen: Any) -> Any:
    """Those samples."""
    return [x[i] for i in chosen] if isinstance(x, list) else x[np.asarray(chosen)]


def held_out(y: Any) -> Any:
    """Which samples a search with seed 0 holds out for its test."""
    if y.dtype.kind == "f":
        labels = {"train": y[:, None]}
    else:
        labels, _ = encode_labels({"train": y.astype(str)}, "here")
    raw = Raw("", "", "here", {"train": np.arange(len(y))}, {"train": y})
    return with_all_splits(raw, labels, 0, {})[0]["test"][0]


@pytest.mark.parametrize("name", [name for name in KINDS if name != "large colour images"])
def test_samples_are_predicted_as_they_were_tested(name, short):
    """The score of the samples that were held out is the one that the search measured."""
    short(6)
    kind = KINDS[name]()
    y = ANIMALS if kind.y is None else kind.y
    made, metric = (Regressor, "r2") if y.dtype.kind == "f" else (Classifier, "accuracy")
    model = made(**QUICK, **dict(kind.settings)).fit(kind.x, y)
    assert model._kind.partition("-")[0] == kind.task
    chosen = held_out(y)
    tested = some(kind.x, chosen)
    assert model.score(tested, y[chosen]) == pytest.approx(model.metrics_[metric].value, abs=1e-4)
    if made is Regressor:
        assert model.predict(some(tested, [0])) == pytest.approx(model.predict(tested)[:1])
    else:
        assert set(model.predict(kind.x)) <= set(y)
        assert model.predict_proba(tested).shape == (len(chosen), len(model.classes_))


@pytest.mark.parametrize("name", [name for name in KINDS if name != "series of a frame"])
def test_inputs_are_those_of_the_loader(name):
    """Samples that come later are given, split by split, what the loader made of the same."""
    kind = KINDS[name]()
    ending = "regression" if kind.y is not None and kind.y.dtype.kind == "f" else "classification"
    task = f"{kind.task}-{ending}"
    x, y = kind.x, ANIMALS if kind.y is None else kind.y
    if isinstance(x, list) and kind.task == "table":
        x = np.array(x, object)
    loaded = load(INPUTS, "task", task)
    made = task_for(Run.of(data="here", task=task), (x, y))
    for form in made.forms or ("",):
        shaped = made.in_form(form)
        about = json.loads(shaped.files.get("prepare.json", "{}"))
        later = loaded(x, about, shaped.input)
        assert later.dtype == shaped.arrays("test")[0].dtype
        assert np.array_equal(later[held_out(y)], shaped.arrays("test")[0])


def test_series_stand_as_those_of_the_training():
    """Alone, a square sample does not say which of its axes is time."""
    x = cut(last(waves(3)), 0)
    task = task_for(Run.of(data="here", task="series-classification"), (x, CLASSES))
    about = json.loads(task.files["prepare.json"])
    inputs = load(INPUTS, "task", task.kind)
    square = inputs([one[:3] for one in x], about, task.input)
    assert np.allclose(square[:, :, :3], [one[:3].T for one in x])
    assert np.array_equal(
        inputs([one.T for one in x], about, task.input), inputs(x, about, task.input)
    )
    with pytest.raises(DataError, match="different numbers of channels: 2 here, 3 in the training"):
        inputs(waves(2), about, task.input)


@pytest.fixture
def asked(monkeypatch):
    """What a search would have been asked, of which nothing is carried out."""
    found: dict[str, Any] = {}

    class Enough(Exception):
        pass

    def search(data, *args, **settings):
        found.update(settings, data=data, seed=args[2])
        raise Enough

    monkeypatch.setattr(brickwork.api, "search", search)

    def fit(model: Any, *args: Any) -> dict[str, Any]:
        with pytest.raises(Enough):
            model.fit(*args)
        return found

    return fit


@pytest.mark.parametrize("name", KINDS)
def test_groups_stay_in_one_split(name, asked):
    kind = KINDS[name]()
    y = ANIMALS if kind.y is None else kind.y
    made = Regressor if y.dtype.kind == "f" else Classifier
    patients = np.arange(len(y)) // 6
    told = asked(made(**dict(kind.settings)), kind.x, y, patients)
    run = Run.of(data="here", task=told["task"], reading={"group": told["group"]})
    task = task_for(run, told["data"])
    assert any("each group in one split" in note for note in task.notes)
    assert all(split.size % 6 == 0 for split in task.splits.values())
    plain = task_for(
        Run.of(data="here", task=told["task"]),
        asked(made(**dict(kind.settings)), kind.x, y)["data"],
    )
    assert (task.kind, task.input) == (plain.kind, plain.input)


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        (np.arange(7), "found 7 groups and 48 labels"),
        ([None, *range(47)], "groups: sample 0 has none"),
        (np.zeros(N), "there are 1 groups, at least 3 are needed"),
    ],
)
def test_groups_that_cannot_be(groups, says):
    with pytest.raises(ValueError, match=says):
        Classifier(**QUICK).fit(rows(), ANIMALS, groups)


def test_random_changes_are_those_asked_for(asked):
    kind = KINDS["grey images"]()
    assert asked(Classifier(augment="none"), kind.x, ANIMALS)["augment"] == "none"


def test_randomness_is_asked_for_as_scikit_learn_does(asked):
    x = rows()
    assert asked(Classifier(random_state=7), x, ANIMALS)["seed"] == 7
    assert asked(Classifier(random_state=np.int64(7)), x, ANIMALS)["seed"] == 7
    state = np.random.RandomState(3)
    first, second = (asked(Classifier(random_state=state), x, ANIMALS)["seed"] for _ in range(2))
    again = asked(Classifier(random_state=np.random.RandomState(3)), x, ANIMALS)["seed"]
    assert first == again != second
    assert isinstance(asked(Classifier(random_state=None), x, ANIMALS)["seed"], int)
    with pytest.raises(ValueError, match="cannot be used to seed"):
        Classifier(random_state="seven").fit(x, ANIMALS)


def test_classes_are_called_what_they_are(asked):
    """Unless that would not tell them apart."""
    x = rows()
    assert set(asked(Classifier(), x, ANIMALS)["data"][1]) == {"cat", "dog"}
    assert set(asked(Classifier(), x, CLASSES * 1.0)["data"][1]) == {"0.0", "1.0"}
    assert set(asked(Classifier(), x, np.array(["?", "a"])[CLASSES])["data"][1]) == {"0: ?", "1: a"}


def test_a_classifier_of_a_frame_tells_classes(asked):
    """Also where they are many numbers, which would be amounts in a file."""
    frame = polars.DataFrame({"a": _rng.standard_normal(90)})
    assert asked(Classifier(), frame, np.arange(90) % 30)["task"] == "table-classification"


@pytest.mark.parametrize(
    ("model", "x", "y", "error", "says"),
    [
        (
            Classifier(),
            rows()[:9],
            ["cat"] * 4 + ["ape"] * 4 + ["dog"],
            ValueError,
            "class 'dog' has 1",
        ),
        (Classifier(), [[1, "a"], [2]], [0, 1], ValueError, "give all as many cells"),
        (Classifier(), [[1, [2]], [2, 3]], [0, 1], ValueError, "list of lists of several lengths"),
        (Classifier(), [[{}, "a"]] * N, CLASSES, TypeError, "a cell of X is a dict"),
        (
            Classifier(),
            [*pictures(40, 50)[:-1], np.ones((41, 51))],
            CLASSES,
            ValueError,
            "one",
        ),
        (
            Classifier(task="segmentation"),
            rows(),
            CLASSES,
            ValueError,
            "'segmentation' is none of a",
        ),
        (Classifier(task="table-regression"), rows(), CLASSES, ValueError, "call brickwork.search"),
        (Classifier(), np.full((N, 4), np.inf), CLASSES, ValueError, "contains infinity"),
        (Classifier(), np.full((N, 9, 9), np.nan), CLASSES, ValueError, "NaN or infinite values"),
        (Classifier(), np.zeros((0, 9, 9)), [], ValueError, "X has no samples"),
        (Regressor(), pictures(3, 8, 8), AMOUNTS, ValueError, "series have the shape"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_line(model, x, y, error, says):
    with pytest.raises(error, match=says) as raised:
        model.fit(x, y)
    assert "\n" not in str(raised.value)


def test_what_is_predicted_has_to_be_like_what_was_fitted(short):
    short(6)
    images = last(pictures(3, 8, 9)).astype(np.uint8)
    model = Classifier(**QUICK).fit(images, ANIMALS)
    same = model.predict_proba(images)
    wider = images.astype(np.int64), images.astype(np.float64), images.tolist()
    for other in (*wider, torch.from_numpy(images), [*map(torch.from_numpy, images)]):
        assert np.array_equal(model.predict_proba(other), same)
    images.flags.writeable = False
    assert np.array_equal(model.predict_proba(images), same)
    with pytest.raises(ValueError, match=r"shape \(3, 8, 8\) .channels first., those of the"):
        model.predict(images[:, :, :8])
    with pytest.raises(ValueError, match="images have the shape"):
        model.predict(rows())
    flat = Classifier(**QUICK).fit(rows(), ANIMALS)
    with pytest.raises(ValueError, match="shape"):
        flat.predict(pictures(3, 8))
