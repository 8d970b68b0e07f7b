"""Every task of the table: read, saved, changed, judged, and through every space that takes it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from brickwork.errors import ShapeError, SpaceError
from brickwork.names import INPUTS, REFERENCES, SPACES, TASKS, USUAL_SPACES, load, make_space
from brickwork.nets import build
from brickwork.quantity import METRICS
from brickwork.recognising import recognised
from brickwork.space import Graph, graph
from brickwork.tasks.samples import DataTask, load_saved
from brickwork.tasks.training import Recipe, predict, train
from brickwork.trial import rng_for

N = 40


def random(*shape: int) -> np.ndarray:
    return rng_for(0, "tasks").standard_normal(shape).astype(np.float32)


def words() -> np.ndarray:
    said = [f"{'good' if i % 2 else 'bad'} news from place number {i} today" for i in range(N)]
    return np.array(said, object)


def clips() -> dict[str, Any]:
    lengths = 1500 + 20 * np.arange(N)
    data = np.concatenate([random(length) for length in lengths])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return {"data": np.clip(data / 4, -1, 1), "offsets": offsets, "y": CLASSES, "rate": 8000}


CLASSES = np.arange(N) % 2
EXAMPLES: dict[str, Callable[[], Any]] = {
    "image-classification": lambda: (random(N, 1, 12, 12), CLASSES),
    "segmentation": lambda: (random(N, 1, 8, 8), (random(N, 8, 8) > 0).astype(np.int64)),
    "series-classification": lambda: (random(N, 3, 40), CLASSES),
    "series-regression": lambda: (random(N, 40).cumsum(1), random(N)),
    "sound-classification": clips,
    "table-classification": lambda: (random(N, 5), CLASSES),
    "table-regression": lambda: (random(N, 5), random(N, 1)[:, 0]),
    "volume-classification": lambda: (random(N, 1, 8, 8, 8), CLASSES),
    "text-classification": lambda: (words(), CLASSES),
}


@pytest.fixture(params=TASKS)
def task(request) -> DataTask:
    made: DataTask = load(TASKS, "task", request.param)(EXAMPLES[request.param](), seed=3)
    assert made.kind == request.param
    return made


def test_each_has_an_example_a_space_and_a_line_that_says_what_it_is():
    assert set(EXAMPLES) == set(TASKS) == set(USUAL_SPACES)
    assert set(TASKS) - set(INPUTS) == {"segmentation", "sound-classification"}
    for name in TASKS:
        made = load(TASKS, "task", name)
        assert (made.__doc__ or "").splitlines()[0].endswith(".")
        assert list(inspect.signature(made).parameters)[:2] == ["source", "seed"]


@pytest.mark.parametrize("name", TASKS)
def test_an_example_is_recognised(name):
    assert recognised(EXAMPLES[name]()).task == name


def test_a_seed_decides_the_splits(task):
    again = load(TASKS, "task", task.kind)(EXAMPLES[task.kind](), seed=3)
    other = load(TASKS, "task", task.kind)(EXAMPLES[task.kind](), seed=4)
    assert again.splits == task.splits != other.splits
    assert sum(split.size for split in task.splits.values()) == N


def test_samples_and_answers_have_the_shapes_that_are_promised(task):
    for split in ("train", "val", "test"):
        x, y = task.arrays(split)
        assert x.shape == (task.splits[split].size, *task.input)
        assert x.dtype in (np.uint8, np.int32, np.float32)
        assert len(x) == len(y)
    assert task.outputs == len(task.classes)
    assert task.opened == ["train", "val", "test"]


def test_it_is_saved_and_mapped_again(task, tmp_path):
    task.save(tmp_path / "data")
    back = load_saved(tmp_path / "data")
    for split in task.splits:
        for a, b in zip(task.arrays(split), back.arrays(split), strict=True):
            assert a.dtype == b.dtype
            assert np.array_equal(a, b)
    for field in ("name", "kind", "title", "normalize", "notes", "judge", "changes", "facts"):
        assert getattr(back, field) == getattr(task, field), field
    assert (back.files, back.splits) == (task.files, task.splits)


@pytest.mark.parametrize("name", INPUTS)
def test_samples_that_come_later_become_what_the_loader_made(name):
    x, y = EXAMPLES[name]()
    splits = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    task = load(TASKS, "task", name)(splits, seed=3)
    made = load(INPUTS, "task", name)(
        x, json.loads(task.files.get("prepare.json", "{}")), task.input
    )
    assert made.dtype == task.arrays("test")[0].dtype
    assert np.array_equal(made, task.arrays("test")[0])


def test_changes_keep_shapes_and_follow_the_generator(task):
    x, y = (torch.from_numpy(np.array(part)) for part in task.arrays("train"))

    def changed(seed: int, strength: float):
        return task.augment(x.float(), y, strength, torch.Generator().manual_seed(seed))

    for a, b in zip(changed(0, 1.0), changed(0, 1.0), strict=True):
        assert torch.equal(a, b)
    assert changed(0, 1.0)[0].shape == x.shape
    assert changed(0, 1.0)[1].shape == y.shape
    still = changed(0, 0.0)
    assert torch.equal(still[0], x.float())
    assert torch.equal(still[1], y)


def test_files_that_go_with_a_model_are_texts(task):
    for name, text in task.files.items():
        assert text
        if name.endswith(".json"):
            json.loads(text)
        if name.endswith(".py"):
            compile(text, name, "exec")
            assert "brickwork" not in text.replace("Brickwork", "").lower().split("import")[1:2]


def test_a_batch_goes_through_every_space_that_takes_it(task):
    taken = []
    for name in SPACES:
        if name in REFERENCES:
            continue
        try:
            space = make_space(name, task.input, task.facts)
            whole = graph(space, space.extremes()[0], task.input, task.outputs, task.normalize)
        except (ShapeError, SpaceError):
            continue
        positions = task.input[1:] if task.quality == "dice" else ()
        if whole.output == (task.outputs, *positions):
            check_batch(task, whole)
            taken.append(name)
    assert USUAL_SPACES[task.kind] in taken


def check_batch(task: DataTask, whole: Graph) -> None:
    module = build(whole, torch.Generator().manual_seed(0))
    x, y = (part[:8] for part in task.arrays("train"))
    few = replace(task, data={**task.data, "train": (x, y)})
    trained = train(module, few, Recipe(lr=0.005, batch=8), epochs=1, seed=0)
    assert np.isfinite(trained.curve[0][0])
    x, y = task.arrays("val")
    answers = predict(module, x)
    found = task.metrics(answers, y)
    assert task.quality in found
    assert set(found) <= set(METRICS)
    json.dumps(task.details(answers, y), allow_nan=False)
