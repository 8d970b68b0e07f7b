"""The circle: times of a known model become a target that predicts as the model does."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib

import numpy as np
import pytest
from board_log import TRUTH, lines
from typer.testing import CliRunner

from brickwork.calibration.calibrating import calibrate
from brickwork.calibration.installing import read_back
from brickwork.cli import app
from brickwork.devices import latency_of, load_target
from brickwork.devices.work import work_of
from brickwork.errors import BrickworkError, DataError, TargetError
from brickwork.quantity import How
from brickwork.space import graph
from brickwork.spaces.mobile import mobile


def test_the_circle_closes(written, printed, installed):
    found = read_back(written, printed, "my-board", "My board")
    assert found["left_out"]["mean_error"] < 0.05
    assert found["file"] == str(installed / "my-board.toml")
    mine, truth, base = map(load_target, ("my-board", TRUTH, "stm32g0b1-hale"))
    assert (mine.name, mine.title) == ("my-board", "My board")
    assert (mine.family, mine.sram_bytes, mine.clock_mhz) == ("mcu", base.sram_bytes, 120.0)
    assert (mine.engine, mine.precision) == ("An engine, 1.0", "int8")
    for work in works():
        cost = latency_of(work, mine)
        assert cost.how is How.PREDICTED
        assert cost.value == pytest.approx(2.0 * latency_of(work, truth).value, rel=0.05)


def test_the_interval_holds_what_it_says(written, manifest, installed, tmp_path):
    """Of all sets of times together: within one set the errors of networks are much alike."""
    truth, inside = load_target(TRUTH), []
    for seed in range(8):
        path = tmp_path / "times.csv"
        path.write_text("\n".join(lines(manifest, seed=seed, noise=0.04)))
        read_back(written, path, "my-board")
        mine = load_target("my-board")
        for work in works():
            cost, true = latency_of(work, mine), 2.0 * latency_of(work, truth).value
            inside.append(abs(cost.value - true) <= cost.spread)
    assert 0.7 < np.mean(inside) < 1.0


def works():
    """The work of networks that were not measured."""
    space, rng = mobile((1, 12, 12)), np.random.default_rng(5)
    whole = [graph(space, space.sample(rng), (1, 12, 12), 10) for _ in range(40)]
    return [work_of(one) for one in whole]


def test_the_files_decide_the_precision(written, manifest, installed, tmp_path):
    for ending, precision in ((".onnx", "float32"), (".tflite", "int8")):
        path = tmp_path / "times.csv"
        path.write_text("\n".join(lines(manifest, ending, mhz="")))
        read_back(written, path, f"board-{precision}")
        target = load_target(f"board-{precision}")
        assert target.precision == precision
        assert target.title == "a board, An engine, 1.0"


def test_another_process_finds_it(written, printed, installed):
    read_back(written, printed, "my-board")
    code = "from brickwork.devices import load_target; print(load_target('my-board').engine)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "An engine, 1.0"


@pytest.mark.slow
def test_a_search_finds_it_at_once_also_in_workers(written, printed, installed, tmp_path):
    read_back(written, printed, "my-board")
    command = ["search", "digits", "--target", "my-board", "--budget", "20s", "--workers", "2"]
    command += ["--max-trials", "2", "--limit", "latency_ms<=500", "--study", str(tmp_path / "s")]
    done = subprocess.run(
        [sys.executable, "-m", "brickwork", *command, "--json"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert '"latency_ms"' in done.stdout


def test_it_is_listed_with_where_it_comes_from(written, printed, installed):
    read_back(written, printed, "my-board")
    rows = json.loads(CliRunner().invoke(app, ["targets", "--json"]).output)
    places = {row["name"]: row["from"] for row in rows}
    assert places["my-board"] == str(installed / "my-board.toml")
    assert places[TRUTH] == "library"


def test_only_the_same_set_replaces_it(written, printed, manifest, kit, installed):
    read_back(written, printed, "my-board", "One")
    read_back(written, printed, "my-board", "Two")
    assert load_target("my-board").title == "Two"
    place = installed / "my-board.toml"
    content = tomllib.loads(place.read_text())
    assert content["title"] == "Two"
    place.write_text(place.read_text().replace(manifest.key, "0" * 16))
    with pytest.raises(TargetError, match="is installed that does not come from this set"):
        read_back(kit, printed, "my-board")
    assert load_target("my-board").title == "Two"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (TRUTH, "the library has a target 'stm32l4r5'"),
        ("../x", "cannot name a target"),
        ("a b", "cannot name a target"),
        ("x.toml", "cannot name a target"),
    ],
)
def test_names_that_cannot_be(written, printed, installed, name, says):
    with pytest.raises(TargetError, match=says):
        read_back(written, printed, name)
    assert not installed.exists()


def test_its_name_is_the_folders(kit, printed, installed):
    assert read_back(kit, printed)["target"] == "kit"


def test_too_few_times(written, manifest, printed, installed):
    rows = printed.read_text().splitlines()
    for count, says in ((1, "one network is not enough"), (4, r"4 networks for \d+ coefficients")):
        printed.write_text("\n".join(rows[: count + 1]))
        with pytest.raises(DataError, match=says) as raised:
            read_back(written, printed, "few")
        assert str(raised.value).startswith(f"{printed}: ")
    found = read_back(written, printed, "few", target=TRUTH, factor=True)
    assert found["networks"] == 4
    ratio = load_target("few").latency.coefficients / load_target(TRUTH).latency.coefficients
    # a factor in cycles: the base has 120 MHz, as the log does
    assert ratio == pytest.approx(np.full(len(ratio), 2.0), rel=0.05)


def test_a_network_that_was_changed(kit, printed, installed):
    path = kit / "tflite" / "n02.int8.tflite"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(DataError, match=r"n02\.int8\.tflite was changed since it was written"):
        read_back(kit, printed, "mine")
    path.unlink()
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_back(kit, printed, "mine")


def test_a_folder_without_networks(tmp_path, printed, installed):
    with pytest.raises(DataError, match="holds no benchmark networks: write them first"):
        read_back(tmp_path / "nothing", printed)


def test_a_place_that_cannot_be_written(written, printed, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BRICKWORK_TARGETS", str(tmp_path / "file"))
    with pytest.raises(TargetError, match="Not a directory"):
        read_back(written, printed, "mine")


def test_here(kit, installed, monkeypatch):
    """Measured on this machine; a second run goes on with what is there."""
    from brickwork.calibration import here
    from brickwork.quantity import Quantity

    truth = load_target(TRUTH).latency
    networks = {(kit / p).read_bytes(): one for one in here_networks(kit) for p in one.files}
    calls = []

    def measured(content: bytes, _input: object) -> Quantity:
        one = networks[content]
        calls.append(one.name)
        if len(calls) == 5:
            raise KeyboardInterrupt
        ms = float(truth.coefficients @ np.array(list(one.work.values())))
        source = "ONNX Runtime 9 on a CPU, 1 thread: median"
        return Quantity(ms, "ms", How.MEASURED, 0.0, source)

    monkeypatch.setattr(here, "measure_onnx", measured)
    with pytest.raises(KeyboardInterrupt):
        calibrate(kit, here=True, name="me")
    found = calibrate(kit, here=True, name="me")
    assert len(calls) == len(set(calls)) + 1
    assert found["networks"] == len(set(calls))
    target = load_target("me")
    assert (target.precision, target.engine) == ("float32", "ONNX Runtime 9")
    assert not target.measurable
    assert target.title == "a CPU, ONNX Runtime 9"


def here_networks(folder):
    from brickwork.calibration.manifest import read_manifest

    return read_manifest(folder).networks


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"read": "x.csv", "here": True}, "--here measures: leave one out"),
        ({"read": "x.csv", "input": "3,8,8"}, "are for writing: leave one out"),
        ({"name": "x"}, "are for --read and --here"),
        ({"input": "3,x"}, "cannot read the shape '3,x'"),
    ],
)
def test_options_that_do_not_go_together(tmp_path, options, says):
    with pytest.raises(BrickworkError, match=says):
        calibrate(tmp_path / "new", **options)


def test_the_command(written, printed, installed):
    words = ["calibrate", str(written), "--read", str(printed), "--name", "my-board"]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.output
    for text in ("mean error, left out", "judged by", "brickwork search DATA --target my-board"):
        assert text in shown.output
    again = ["--target", "stm32g0b1-hale", "--input", "1,12,12", "--networks", "20"]
    listed = CliRunner().invoke(app, ["calibrate", str(written), *again])
    assert listed.exit_code == 0
    assert "n19" in listed.output
    told = CliRunner().invoke(app, ["calibrate", str(written), *again, "--json"])
    assert json.loads(told.output)["networks"] == 20
