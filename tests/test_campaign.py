"""The whole way, on a handful of digits: search, interrupt, resume, retrain, export, judge."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import brickwork as bw
from brickwork.campaign import Shares
from brickwork.config import Context, Run, task_for
from brickwork.costs import cost_of
from brickwork.engine.store import Store
from brickwork.errors import BrickworkError, SpaceError, StudyMismatch, UnknownName
from brickwork.preparation import SHARED, suggestions
from brickwork.space import GlobalPool, Linear, Seq, Softmax, Space
from brickwork.study import Study
from brickwork.summary import summary
from brickwork.trial import State, Trial
from brickwork.verdict import verdict

SETTINGS = ("--target", "stm32f746", "--space", "mobile", "--seed", "3", "--workers", "2")
LIMIT = ("--limit", "parameters<=4000")
pytestmark = pytest.mark.alone
_MICRO = importlib.util.find_spec("tflite_micro") is not None  # the extra mcu


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of digits, 240 images."""
    x, y = load_digits(return_X_y=True)
    keep = np.flatnonzero(y < 3)[:240]
    path = tmp_path_factory.mktemp("data") / "few.npz"
    np.savez(path, X=x[keep].reshape(-1, 8, 8).astype(np.uint8), y=y[keep])
    return path


@pytest.fixture(scope="module")
def study(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A finished study with its controls."""
    return bw.search(
        str(data),
        target="stm32f746",
        budget="90s",
        max_trials=8,
        seed=3,
        limits=("parameters<=4000",),
        control=True,
        study=tmp_path_factory.mktemp("study") / "s",
    )


def test_every_model_is_trained_exported_and_verified(study: Study) -> None:
    assert study.finished
    assert len(study.front) >= 1
    for model in study.front:
        assert model.metrics["parameters"].value <= 4000
        assert model.metrics["accuracy"].how == "measured"
        judged = "model.int8.tflite" if _MICRO else "model.int8.onnx"
        assert judged in model.metrics["accuracy"].source
        assert model.metrics["flash_bytes"].how == "counted"
        assert {"model.py", "model.onnx", judged, "weights.safetensors"} <= set(model.artifacts)
        for name, facts in model.artifacts.items():
            assert (study.folder / facts["path"]).name == name
            assert (study.folder / facts["path"]).is_file()
            assert facts["verified"] in (True, None)


def test_no_model_of_the_front_dominates_another(study: Study) -> None:
    for a in study.front:
        for b in study.front:
            better = a.metrics["accuracy"].value >= b.metrics["accuracy"].value
            cheaper = a.metrics["parameters"].value <= b.metrics["parameters"].value
            assert a is b or not (better and cheaper)


def test_the_test_split_is_opened_once_and_last(study: Study) -> None:
    with Store.open(study.folder) as store:
        kinds = [kind for (kind,) in store._db.execute("select kind from events order by id")]
    assert kinds.count("test opened") == 1
    opened = kinds.index("test opened")
    assert max(i for i, kind in enumerate(kinds) if kind == "retrained") < opened
    assert max(i for i, kind in enumerate(kinds) if kind == "finished") < opened
    assert min(i for i, kind in enumerate(kinds) if kind == "tested") > opened


def test_the_card_says_how_the_network_was_trained_not_how_it_should_have_been(
    study: Study,
) -> None:
    with Store.open(study.folder) as store:
        said = {event["key"]: event for event in store.events("retrained")}
    for model in study.front:
        first = said[f"{model.id}-0"]
        card = (study.folder / "models" / model.id / "card.md").read_text()
        assert f"lr {first['lr']:.3g}" in card
        assert f"epochs {first['epochs']}" in card


def test_the_summary_says_what_was_promised(study: Study) -> None:
    found = json.loads(json.dumps(summary(study), allow_nan=False))
    assert {
        "study", "task", "target", "objectives", "seed", "models", "expected", "gap", "controls",
        "spent",
    } <= set(found)  # fmt: skip
    model = found["models"][0]
    assert {"id", "arch", "metrics", "search", "final", "artifacts"} == set(model)
    assert set(found["expected"]) == {model["id"] for model in found["models"]}
    for one in found["models"]:
        expected = found["expected"][one["id"]]
        assert expected["how"] == "estimated"
        assert expected["value"] <= one["metrics"]["accuracy"]["value"]
    assert {"value", "unit", "how", "spread", "source"} == set(model["metrics"]["accuracy"])
    assert len(model["final"]["seeds"]) >= 1
    assert {"front", "random", "size"} == set(found["controls"])
    assert found["controls"]["random"]["models"]
    assert 1 <= found["spent"]["trained"] <= 8
    phases = sum(found["spent"][f"{p}_s"] for p in ("search", "control", "final", "export"))
    assert phases < 2 * found["spent"]["budget_s"]


def test_the_explanation_says_how_long_trainings_are(study: Study) -> None:
    said = study.task["strategy"]
    assert study.run.scale < 1
    assert said.endswith(
        f"a training of this search is {100 * study.run.scale:.2g} % of a full one"
    )
    assert "ops that the runtime lacks" not in said


def test_the_best_model_can_be_asked_for(study: Study) -> None:
    best = study.front.best()
    assert best.metrics["accuracy"].value == max(m.metrics["accuracy"].value for m in study.front)
    smallest = study.front.best("parameters")
    assert study.front.best(parameters=smallest.metrics["parameters"].value) == smallest
    with pytest.raises(BrickworkError, match="no model of the front keeps"):
        study.front.best(parameters=1)
    with pytest.raises(UnknownName):
        study.front.best("beauty")
    assert smallest.id in repr(study.front)
    assert "measured" in study.front._repr_html_()


def test_a_model_can_be_used_without_brickwork(study: Study, tmp_path: Path) -> None:
    import onnxruntime
    import torch

    model = study.front[0]
    folder = model.export(tmp_path / "out")
    golden = np.load(folder / "golden.npz", allow_pickle=False)
    with torch.no_grad():
        logits = model.module()(torch.from_numpy(golden["inputs"].astype(np.float32)))
    np.testing.assert_allclose(logits.numpy(), golden["logits"], rtol=1e-4, atol=1e-4)
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    (found,) = session.run(None, {name: golden["inputs"].astype(np.float32)})
    np.testing.assert_allclose(found, golden["logits"], rtol=1e-4, atol=1e-4)
    code = (
        "import runpy, sys; sys.modules['brickwork'] = None; "
        "runpy.run_path('model.py', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_export_of_one_format_and_of_an_unknown_one(study: Study, tmp_path: Path) -> None:
    model = study.front[0]
    folder = model.export(tmp_path / "out", ["onnx"])
    assert (folder / "model.onnx").is_file()
    assert not (folder / "model.py").exists()
    with pytest.raises(UnknownName, match="tflight"):
        model.export(tmp_path / "other", ["tflight"])
    with pytest.raises(UnknownName):
        study.model("")


def test_export_of_a_format_that_the_search_did_not_write(study: Study, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    model = study.front[0]
    assert "model.xml" not in model.artifacts
    command = ["export", str(study.folder), model.id, "--to", "openvino,onnx"]
    command = [sys.executable, "-m", "brickwork", *command, "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"model.xml", "model.bin", "model.onnx"} <= {
        p.name for p in (tmp_path / "out").iterdir()
    }
    assert "Use it from OpenVINO" in (tmp_path / "out" / "card.md").read_text(encoding="utf-8")
    assert not (model.folder / "model.xml").exists()


def test_export_with_a_softmax(study: Study, tmp_path: Path) -> None:
    model = study.front[0]
    command = ["export", str(study.folder), model.id, "--softmax", "--out", str(tmp_path / "out")]
    command = [sys.executable, "-m", "brickwork", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        path.name for path in model.folder.iterdir()
    }
    golden = np.load(tmp_path / "out" / "golden.npz")
    np.testing.assert_allclose(golden["probabilities"].sum(axis=1), 1.0, atol=1e-6)
    assert "before its softmax" in (tmp_path / "out" / "card.md").read_text(encoding="utf-8")


def test_a_space_that_ends_in_a_softmax_is_not_trained() -> None:
    run = Run.of(data="digits", target="stm32f746")
    context = Context.of(run, task_for(run))
    ended = dataclasses.replace(context, space=Space("own", Seq(GlobalPool(), Linear(), Softmax())))
    with pytest.raises(SpaceError, match=r"'own' ends in a softmax.* export with --softmax"):
        ended.graph(ended.space.arch())


def test_what_a_model_costs_is_told_from_its_file(study: Study) -> None:
    for model in study.front:
        found = cost_of(str(model.folder / "arch.json"), "stm32f746")
        assert found["input"] == [1, 8, 8]
        assert found["outputs"] == 3
        for name in ("parameters", "macs"):
            assert found["metrics"][name]["value"] == model.metrics[name].value


def test_the_report_is_there_and_stands_alone(study: Study) -> None:
    page = (study.folder / "report.html").read_text(encoding="utf-8")
    assert all(model.id in page for model in study.front)
    assert "random search" in page
    assert 'src="http' not in page


def test_running_it_again_changes_nothing(study: Study, data: Path) -> None:
    before = summary(study)
    again = bw.search(
        str(data),
        target="stm32f746",
        budget="60s",
        max_trials=8,
        seed=3,
        limits=("parameters<=4000",),
        control=True,
        study=study.folder,
    )
    assert [m.to_json() for m in again.front] == before["models"]
    assert again.gap.to_json() == before["gap"]


def test_other_data_or_settings_are_refused(study: Study, data: Path, tmp_path: Path) -> None:
    with np.load(data, allow_pickle=False) as arrays:
        changed = {name: arrays[name].copy() for name in arrays.files}
    changed["X"][0, 0, 0] ^= 1
    words: dict[str, Any] = {
        "target": "stm32f746", "budget": "40s", "max_trials": 8,
        "limits": ("parameters<=4000",), "control": True, "study": study.folder,
    }  # fmt: skip
    original = data.read_bytes()
    np.savez(data, **changed)
    try:
        with pytest.raises(StudyMismatch, match="other data"):
            bw.search(str(data), seed=3, **words)
    finally:
        data.write_bytes(original)
    with pytest.raises(StudyMismatch, match="seed was 3, now 4"):
        bw.search(str(data), seed=4, **words)


def test_arrays_are_accepted_and_searched_in_this_process(data: Path, tmp_path: Path) -> None:
    with np.load(data, allow_pickle=False) as arrays:
        x, y = arrays["X"], arrays["y"]
    study = bw.search(
        (x, y), target="stm32f746", budget="12s", max_trials=2, seed=1, study=tmp_path / "a",
        inline=True, strategy="random",
    )  # fmt: skip
    assert len(study.front) >= 1
    assert study.run.data == "arrays"


def test_what_is_prepared_is_where_the_search_begins(data: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "target": "stm32f746", "budget": "30s", "max_trials": 2, "seed": 1, "inline": True,
        "strategy": "zero-cost", "study": tmp_path / "z", "limits": ("parameters<=4000",),
    }  # fmt: skip
    study = bw.search(str(data), **settings)
    assert [event["number"] for event in study.events("prepared")] == [0]
    scored = {one.arch for one in suggestions(study.folder).found}
    assert len(scored) >= 16
    assert {trial.proposal.arch for trial in study.trials()} <= scored
    assert all(trial.proposal.fidelity == 1 for trial in study.trials())
    assert any("too few to be trusted" in sentence for sentence in verdict(study))
    assert 0 < summary(study)["spent"]["preparation_s"] < 30
    before = (study.folder / SHARED / "0.json").stat().st_mtime_ns
    bw.search(str(data), **settings)
    assert (study.folder / SHARED / "0.json").stat().st_mtime_ns == before


def test_on_this_machine_latency_is_measured_and_its_limit_kept(data: Path, tmp_path: Path) -> None:
    study = bw.search(
        str(data), target="cpu", budget="40s", max_trials=4, seed=2, study=tmp_path / "c",
        limits=("latency_ms<=50",), control=True,
    )  # fmt: skip
    for model in study.front:
        latency = model.metrics["latency_ms"]
        assert latency.how == "measured"
        assert 0 < latency.value <= 50
        assert "model.onnx" in model.metrics["accuracy"].source
    assert [o.metric for o in study.objectives] == ["accuracy", "latency_ms"]
    found = summary(study)["controls"]
    assert "hypervolume" not in found["size"]  # nothing measured those
    assert (study.folder / "report.html").is_file()


def test_the_shares_of_a_budget_add_up() -> None:
    for control in (False, True):
        run = Run.of(data="digits", control=control)
        context = Context.of(run, task_for(run))
        for budget_s in (10.0, 100.0, 10_000.0):
            shares = Shares.of(context, budget_s)
            total = shares.search + shares.control + shares.final + shares.export
            assert total == pytest.approx(budget_s)
            assert shares.control == (shares.search if control else 0.0)
            assert min(shares.search, shares.final, shares.export) > 0


def test_slow_trainings_get_a_larger_share_of_the_budget_for_the_end() -> None:
    runs = [Run.of(data="digits", space=space) for space in ("mobile", "mobilenetv2")]
    small, large = (Shares.of(Context.of(run, task_for(run)), 900.0) for run in runs)
    assert large.final > small.final
    assert large.search > 0


def command(data: Path, study: Path, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "brickwork", "search", str(data), *SETTINGS, *LIMIT,
        "--budget", "120s", "--study", str(study), *more,
    ]  # fmt: skip


def history(folder: Path) -> list[tuple[Any, ...]]:
    def key(trial: Trial) -> tuple[Any, ...]:
        metrics = {name: quantity.value for name, quantity in trial.metrics.items()}
        metrics.pop("energy_mj", None)  # not known for this target: not a number
        return trial.number, trial.proposal, trial.state, metrics, trial.twin_of

    with Store.open(folder) as store:
        return [key(trial) for trial in store.trials()]


def finished(folder: Path) -> int:
    try:
        with Store.open(folder) as store:
            return sum(trial.state is State.DONE for trial in store.trials())
    except BrickworkError:  # not there yet
        return 0


def wait_for(folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 90
    while finished(folder) < count and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def listen_to_interrupts() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so does all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_killed_interrupted_and_resumed_it_searches_as_if_it_had_run_through(
    data: Path, tmp_path: Path
) -> None:
    """A budget that the search does not use up, with all that is begun and lost on the way."""

    def begin(folder: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command(data, folder, "--max-trials", "6"),
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=listen_to_interrupts,
        )

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder, count in ((whole, 6), (broken, 1)):
        process = begin(folder)
        wait_for(folder, count, process)
        process.kill()
        process.communicate()

    process = begin(broken)
    wait_for(broken, 3, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Nothing is lost" in err
    assert "Traceback" not in err
    stopped = Study(broken)
    assert not stopped.finished
    assert "stopped before its end" in (broken / "report.html").read_text(encoding="utf-8")
    assert summary(stopped)["gap"] == {}

    done = subprocess.run(
        [sys.executable, "-m", "brickwork", "resume", str(broken)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert Study(broken).finished
    assert finished(broken) == 6
    assert history(broken) == history(whole)
