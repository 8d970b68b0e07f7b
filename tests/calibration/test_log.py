"""What a board printed: found among other lines, and refused where it is not ours."""

from __future__ import annotations

import pytest
from board_log import COLUMNS, lines

from brickwork.calibration.log import read_times
from brickwork.errors import DataError


def test_a_csv_is_read(printed, manifest):
    times = read_times(printed, manifest)
    assert [time.network.name for time in times] == [one.name for one in manifest.networks]
    assert {(t.runtime, t.machine, t.mhz) for t in times} == {("An engine, 1.0", "a board", 120.0)}


def test_a_log_has_other_lines_and_time_stamps_around(printed, manifest, tmp_path):
    rows = printed.read_text().splitlines()
    noise = ['*** Booting, "v3" ***', "file,latency", "", '"', "\x00\xff", "# part 1 of 2", "a,b,c"]
    log = tmp_path / "board.log"
    log.write_text(
        "\n".join(
            [*noise, *[f"12:00:01.5 -> {row}" for row in rows[:9]], *noise]
            + [rows[9][:20]]  # the board was reset here
            + [f"[00:00:01] {row}" for row in [rows[0], *rows[5:]]]
        )
    )
    assert read_times(log, manifest) == read_times(printed, manifest)


def test_a_line_by_hand_needs_two_columns(manifest, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("\ufefflatency_ms,file\n3.5,n00.int8.tflite\n4.5,models/n01.int8.tflite\n")
    times = read_times(path, manifest)
    assert [(time.file, time.latency_ms) for time in times] == [
        ("n00.int8.tflite", 3.5),
        ("n01.int8.tflite", 4.5),
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("c/n03.c,", "c/n99.c,"), "line 5: c/n99.c is none of the networks of this folder"),
        ((",0.001,", ",0.001,more,"), "no line has times"),
        ((COLUMNS, "a,b,c,d,e,f,g"), "no line has times: a header with the columns file"),
    ],
)
def test_lines_that_are_not_ours(printed, manifest, change, says):
    printed.write_text(printed.read_text().replace(*change))
    with pytest.raises(DataError, match=says):
        read_times(printed, manifest)


@pytest.mark.parametrize("value", ["nan", "inf", "0", "-1", "fast", ""])
def test_a_time_that_is_no_time(manifest, tmp_path, value):
    path = tmp_path / "mine.csv"
    path.write_text(f"file,latency_ms\nn00.c,{value}\n")
    with pytest.raises(DataError, match=r"mine.csv: line 2: latency_ms"):
        read_times(path, manifest)


def test_another_set_is_told_by_its_checksums(printed, manifest):
    first = manifest.networks[0]
    check = first.files["c/n00.c"].sha256[:16]
    printed.write_text(printed.read_text().replace(check, "0123456789abcdef"))
    with pytest.raises(
        DataError, match=r"line 2: n00\.c was measured with checksum 0123456789abcdef"
    ):
        read_times(printed, manifest)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("a board", "another board"), r"machines differ \(a board, another board\)"),
        (("1.0", "2.0"), r"runtimes differ \(An engine, 1.0, An engine, 2.0\)"),
        ((",120", ",64"), r"clocks differ \(120 MHz, 64 MHz\)"),
    ],
)
def test_one_board_engine_and_clock_at_a_time(printed, manifest, change, says):
    rows = printed.read_text().splitlines()
    printed.write_text("\n".join([*rows[:-1], rows[-1].replace(*change)]))
    with pytest.raises(DataError, match=says):
        read_times(printed, manifest)


def test_one_kind_of_file_at_a_time(manifest, tmp_path):
    path = tmp_path / "both.csv"
    path.write_text("\n".join([*lines(manifest), *lines(manifest, ".onnx")]))
    with pytest.raises(DataError, match=r"kinds of files differ \(\*\.c, \*\.onnx\)"):
        read_times(path, manifest)


def test_a_file_that_is_not_there(manifest, tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_times(tmp_path / "no.csv", manifest)
