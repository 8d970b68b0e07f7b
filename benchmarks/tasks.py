"""What a search reaches on data of every kind, beside a simple peer in the same run.

    python benchmarks/tasks.py --rows ecg5000 sms --seeds 0 1 2 --out tasks.json
    python benchmarks/tasks.py --rows pneumonia --scale 0.2        # a fifth of each budget

Each row is one search with its budget for everything: search, retraining, test, export. The figure
is that of the exported file on the test split, which is opened once; of the models that keep the
row's limits, that one is reported of which most was expected before the test: a predictor learned
from all scores of the search, as short trainings flatter what learns fast. Beside it: what to
expect on new data of the one that was best on test. The peer is trained on the same training and
validation samples. Data lie in ``$BRICKWORK_DATA``.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(os.environ.get("BRICKWORK_DATA", "../shared/data"))


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        data: Below the folder of data.
        budget_s: For everything, with two workers.
        shown: The metrics that are reported, the one that is improved first.
        target: Name of the device.
        settings: Of ``brickwork.search``.
        peer: Gives what a simple model reaches, by metric.
    """

    data: str
    budget_s: float
    shown: tuple[str, ...]
    target: str = "cpu"
    settings: Mapping[str, Any] = field(default_factory=dict)
    peer: Callable[[], dict[str, float]] | None = None


