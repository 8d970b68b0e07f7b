"""Searches in the form of scikit-learn: ``Classifier`` and ``Regressor``."""

from __future__ import annotations

import importlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    assert_all_finite,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from brickwork.errors import BrickworkError, DataError
from brickwork.names import TASKS, load

__all__ = ["Classifier", "Regressor"]


class _Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both have in common: a search, and the best network of its front."""

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
        max_trials: int | None = None,
        workers: int | None = None,
        study: str | Path | None = None,
        random_state: int = 0,
    ) -> None:
        self.target = target
        self.budget = budget
        self.limits = limits
        self.objectives = objectives
        self.space = space
        self.strategy = strategy
        self.task = task
        self.max_trials = max_trials
        self.workers = workers
        self.study = study
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.non_deterministic = self.max_trials is None  # how much fits into a budget
        return tags

    def _checked(self, x: Any, *, reset: bool) -> Any:
        """Samples; rows of numbers as scikit-learn has them, all else as it comes."""
        if hasattr(x, "columns"):
            return validate_data(self, x, reset=reset, skip_check_array=True)
        array = x if hasattr(x, "shape") else np.asarray(x)
        if getattr(array, "ndim", 2) <= 2 and getattr(array, "dtype", None) is not None:
            if array.dtype.kind in "US" or (array.dtype == object and _are_texts(array)):
                return np.asarray(array, object)
            return validate_data(self, x, reset=reset, dtype=np.float32, ensure_min_samples=1)
        return np.asarray(array)

    def _search(self, x: Any, y: NDArray[Any]) -> None:
        """Search, and keep of it what predicting needs."""
        from brickwork.api import search

        folder = Path(self.study) if self.study else Path(tempfile.mkdtemp(prefix="brickwork-"))
        try:
            study = search(
                (x, y),
                self.target,
                self.budget,
                int(self.random_state),
                limits=tuple(self.limits),
                objectives=tuple(self.objectives),
                space=self.space,
                strategy=self.strategy,
                task=self._task_for(x),
                max_trials=self.max_trials,
                workers=self.workers,
                study=folder / "study" if self.study is None else folder,
                inline=self.workers == 1,
            )
            model = study.front.best()
            self.front_ = [
                {name: quantity.value for name, quantity in one.metrics.items()}
                for one in study.front
            ]
            self.metrics_ = dict(model.metrics)
            self.graph_, self.weights_ = model.graph(), _weights(model.folder)
            self._kind, self._facts = study.run.task, _text(model.folder / "prepare.json")
            self._judge = json.loads(_text(model.folder / "manifest.json"))["info"]["judge"]
        except DataError as error:
            raise ValueError(str(error)) from error
        finally:
            if self.study is None:
                shutil.rmtree(folder, ignore_errors=True)

    def _told(self, x: Any) -> NDArray[np.float32]:
        """What the network says of samples."""
        from brickwork.nets.build import build, load_weights
        from brickwork.tasks.training import predict

        check_is_fitted(self)
        x = self._checked(x, reset=False)
        module = build(self.graph_)
        load_weights(module, self.weights_)
        return predict(module, _prepared(x, self._kind, self._facts, self.graph_.input))

    def _task_for(self, x: Any) -> str:
        """What was asked for; of a regressor rows are rows, whatever its labels look like."""
        return self.task


class Classifier(ClassifierMixin, _Estimator):  # type: ignore[misc]  # scikit-learn has no types
    """The most accurate network of a search, for one class each.

    ``fit`` carries out a whole search: what it is given is split, searched, retrained and tested.
    What it takes is what ``brickwork.search`` takes: rows of numbers, data frames, images, series,
    volumes, texts. The settings are those of ``brickwork.search``.

    Attributes:
        classes_: The classes, in the order of the columns of ``predict_proba``.
        front_: The metrics of each network of the front.
        metrics_: Those of the network that was taken: of its exported file, on a test split that
            was held out of ``fit``'s samples.
    """

    def fit(self, X: Any, y: Any) -> Classifier:
        """Search.

        Args:
            X: Samples ``(n, ...)``.
            y: A class for each.

        Raises:
            BrickworkError: The search ended without a network.
            ValueError: The samples cannot be used.
        """
        x = self._checked(X, reset=True)
        y = column_or_1d(y, warn=True)
        if y.dtype.kind == "f":
            assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        if len(y) != len(x):
            raise ValueError(f"found {len(x)} samples and {len(y)} labels")
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("Classifier can't be fitted when only one class is present.")
        self._search(x, codes.astype(np.int64))
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of each sample."""
        best = self._told(X).argmax(axis=1)
        said: NDArray[Any] = self.classes_[best]
        return said

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """How likely each class is, ``(n, classes)``; not calibrated."""
        logits = self._told(X).astype(np.float64)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))


class Regressor(RegressorMixin, _Estimator):  # type: ignore[misc]  # scikit-learn has no types
    """The best network of a search, for a number each; else as ``Classifier``."""

    def _task_for(self, x: Any) -> str:
        if self.task != "auto":
            return self.task
        rows = hasattr(x, "columns") or np.ndim(x) == 2
        return "table-regression" if rows else "series-regression"

    def fit(self, X: Any, y: Any) -> Regressor:
        """Search; as ``Classifier.fit``, with a number for each sample."""
        x = self._checked(X, reset=True)
        y = column_or_1d(np.asarray(y, np.float64), warn=True)
        assert_all_finite(y, input_name="y")
        self._search(x, y)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The number of each sample."""
        told = self._told(X).astype(np.float64)
        return np.asarray(told[:, 0] * self._judge["std"][0] + self._judge["mean"][0])


def _are_texts(array: NDArray[Any]) -> bool:
    return array.ndim == 1 and all(isinstance(value, str) for value in array)


def _weights(folder: Path) -> Mapping[str, NDArray[Any]]:
    from safetensors.numpy import load_file

    path = folder / "weights.safetensors"
    if not path.is_file():
        raise BrickworkError("the search ended without a trained network: give it a larger budget")
    found: Mapping[str, NDArray[Any]] = load_file(path)
    return found


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _prepared(x: Any, kind: str, facts: str, input: Sequence[int]) -> NDArray[Any]:
    """Samples as the network takes them: by what its task learned of the training samples."""
    if not facts:
        return np.asarray(x).reshape(len(x), *input)
    reader = load(TASKS, "task", kind)
    package = reader.__module__.rpartition(".")[0]
    prepare = importlib.import_module(f"{package}.prepare").prepare
    if kind.startswith("table"):
        x = _rows(x)
    about = json.loads(facts)
    if kind.startswith("sound"):
        return np.stack([prepare(clip, about) for clip in x])
    return np.asarray(prepare(x, about))


def _rows(x: Any) -> list[dict[str, Any]]:
    """Rows by the names of their columns, which in an array are their numbers, from 1."""
    if hasattr(x, "columns"):
        columns = [list(x[name]) for name in x.columns]
        names = [str(name) for name in x.columns]
    else:
        columns, names = list(np.asarray(x).T), [str(i + 1) for i in range(np.shape(x)[1])]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
