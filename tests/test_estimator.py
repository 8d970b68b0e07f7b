"""Searches as scikit-learn's estimators."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    FixedThresholdClassifier,
    TunedThresholdClassifierCV,
    train_test_split,
)
from sklearn.utils.estimator_checks import parametrize_with_checks

from brickwork import Classifier, Regressor

SMALL = {"budget": "15s", "max_trials": 2, "workers": 1, "target": "stm32f746"}
CHECKED = {"budget": "40s", "max_trials": 1, "workers": 1, "strategy": "random"}
EXPECTED = {
    "check_methods_subset_invariance": "a product of matrices in float32 depends on how many rows "
    "it has, in the last bits, and the check wants 1e-7",
}


@pytest.fixture(scope="module")
def fitted():
    x, y = load_breast_cancer(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, np.array(["ill", "well"])[y], random_state=0)
    return Classifier(**SMALL).fit(x, y), x_test, y_test


def test_a_classifier_learns_a_table(fitted):
    model, x, y = fitted
    assert model.score(x, y) > 0.9
    assert model.classes_.tolist() == ["ill", "well"]
    chances = model.predict_proba(x)
    assert chances.sum(axis=1) == pytest.approx(1.0)
    assert np.array_equal(model.classes_[chances.argmax(axis=1)], model.predict(x))
    assert model.front_
    assert model.metrics_["accuracy"].how == "measured"


def test_it_is_pickled(fitted):
    model, x, _ = fitted
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(x), model.predict(x))  # noqa: S301


def test_another_threshold_is_scikit_learns(fitted):
    model, x, y = fitted
    tuned = TunedThresholdClassifierCV(model, scoring="balanced_accuracy", cv="prefit", refit=False)
    tuned.fit(x, y)
    assert 0 <= tuned.best_threshold_ <= 1
    wary = FixedThresholdClassifier(FrozenEstimator(model), threshold=0.01, pos_label="ill")
    said = wary.fit(x, y).predict(x)
    assert np.array_equal(said == "ill", model.predict_proba(x)[:, 0] >= 0.01)
    assert (said == "ill").sum() > (model.predict(x) == "ill").sum()


def test_images_are_taken_as_they_are():
    digits = load_digits()
    rows = np.flatnonzero(digits.target < 3)
    images = digits.images[rows].astype(np.uint8)
    model = Classifier(**SMALL).fit(images, digits.target[rows])
    assert model.graph_.input == (1, 8, 8)
    assert model.score(images, digits.target[rows]) > 0.9


def test_a_regressor_learns_numbers():
    x, y = load_diabetes(return_X_y=True)
    assert Regressor(**SMALL).fit(x, y).score(x, y) > 0.2


def test_what_cannot_be_searched_is_a_value_error():
    with pytest.raises(ValueError, match="class '2' has 1 training sample"):
        Classifier(**SMALL).fit(np.eye(9), [0, 0, 0, 0, 1, 1, 1, 1, 2])


@parametrize_with_checks(
    [Classifier(**CHECKED), Regressor(**CHECKED)],
    expected_failed_checks=lambda one: EXPECTED if isinstance(one, Regressor) else {},
)
def test_scikit_learns_own_checks(estimator, check, short):
    short(20)
    check(estimator)
