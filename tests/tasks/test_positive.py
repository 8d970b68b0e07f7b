"""Which of two classes is the one that is to be found."""

from __future__ import annotations

import numpy as np
import pytest

from brickwork.config import Run, task_for
from brickwork.errors import DataError

RNG = np.random.default_rng(0)
X = RNG.integers(0, 255, (60, 8, 8)).astype(np.uint8)
LABELS = np.array(["ill", "well", "well"] * 20)


def loaded(y=LABELS, **reading):
    run = Run.of(data="here", task="image-classification", reading=reading)
    return task_for(run, {"x": X, "y": y})


def test_the_positive_class_is_the_second():
    """What a sample is called stays, and with it the weights; splits are the same."""
    plain, turned = loaded(), loaded(positive="ill")
    assert plain.classes == ("ill", "well")
    assert turned.classes == ("well", "ill")
    assert turned.judge.weights == plain.judge.weights[::-1] != plain.judge.weights
    for split, (x, y) in plain.data.items():
        other, labels = turned.data[split]
        assert np.array_equal(other, x)
        assert [turned.classes[i] for i in labels] == [plain.classes[i] for i in y]
        assert turned.splits[split] != plain.splits[split]
    assert loaded(positive="well").classes == plain.classes


def test_scores_tell_of_the_positive_class():
    """Found are all that are ill, beside half of those that are well."""
    turned = loaded(positive="ill")
    _, y = turned.data["train"]
    logits = np.zeros((len(y), 2))
    logits[np.arange(len(y)), y] = 5
    well = np.flatnonzero(y == 0)[::2]
    logits[well] = logits[well][:, ::-1]
    found = turned.judge.metrics(logits, y, "x")
    assert found["sensitivity"].value == 1
    assert found["specificity"].value == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (LABELS, "the classes of arrays are ill and well: name one"),
        (np.arange(60) % 3, "is for two classes"),
    ],
)
def test_what_cannot_be_positive(y, says):
    with pytest.raises(DataError, match=says):
        loaded(y, positive="sick")
