"""Measurements in a CSV: networks by all their names, and one clear line for what is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from brickwork.devices.lowering import lower
from brickwork.devices.merging import merged
from brickwork.devices.work import work_of, work_of_program
from brickwork.errors import DataError
from brickwork.export.onnx import random_weights, write_onnx
from brickwork.measurements import read_measurements
from brickwork.space import graph
from brickwork.spaces.cell import arch_of_string, nasbench201
from brickwork.spaces.mobile import mobile
from brickwork.spaces.references import PUBLISHED, resnet8
from brickwork.trial import rng_for

CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "measured.csv"
    path.write_text(text)
    return path


def amounts(whole: object) -> tuple[float, ...]:
    return tuple(work_of(whole).amounts.tolist())


def test_a_name_of_the_catalogue(tmp_path):
    found = read_measurements(written(tmp_path, "network,latency_ms\nresnet8,12.5\n\nresnet8,13\n"))
    space = resnet8()
    expected = amounts(graph(space, space.arch(), *PUBLISHED["resnet8"]))
    assert [row.work for row in found.rows] == [expected] * 2
    assert [row.time for row in found.rows] == [12.5, 13.0]
    assert len({row.network for row in found.rows}) == 1  # the same work is one network
    assert found.clock_mhz is None
    assert found.power_mw == ()


def test_an_architecture_as_text_and_as_a_file_beside_the_csv(tmp_path):
    space = mobile((3, 32, 32))
    arch = space.sample(np.random.default_rng(0))
    (tmp_path / "arch.json").write_text(json.dumps({"arch": arch.to_json()}))
    quoted = json.dumps(arch.to_json()).replace('"', '""')
    text = f'network,latency_ms,input,outputs\narch.json,1,"3,32,32",7\n"{quoted}",2,3x32x32,7\n'
    found = read_measurements(written(tmp_path, text))
    assert {row.work for row in found.rows} == {amounts(graph(space, arch, (3, 32, 32), 7))}


def test_a_cell_with_its_setting(tmp_path):
    text = (
        "arch,latency_ms,model,input,channels,cells\n"
        f"{CELL},1,NAS-Bench-201 C=8 N=2,24x32x3,,\n"
        f"{CELL},1,,,8,2\n"
        f"{CELL},1,,,,\n"
    )
    found = read_measurements(written(tmp_path, text))
    for row, shape, channels, cells in zip(
        found.rows, ((3, 24, 32), (3, 32, 32), (3, 32, 32)), (8, 8, 16), (2, 2, 5), strict=True
    ):
        space = nasbench201(shape, channels, cells)
        program = lower(graph(space, arch_of_string(space, CELL), shape, 10))
        assert row.work == tuple(work_of_program(merged(program)).amounts.tolist())


def test_a_file_of_a_network_beside_the_csv(tmp_path):
    space = resnet8()
    whole = graph(space, space.arch(), *PUBLISHED["resnet8"])
    (tmp_path / "net.onnx").write_bytes(
        write_onnx(whole, random_weights(whole, rng_for(0, "weights")))
    )
    text = f"file,latency_ms\nnet.onnx,1\n{tmp_path / 'net.onnx'},2\n"
    found = read_measurements(written(tmp_path, text))
    works = {row.work for row in found.rows}
    assert len(works) == 1
    assert sum(works.pop()[:5]) == sum(work_of(whole).amounts[:5])
    with pytest.raises(DataError, match=r"line 2, file: .*gone\.onnx"):
        read_measurements(written(tmp_path, "file,latency_ms\ngone.onnx,1\n"))


def test_power_is_given_or_energy_over_time(tmp_path):
    text = "network,latency_ms,energy_mJ,power_mw,mhz\nresnet8,20,2,,100\ndscnn,10,,90,100\n"
    found = read_measurements(written(tmp_path, text))
    assert found.power_mw == pytest.approx((100.0, 90.0))
    assert found.clock_mhz == 100


def test_variants_of_a_family_are_one_network(tmp_path):
    text = "network,latency_ms,family\nresnet8,20,a\ndscnn,10,a\nmobilenetv2,10,b\n"
    found = read_measurements(written(tmp_path, text))
    assert [row.network for row in found.rows] == ["a", "a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column names the network .* it has none"),
        ("name,latency_ms\nresnet8,1\n", "no column names the network .* it has name, latency_ms"),
        (
            "network,ms\nresnet8,1\n",
            r"no column holds the time \('latency_ms'\); it has network, ms",
        ),
        ("network,latency_ms\nresnet8,\n", "line 2, latency_ms: is empty"),
        ("network,latency_ms\nresnet8\n", "line 2, latency_ms: is empty"),
        ("network,latency_ms\n,3\n", "line 2, network: is empty"),
        (
            "network,latency_ms\nresnet8,1\ndscnn,nan\n",
            "line 3, latency_ms: must be a number",
        ),
        (
            "network,latency_ms\nresnet8,-1\n",
            "line 2, latency_ms: must be a number above 0",
        ),
        ("network,latency_ms\nresnet8,0\n", "line 2, latency_ms: must be a number above 0"),
        ("network,latency_ms\nresnet8,inf\n", "line 2, latency_ms: must be a number above 0"),
        ("network,latency_ms\nresnet8,fast\n", "line 2, latency_ms: must be a number, got 'fast'"),
        ("network,latency_ms\nresnet9,1\n", "line 2, network: unknown space or architecture file"),
        ("network,latency_ms\nmobile,1\n", "line 2, network: 'mobile' is a space of many networks"),
        ("network,latency_ms\n{},1\n", "line 2, network: "),
        ("arch,latency_ms\n|conv~0|,1\n", "line 2, arch: a cell of NAS-Bench-201 is"),
        ("network,latency_ms,input\nresnet8,1,a\n", "line 2, network: cannot read the shape"),
        ("network,latency_ms,mhz\nresnet8,1,80\ndscnn,1,160\n", "clocks differ"),
        ("network,latency_ms,mhz\nresnet8,1,80\ndscnn,1,\n", "clocks differ"),
        (
            "network,latency_ms,energy_mj\nresnet8,1,-4\n",
            "line 2, energy_mj: must be a number",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        read_measurements(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_files_that_are_no_csv(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_measurements(tmp_path / "nothing.csv")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(DataError, match=re.escape("is not a CSV of text")):
        read_measurements(binary)
