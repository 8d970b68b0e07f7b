"""Columns that give the label away."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.tasks.table.prepare import number_in, word_in

__all__ = ["giveaways"]

_ROWS = 200  # of fewer a column may tell the label by chance
_MOST_ROWS = 20_000  # looked at
_RIGHT = 0.99  # of rows that were not looked at, from which a column gives the label away


def giveaways(x: NDArray[Any], y: NDArray[Any], names: Sequence[str]) -> list[str]:
    """A note for each column that tells the label by itself.

    Each column alone predicts one half of the rows from the other half: words by the label that is
    usual with them, numbers by a small tree. What counts is the mean over the classes of how many
    are right, of numbers how much of their variance is told.

    Args:
        x: Training rows ``(n, columns)``, as objects.
        y: Their labels ``(n,)``: classes as texts, or numbers.
        names: Of the columns.
    """
    if len(y) < _ROWS:
        return []
    rows = np.linspace(0, len(y) - 1, min(len(y), _MOST_ROWS)).astype(np.intp)
    order = np.random.default_rng(0).permutation(rows)
    known, asked = order[::2], order[1::2]
    found = []
    for index, name in enumerate(names):
        score = _score(x[:, index], y, known, asked)
        if score > _RIGHT:
            found.append(
                f"leak: column {name!r} tells the label by itself ({100 * score:.1f} %): leave it "
                "out unless it is known before the label is"
            )
    return found


def _score(
    column: NDArray[Any], y: NDArray[Any], known: NDArray[np.intp], asked: NDArray[np.intp]
) -> float:
    """How well a column tells the label of rows that were asked from those that are known."""
    values = np.array([number_in(cell) for cell in column[np.r_[known, asked]]])
    classes = y.dtype.kind != "f"
    if np.isnan(values).mean() < 0.02:
        told = _by_a_tree(np.nan_to_num(values), y, known, classes)
    elif classes:
        told = _by_words([word_in(cell) for cell in column[np.r_[known, asked]]], y, known)
    else:
        return 0.0
    truth = y[asked]
    if not classes:
        spread = truth.var()
        return 1.0 - float(np.square(told - truth).mean() / spread) if spread > 0 else 0.0
    return float(np.mean([(told[truth == one] == one).mean() for one in np.unique(truth)]))


def _by_a_tree(
    values: NDArray[np.float64], y: NDArray[Any], known: NDArray[np.intp], classes: bool
) -> NDArray[Any]:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    count = len(known)
    if classes:
        leaves = max(4, 2 * len(np.unique(y)))
        tree = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
    else:
        tree = DecisionTreeRegressor(min_samples_leaf=2, random_state=0)
    tree.fit(values[:count, None], y[known])
    return np.asarray(tree.predict(values[count:, None]))


def _by_words(words: Sequence[str], y: NDArray[Any], known: NDArray[np.intp]) -> NDArray[Any]:
    labels: dict[str, Counter[Any]] = defaultdict(Counter)
    for word, label in zip(words, y[known], strict=False):
        labels[word][label] += 1
    usual = Counter(y[known].tolist()).most_common(1)[0][0]
    rest = words[len(known) :]
    return np.array(
        [labels[word].most_common(1)[0][0] if word in labels else usual for word in rest]
    )
