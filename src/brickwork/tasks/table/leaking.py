"""Columns that give the label away."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.tasks.table.prepare import number_in, word_in

__all__ = ["giveaways"]

_LEAST = 40  # rows; of fewer nothing is said
_ROWS = 200  # of fewer a column may tell the other half by chance, so it must tell all rows
_CHANCE = 1000.0  # times less likely than this a column must be to tell all rows by chance
_MOST_ROWS = 20_000  # looked at
_RIGHT = 0.99  # of rows that were not looked at, from which a column gives the label away


def giveaways(x: NDArray[Any], y: NDArray[Any], names: Sequence[str]) -> list[str]:
    """A note for each column that tells the label by itself.

    Each column alone predicts one half of the rows from the other half: words by the label that is
    usual with them, numbers by a small tree. What counts is the mean over the classes of how many
    are right, of numbers how much of their variance is told. Of few rows a column must tell all,
    and in so simple a way that labels in random order would hardly ever be told so by any column;
    a number that is the label must be a line. Where that could not be seen, the note says so.

    Args:
        x: Training rows ``(n, columns)``, as objects.
        y: Their labels ``(n,)``: classes as texts, or numbers.
        names: Of the columns.
    """
    if len(y) < _ROWS:
        return _among_few(x, y, names)
    rows = np.linspace(0, len(y) - 1, min(len(y), _MOST_ROWS)).astype(np.intp)
    order = np.random.default_rng(0).permutation(rows)
    known, asked = order[::2], order[1::2]
    found = []
    for index, name in enumerate(names):
        score = _score(x[:, index], y, known, asked)
        if score > _RIGHT:
            found.append(_leak(name, score))
    return found


def _leak(name: str, score: float) -> str:
    return (
        f"leak: column {name!r} tells the label by itself ({100 * score:.1f} %): leave it out "
        "unless it is known before the label is"
    )


def _among_few(x: NDArray[Any], y: NDArray[Any], names: Sequence[str]) -> list[str]:
    """The same where rows are few."""
    skipped = "columns were not checked for telling the label by themselves"
    if len(y) < _LEAST:
        return [f"{skipped}: that takes {_LEAST} training rows, there are {len(y)}"]
    if y.dtype.kind == "f":
        lines = {name: _on_a_line(x[:, i], y) for i, name in enumerate(names)}
        return [_leak(name, told) for name, told in lines.items() if told > _RIGHT]
    _, labels, counts = np.unique(y, return_inverse=True, return_counts=True)
    enough = math.log(_CHANCE * len(names))
    orders = math.lgamma(len(y) + 1) - sum(math.lgamma(count + 1) for count in counts)
    if orders - len(counts) * math.log(len(counts)) < enough:
        return [f"{skipped}: the rarest class has {counts.min()} of {len(y)} training rows only"]
    ways = {name: _ways(x[:, i], labels.reshape(-1)) for i, name in enumerate(names)}
    return [_leak(name, 1.0) for name, log in ways.items() if orders - log > enough]


def _on_a_line(column: NDArray[Any], y: NDArray[Any]) -> float:
    """How much of the variance of numbers ``(n,)`` a line over a column tells."""
    values = np.array([number_in(cell) for cell in column])
    if np.isnan(values).any() or values.std() == 0 or y.std() == 0:
        return 0.0
    return float(np.corrcoef(values, y)[0, 1] ** 2)


def _ways(column: NDArray[Any], labels: NDArray[np.intp]) -> float:
    """How many orders of labels a column would tell as simply as it tells this one: the logarithm.

    Numbers tell labels by stretches, words one by one; infinite where they do not tell them all.
    """
    values = np.array([number_in(cell) for cell in column])
    ordered = not np.isnan(values).any()
    kinds = values if ordered else np.array([word_in(cell) for cell in column])
    known, first, place = np.unique(kinds, return_index=True, return_inverse=True)
    if (labels[first][place.reshape(-1)] != labels).any():
        return math.inf
    classes, stretches, cuts = int(labels.max()) + 1, len(known), 0.0
    if ordered:
        stretches = 1 + int((np.diff(labels[first]) != 0).sum())
        cuts = math.log(math.comb(len(known) - 1, stretches - 1))
    return stretches * math.log(classes) + cuts


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