def linear(x: Any, y: Any, x_test: Any, y_test: Any) -> dict[str, float]:
    """Logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(with_mean=False), LogisticRegression(max_iter=2000))
    return scores(model.fit(x, y), x_test, y_test)


def scores(model: Any, x: Any, y: Any) -> dict[str, float]:
    from sklearn.metrics import f1_score, roc_auc_score

    said = model.predict(x)
    found = {
        "accuracy": float((said == y).mean()),
        "macro_f1": float(f1_score(y, said, average="macro")),
    }
    if len(model.classes_) == 2:
        found["auc"] = float(roc_auc_score(y == model.classes_[1], model.predict_proba(x)[:, 1]))
    return found


def peer_ecg() -> dict[str, float]:
    with np.load(DATA / "series/ucr_ECG5000.npz", allow_pickle=False) as f:
        return linear(*(f[name].astype(float) if name[0] == "x" else f[name] for name in
                        ("x_train", "y_train", "x_test", "y_test")))  # fmt: skip


def peer_adult() -> dict[str, float]:
    import polars
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.preprocessing import OrdinalEncoder

    frames = [polars.read_csv(DATA / f"tables/adult.{s}.gz") for s in ("data", "test")]
    frames = [frame.rename({name: name.strip() for name in frame.columns}) for frame in frames]
    rows = [[[str(cell).strip() for cell in row] for row in frame.rows()] for frame in frames]
    x, y = zip(*[(np.array([r[:-1] for r in part]), np.array([r[-1] for r in part]))
                 for part in rows], strict=True)  # fmt: skip
    coder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(x[0])
    numbers = [i for i in range(x[0].shape[1]) if all(v.lstrip("-").isdigit() for v in x[0][:, i])]
    coded = [coder.transform(part) for part in x]
    for part, raw in zip(coded, x, strict=True):
        part[:, numbers] = raw[:, numbers].astype(float)
    kinds = [i not in numbers for i in range(x[0].shape[1])]
    model = HistGradientBoostingClassifier(categorical_features=kinds, random_state=0)
    return scores(model.fit(coded[0], y[0]), coded[1], y[1])


def texts(x: Any, y: Any, x_test: Any, y_test: Any) -> dict[str, float]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        LogisticRegression(C=30, max_iter=2000),
    )
    return scores(model.fit(x, y), x_test, y_test)


def trec(name: str) -> tuple[list[str], list[str]]:
    """Questions and their coarse classes."""
    lines = (DATA / "text" / name).read_text("latin-1").splitlines()
    pairs = [line.split(" ", 1) for line in lines if line.strip()]
    return [text for _, text in pairs], [label.partition(":")[0] for label, _ in pairs]


def peer_trec() -> dict[str, float]:
    (x, y), (x_test, y_test) = (trec(n) for n in ("trec_train_5500.label", "trec_TREC_10.label"))
    return texts(x, np.array(y), x_test, np.array(y_test))


def peer_cifar() -> dict[str, float]:
    """ResNet-8 (78k parameters, 12.5 M MACs) trained as the models of a search are.

    Its learning rate is the best of three on the validation split, in trainings of the usual
    length; then the mean of three seeds, three times as long, as the longest of a search.
    """
    import torch

    from brickwork.names import make_space
    from brickwork.nets.build import build
    from brickwork.space import graph
    from brickwork.tasks.image import load_images
    from brickwork.tasks.training import Recipe, evaluate, train
    from brickwork.tasks.training.recipe import default_batch, full_epochs

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        task = load_images(unpacked(DATA / ROWS["cifar10"].data, Path(folder)))
    space = make_space("resnet8", task.input)
    whole = graph(space, space.arch(), task.input, task.outputs, task.normalize)
    size = task.splits["train"].size

    def trained(lr: float, seed: int, splits: tuple[str, ...], judge: str, length: int) -> float:
        module = build(whole, torch.Generator().manual_seed(seed))
        samples = sum(task.splits[split].size for split in splits)
        recipe = Recipe.of({**space.recipe(space.arch()), "lr": lr, "label_smoothing": 0.05})
        recipe = replace(recipe, batch=default_batch(size))
        epochs = length * full_epochs(samples, 1, 1)
        train(module, task, recipe, epochs=epochs, seed=seed, splits=splits)
        return evaluate(module, task, judge)["accuracy"].value

    rate = max((0.01, 0.02, 0.04), key=lambda lr: trained(lr, 0, ("train",), "val", 1))
    found = [trained(rate, seed, ("train", "val"), "test", 3) for seed in range(3)]
    return {"accuracy": float(np.mean(found)), "lr": rate, "least": min(found), "most": max(found)}


def unpacked(data: Path, folder: Path) -> Path:
    """A zip as a folder."""
    if data.suffix != ".zip":
        return data
    with zipfile.ZipFile(data) as packed:
        packed.extractall(folder / "data")
    return folder / "data"


ROWS: Mapping[str, Row] = {
    "pneumonia": Row(
        "images/pneumoniamnist.npz",
        600,
        ("accuracy", "auc", "sensitivity", "specificity"),
        "stm32f746",
        {"limits": ("flash_bytes<=30kB",), "objectives": ("accuracy", "parameters")},
    ),
    "cifar10": Row(
        "images/cifar10_jpeg_train12000_test4000.zip",
        1800,
        ("accuracy",),
        "stm32f746",
        {"limits": ("macs<=6.25M",), "objectives": ("accuracy",)},
        peer_cifar,
    ),
    "spoken": Row(
        "audio/fsdd_8k_mulaw.npz",
        600,
        ("accuracy",),
        "stm32f746",
        {"limits": ("flash_bytes<=40kB",), "test": "index<5"},
    ),
    "speakers": Row(
        "audio/fsdd_8k_mulaw.npz",
        600,
        ("accuracy",),
        "stm32f746",
        {"limits": ("flash_bytes<=40kB",), "group": "speaker"},
    ),
    "hippocampus": Row(
        "volumes/hippocampus.npz",
        1200,
        ("dice",),
        "cpu",
        {"limits": ("parameters<=200000",), "objectives": ("dice", "parameters")},
    ),
    "ecg5000": Row(
        "series/ucr_ECG5000.npz",
        300,
        ("accuracy", "balanced_accuracy"),
        "stm32f746",
        {"limits": ("flash_bytes<=20kB",), "objectives": ("accuracy", "parameters")},
        peer_ecg,
    ),
    "trec": Row(
        "text/trec_train_5500.label",
        600,
        ("accuracy", "macro_f1"),
        "cpu",
        {
            "limits": ("flash_bytes<=500kB",),
            "objectives": ("accuracy", "parameters"),
            "test": "text/trec_TREC_10.label",
        },
        peer_trec,
    ),
    "sms": Row(
        "text/SMSSpamCollection.tsv",
        300,
        ("accuracy", "macro_f1"),
        "cpu",
        {"objectives": ("accuracy", "parameters")},
    ),
    "adult": Row(
        "tables/adult.data.gz",
        300,
        ("auc", "accuracy"),
        "cpu",
        {
            "label": "classification",
            "objectives": ("auc", "parameters"),
            "test": "tables/adult.test.gz",
        },
        peer_adult,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--scale", type=float, default=1.0, help="of each budget")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="where to write the result as JSON")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    for name in options.rows:
        row = ROWS[name]
        runs = [searched(row, seed, options.scale, options.workers) for seed in options.seeds]
        peer = row.peer() if row.peer else {}
        found[name] = {"runs": runs, "peer": peer}
        for metric in row.shown:
            values = [run["metrics"][metric] for run in runs]
            beside = f", peer {peer[metric]:.4f}" if metric in peer else ""
            listed = " ".join(f"{value:.4f}" for value in values)
            print(f"{name:12} {metric:18} {np.mean(values):.4f} ({listed}){beside}", flush=True)
        if options.out:
            options.out.write_text(json.dumps(found, indent=1) + "\n")


def searched(row: Row, seed: int, scale: float, workers: int) -> dict[str, Any]:
    """One search: of its models the one that did best in validation."""
    import brickwork

    with tempfile.TemporaryDirectory() as folder:
        data = unpacked(DATA / row.data, Path(folder))
        settings = dict(row.settings)
        if "/" in str(settings.get("test", "")):
            settings["test"] = str(DATA / settings["test"])
        study = brickwork.search(
            str(data),
            target=row.target,
            budget=row.budget_s * scale,
            seed=seed,
            workers=workers,
            study=f"{folder}/study",
            **settings,
        )
        models = [model for model in study.models if not model.dropped.startswith("it ")]
        hope = hopes(study, row.shown[0])
        best = max(models, key=lambda model: hope[model.arch])
        top = max(study.front, key=lambda model: model.metrics[row.shown[0]].value)
        likely = study.expected[top.id].value if top.id in study.expected else None
        metrics = {name: q.value for name, q in best.metrics.items()}
        spreads = {name: q.spread for name, q in best.metrics.items()}
        wide = [[m.metrics["parameters"].value, m.metrics[row.shown[0]].value] for m in study.front]
        shown = " ".join(f"{metric} {metrics[metric]:.4f}" for metric in row.shown)
        print(
            f"  seed {seed}: {shown}, {metrics['parameters']:,.0f} parameters, "
            f"{sum(trial.scored for trial in study.trials())} trials, front {wide}, "
            f"of the best expect {likely and round(likely, 4)} on new data",
            flush=True,
        )
        found = {"seed": seed, "metrics": metrics, "spreads": spreads, "front": wide}
        return {**found, "expected_of_the_best": likely}


def hopes(study: Any, quality: str) -> dict[Any, float]:
    """What is expected of each network after a long training, from the scores of the search."""
    from brickwork.final import expected
    from brickwork.predictor import Encoder
    from brickwork.quantity import metric

    trials = [trial for trial in study.trials() if trial.scored]
    costs = tuple(name for name in trials[0].metrics if not metric(name).quality)
    likely = expected(trials, Encoder(study.space, costs, study.graph), study.objectives)
    return {trial.proposal.arch: trial.metrics[quality].value for trial in trials + likely}


if __name__ == "__main__":
    main()
