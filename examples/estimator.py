"""A search in a pipeline of scikit-learn, beside logistic regression on the same split.

python examples/estimator.py [BUDGET]
"""

from __future__ import annotations

import sys

from sklearn.datasets import load_wine
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import brickwork as bw


def main(budget: str = "50s") -> None:
    wine = load_wine()
    names = wine.target_names[wine.target]
    parts = train_test_split(wine.data, names, test_size=0.3, stratify=names, random_state=0)
    x, x_test, y, y_test = parts

    search = bw.Classifier(target="stm32f746", budget=budget, workers=1, random_state=0)
    pipeline = make_pipeline(SelectKBest(k=8), search).fit(x, y)
    plain = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)

    for metrics in search.front_:
        print(f"{metrics['parameters']:7.0f} parameters, accuracy {metrics['accuracy']:.3f}")
    print(f"in the search's own test: {search.metrics_['accuracy']}")
    print(f"on new wines: {pipeline.score(x_test, y_test):.3f}")
    print(f"logistic regression: {plain.score(x_test, y_test):.3f}")
    chances = pipeline.predict_proba(x_test[:1])[0]
    print(", ".join(f"{name} {p:.2f}" for name, p in zip(search.classes_, chances, strict=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
