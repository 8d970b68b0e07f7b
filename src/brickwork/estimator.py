"""Searches in the form of scikit-learn: ``Classifier`` and ``Regressor``."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    assert_all_finite,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from brickwork.errors import BrickworkError, DataError
from brickwork.names import INPUTS, load
from brickwork.objective import Limit, broken
from brickwork.recognising import recognised
from brickwork.tasks.arrays import is_nothing
from brickwork.tasks.objects import samples_of

if TYPE_CHECKING:
    from brickwork.study import Front, Study

__all__ = ["Classifier", "Regressor"]

_NO_LABELS = frozenset({"", "nan", "?"})
"""What tables take for a label that is missing, in lower case."""
_LEAST = 3  # samples, one for each split


class _Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both have in common: a search, and the best network of its front."""

    _answer = ""  # how the names of its tasks end

    def __init__(
        self,
        target: str = "cpu",
        budget: str | float = "10m",
        *,
        limits: Sequence[str] = (),
        objectives: Sequence[str] = (),
        space: str = "auto",
        strategy: str = "auto",
        task: str = "auto",
        augment: str = "",
        max_trials: int | None = None,
        workers: int | None = None,
        study: str | Path | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.target = target
        self.budget = budget
        self.limits = limits
        self.objectives = objectives
        self.space = space
        self.strategy = strategy
        self.task = task
        self.augment = augment
        self.max_trials = max_trials
        self.workers = workers
        self.study = study
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True  # in tables and series
        tags.non_deterministic = self.max_trials is None  # how much fits into a budget
        return tags

    def _checked(self, x: Any, *, reset: bool) -> Any:
        """Samples as arrays: rows as scikit-learn has them, else as ``samples_of``; frames stay."""
        if reset:
            self._type = None
            for name in ("n_features_in_", "feature_names_in_"):
                self.__dict__.pop(name, None)
        if hasattr(x, "columns"):
            frame = validate_data(self, x, reset=reset, skip_check_array=True)
            kind = self.task if reset else self._kind
            return np.asarray(frame, np.float64) if kind.startswith("series") else frame
        if not issparse(x):
            with _refusals():
                x = samples_of(x, "X")
            texts = not isinstance(x, list) and x.ndim == 1 and _are_texts(x)
            if texts or isinstance(x, list) or x.ndim > 2:
                if len(x) == 0:
                    raise ValueError("X has no samples")
                return x if texts else self._typed(x, reset)
        cells = x.dtype.kind == "O" and not _are_numbers(x)
        return validate_data(
            self,
            x,
            reset=reset,
            dtype=object if cells else np.float64,
            ensure_all_finite="allow-nan",
            ensure_min_samples=_LEAST if reset else 1,
        )

    def _typed(self, x: Any, reset: bool) -> Any:
        """Numbers in the type that those of the training had, where that loses nothing.

        Bytes and wider integers that hold the same are read differently.
        """
        kind = getattr(x, "dtype", None)
        if reset:
            self._type = kind
        elif None not in (kind, self._type) and kind != self._type:
            with np.errstate(invalid="ignore"):
                same = x.astype(self._type)
            return same if np.array_equal(same, x) else x
        return x

    def _search(self, x: Any, y: NDArray[Any], groups: Any) -> None:
        """Search, and keep of it what predicting needs."""
        from brickwork.api import search

        data, group = _with_groups(x, y, groups)
        folder = Path(self.study) if self.study else Path(tempfile.mkdtemp(prefix="brickwork-"))
        try:
            with _refusals():
                study = search(
                    data,
                    self.target,
                    self.budget,
                    self._seed(),
                    limits=tuple(self.limits),
                    objectives=tuple(self.objectives),
                    space=self.space,
                    strategy=self.strategy,
                    task=self._task_for(x, y),
                    group=group,
                    augment=self.augment,
                    max_trials=self.max_trials,
                    workers=self.workers,
                    study=folder / "study" if self.study is None else folder,
                    inline=self.workers == 1,
                )
            front = study.front if len(study.front) else _not_proven(study)
            model = front.best()
            self.front_ = [
                {name: quantity.value for name, quantity in one.metrics.items()} for one in front
            ]
            self.metrics_ = dict(model.metrics)
            self.graph_, self.weights_ = model.graph(), _weights(model.folder)
            self._kind = study.run.task
            self._about = _json(model.folder / "prepare.json")
            self._judge = _json(model.folder / "manifest.json")["info"]["judge"]
        finally:
            if self.study is None:
                shutil.rmtree(folder, ignore_errors=True)

    def _told(self, x: Any) -> NDArray[np.float32]:
        """What the network says of samples."""
        from brickwork.nets.build import build, load_weights
        from brickwork.tasks.training import predict

        check_is_fitted(self)
        x = self._checked(x, reset=False)
        inputs = load(INPUTS, "task", self._kind)
        with _refusals():
            made = inputs(x, self._about, self.graph_.input)
        module = build(self.graph_)
        load_weights(module, self.weights_)
        return predict(module, np.require(made, requirements=["C", "W"]))

    def _seed(self) -> int:
        """A number stays what it is; all else as scikit-learn has it."""
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _task_for(self, x: Any, y: NDArray[Any]) -> str:
        """What was asked for; else what the samples look like, but never with other answers."""
        known = [name for name in INPUTS if name.endswith(self._answer)]
        if self.task not in ("auto", *known):
            raise ValueError(
                f"task {self.task!r} is none of a {type(self).__name__}: give one of "
                f"{', '.join(known)}, or call brickwork.search"
            )
        return self.task


class Classifier(ClassifierMixin, _Estimator):  # type: ignore[misc]  # scikit-learn has no types
    """The most accurate network of a search, for one class each.

    ``fit`` carries out a whole search: what it is given is split, searched, retrained and tested.
    It takes rows of numbers and categories, data frames, images, series, volumes and texts
    (``docs/estimator.md``). The settings are those of ``brickwork.search``.

    Attributes:
        classes_: The classes, in the order of the columns of ``predict_proba``.
        front_: The metrics of each network of the front.
        metrics_: Those of the network that was taken: of its exported file, on a test split that
            was held out of ``fit``'s samples.
    """

    _answer = "classification"

    def fit(self, X: Any, y: Any, groups: Any = None) -> Classifier:
        """Search.

        Args:
            X: Samples ``(n, ...)``.
            y: A class for each.
            groups: For each, who or what it is of, such as a patient: samples of one group stay in
                one split. None if that is not known.

        Raises:
            BrickworkError: The search ended without a network.
            ValueError: The samples cannot be used.
        """
        x = self._checked(X, reset=True)
        y = column_or_1d(np.asarray(y), warn=True)
        if y.dtype.kind == "f":
            assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        _same_length(x, y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("Classifier can't be fitted when only one class is present.")
        names = _names(self.classes_)
        if hasattr(x, "columns"):
            with _refusals():
                kind = recognised((x, y)).task if self.task == "auto" else self.task
            if kind.startswith("series"):  # as arrays their labels stay what they are called
                x = np.asarray(x, np.float64)
        self._search(x, np.array(names)[codes], groups)
        self._columns = [self._judge["names"].index(name) for name in names]
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of each sample."""
        best = self._told(X)[:, self._columns].argmax(axis=1)
        said: NDArray[Any] = self.classes_[best]
        return said

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """How likely each class is, ``(n, classes)``; not calibrated."""
        from brickwork.tasks.judging.points import chances

        logits = self._told(X)[:, self._columns].astype(np.float64)
        return chances(logits)

    def _task_for(self, x: Any, y: NDArray[Any]) -> str:
        task = super()._task_for(x, y)
        if task == "auto":
            with _refusals():
                seen = recognised((x, y)).task
            if not seen.endswith(self._answer):  # classes that look like amounts
                return "table-classification"
        return task


class Regressor(RegressorMixin, _Estimator):  # type: ignore[misc]  # scikit-learn has no types
    """The best network of a search, for a number each, of rows or series; else as ``Classifier``.

    What is two-dimensional is rows, whatever it looks like: say ``task="series-regression"`` if it
    is series.
    """

    _answer = "regression"

    def fit(self, X: Any, y: Any, groups: Any = None) -> Regressor:
        """Search; as ``Classifier.fit``, with a number for each sample."""
        x = self._checked(X, reset=True)
        y = column_or_1d(np.asarray(y, np.float64), warn=True)
        assert_all_finite(y, input_name="y")
        _same_length(x, y)
        self._search(x, y, groups)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The number of each sample."""
        told = self._told(X).astype(np.float64)
        return np.asarray(told[:, 0] * self._judge["std"][0] + self._judge["mean"][0])

    def _task_for(self, x: Any, y: NDArray[Any]) -> str:
        task = super()._task_for(x, y)
        if task != "auto":
            return task
        rows = hasattr(x, "columns") or getattr(x, "ndim", 0) == 2
        return "table-regression" if rows else "series-regression"


@contextmanager
def _refusals() -> Iterator[None]:
    """Data that cannot be used are a ``ValueError``, as scikit-learn has it."""
    try:
        yield
    except DataError as error:
        raise ValueError(str(error)) from error


def _not_proven(study: Study) -> Front:
    """Networks of a study without a front: what predicts here needs no file that is proven.

    Of few samples it may be that the quality is not known, such as the R² of equal numbers, or that
    an integer file answers them otherwise than its network.

    Raises:
        BrickworkError: There are none that keep the limits.
    """
    from brickwork.study import Front

    limits = [Limit.parse(text) for text in study.task.get("limits", ())]
    kept = [one for one in study.models if one.final and not broken(one.metrics, limits)]
    if not kept:
        why = "; ".join(sorted({one.dropped for one in study.models if one.dropped}))
        raise BrickworkError(f"no network is left ({why}): give a larger budget or other limits")
    return Front(kept, study.objectives)


def _with_groups(x: Any, y: NDArray[Any], groups: Any) -> tuple[Any, str]:
    """The data as ``search`` takes them, and the name of the groups; empty if there are none."""
    if groups is None:
        return (x, y), ""
    of = column_or_1d(np.asarray(groups))
    _same_length(of, y, "groups")
    lacking = [i for i, one in enumerate(of) if is_nothing(one)]
    if lacking:
        raise ValueError(f"groups: sample {lacking[0]} has none: give each sample one")
    name = "groups"
    while name in getattr(x, "columns", ()):
        name += "_"
    return {"x": x, "y": y, name: of.astype(str) if of.dtype == object else of}, name


def _same_length(x: Any, y: NDArray[Any], what: str = "samples") -> None:
    if len(y) != len(x):
        raise ValueError(f"found {len(x)} {what} and {len(y)} labels")


def _names(classes: NDArray[Any]) -> list[str]:
    """What classes are called in a search: what they are, where that tells them apart."""
    names = [str(one).strip() for one in classes]
    told = len(set(names)) == len(names) and not _NO_LABELS & {name.lower() for name in names}
    return names if told else [f"{code}: {name}" for code, name in enumerate(names)]


def _are_texts(array: NDArray[Any]) -> bool:
    """Whether all are texts but those that are missing."""
    texts = [isinstance(one, str) or is_nothing(one) for one in array]
    return array.dtype == object and all(texts) and any(isinstance(one, str) for one in array)


def _are_numbers(cells: NDArray[Any]) -> bool:
    """Whether cells of any kind are numbers, but those that are missing.

    Raises:
        TypeError: One is neither a number nor a text.
    """
    for cell in cells.flat:
        if isinstance(cell, Mapping | list | tuple | set | np.ndarray):
            raise TypeError(
                f"argument must be a string or a number: a cell of X is a {type(cell).__name__}"
            )
    numbers = int | float | np.integer | np.floating | None
    return all(isinstance(cell, numbers) and not isinstance(cell, bool) for cell in cells.flat)


def _weights(folder: Path) -> Mapping[str, NDArray[Any]]:
    from safetensors.numpy import load_file

    path = folder / "weights.safetensors"
    if not path.is_file():
        raise BrickworkError("the search ended without a trained network: give it a larger budget")
    found: Mapping[str, NDArray[Any]] = load_file(path)
    return found


def _json(path: Path) -> dict[str, Any]:
    """The content of a file; nothing where there is none."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found
