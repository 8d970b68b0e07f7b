"""Searches as scikit-learn's estimators."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.model_selection import train_test_split
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

from brickwork import Classifier, Regressor

SMALL = {"budget": "40s", "max_trials": 2, "workers": 1, "target": "stm32f746"}
FAST = {
    "check_do_not_raise_errors_in_init_or_set_param",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_sparse_tag",
    "check_estimator_tags_renamed",
    "check_estimators_partial_fit_n_features",
    "check_estimators_unfitted",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
    "check_estimators_empty_data_messages",
    "check_supervised_y_no_nan",
    "check_fit1d",
    "check_complex_data",
    "check_requires_y_none",
    "check_classifiers_one_label",
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


def quick_checks():
    """Those of scikit-learn's checks that fit nothing, or stop before the search."""
    for _, check in estimator_checks_generator(Classifier(**SMALL)):
        if getattr(check, "func", check).__name__ in FAST:
            yield check


@pytest.mark.parametrize("check", list(quick_checks()), ids=lambda c: str(c).split()[1])
def test_scikit_learns_own_checks(check):
    check(Classifier(**SMALL))


@pytest.mark.slow
def test_all_of_scikit_learns_checks():
    results = check_estimator(Classifier(**SMALL), on_fail=None, on_skip=None)
    failed = [(r["check_name"], r["exception"]) for r in results if r["status"] == "failed"]
    assert failed == []
