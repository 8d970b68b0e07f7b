"""Targets: every file of the library loads and names its sources; errors name file and key."""

from __future__ import annotations

import pickle
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from brickwork.devices import load_target, target_names
from brickwork.devices.target import COEFFICIENTS
from brickwork.errors import TargetError, UnknownName
from brickwork.objective import Limit

LIBRARY = resources.files("brickwork.devices").joinpath("library")
NAMES = target_names()

GOOD = """
name = "board"
title = "My board"
family = "mcu"
precision = "int8"
engine = "an engine"

[sram_bytes]
value = 1000
source = "datasheet"

[flash_bytes]
value = 2000
source = "datasheet"

[clock_mhz]
value = 100
source = "datasheet"

[active_power_mw]
value = 50
spread = 5
source = "measured"

[latency]
unit = "cycles"
error = 0.2
macs = [10, 1e6]
fitted = ["conv_mac"]
source = "fit"

[latency.coefficients]
conv_mac = 2.0
source = "fit"
"""


def test_the_library_has_the_targets_that_are_promised():
    promised = {"cpu", "stm32f746", "stm32h743", "stm32l4r5", "nrf5340", "raspberrypi4", "pixel"}
    assert promised <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_targets_of_the_library_load(name):
    target = load_target(name)
    assert target.name == name
    assert target.title
    assert target.engine
    assert target is load_target(name)  # read once
    assert (target.latency is None) == (target.measurable or target.npu is not None)
    assert (target.npu is not None) == (target.family == "npu")


def tables_with_numbers(table: dict[str, Any], at: str = "") -> Iterator[tuple[str, dict]]:
    def number(value: object) -> bool:
        if isinstance(value, list):
            return any(map(number, value))
        return isinstance(value, int | float) and not isinstance(value, bool)

    if any(map(number, table.values())):
        yield at, table
    for key, value in table.items():
        if isinstance(value, dict):
            yield from tables_with_numbers(value, f"{at}{key}.")


@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_the_library_has_its_source_beside_it(name):
    data = tomllib.loads(LIBRARY.joinpath(f"{name}.toml").read_text())
    for path, table in tables_with_numbers(data):
        assert len(table.get("source", "")) > 20, f"{name}: {path} has no source"
    target = load_target(name)
    for key in ("sram_bytes", "flash_bytes", "clock_mhz"):
        assert bool(target.source(key)) == (getattr(target, key) is not None)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_plausible(name):
    target = load_target(name)
    if target.family == "mcu":
        assert target.precision == "int8"
        assert 2**16 <= target.sram_bytes < target.flash_bytes <= 2**23
    if target.power_w is not None:
        assert 0.001 < target.power_w < 20
    if target.latency is not None:
        assert 0 < target.latency.error < 0.5
        assert target.latency.macs[0] < target.latency.macs[1]


def test_limits_are_those_of_a_microcontroller():
    assert load_target("stm32f746").limits() == (
        Limit("peak_sram_bytes", True, 320 * 1024),
        Limit("flash_bytes", True, 1024 * 1024),
        Limit("flash_total_bytes", True, 1024 * 1024),
        Limit("unsupported_ops", True, 0),
    )
    for name in ("cpu", "pixel", "raspberrypi4"):
        assert load_target(name).limits() == ()


def test_this_machine_is_measured():
    target = load_target("cpu")
    assert target.measurable
    assert target.precision == "float32"
    assert target.family == "cpu"


def test_a_path_loads_like_a_name(tmp_path):
    path = tmp_path / "board.toml"
    path.write_text(GOOD)
    target = load_target(path)
    assert (target.name, target.sram_bytes, target.flash_bytes) == ("board", 1000, 2000)
    assert target.power_w == pytest.approx(0.05)
    assert target.power_spread_w == pytest.approx(0.005)
    assert target.latency.coefficients == (2.0 * 1e-3 / 100, *[0.0] * (len(COEFFICIENTS) - 1))
    assert "an engine at 100 MHz" in target.latency.source
    assert load_target(str(path)).sources == target.sources


def test_nanoseconds_need_no_clock(tmp_path):
    path = tmp_path / "board.toml"
    clock = '[clock_mhz]\nvalue = 100\nsource = "datasheet"\n'
    assert clock in GOOD
    path.write_text(GOOD.replace(clock, "").replace('"cycles"', '"ns"'))
    assert load_target(path).latency.coefficients[0] == pytest.approx(2e-6)


NPU = """
[npu]
accelerator = "ethos-u55-64"
system_config = "Mine"
memory_mode = "Shared_Sram"
source = "mine.ini"
"""


def test_an_npu_is_what_its_compiler_is_told(tmp_path):
    path = tmp_path / "board.toml"
    path.write_text(GOOD + NPU)
    npu = load_target(path).npu
    assert (npu.accelerator, npu.system_config, npu.source) == ("ethos-u55-64", "Mine", "mine.ini")
    assert npu.config == "Arm/vela.ini"
    path.write_text(GOOD + NPU + 'config = "mine.ini"')
    assert load_target(path).npu.config == "mine.ini"
    path.write_text(GOOD + NPU.replace('"Mine"', "1"))
    with pytest.raises(TargetError, match=r"npu\.system_config must be a text, got 1"):
        load_target(path)


def test_a_target_can_be_sent_to_a_worker():
    target = load_target("stm32l4r5")
    assert pickle.loads(pickle.dumps(target)).limits() == target.limits()  # noqa: S301


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(UnknownName, match="did you mean 'stm32f746'") as caught:
        load_target("stm32f764")
    assert "raspberrypi4" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "board"', "", "name must be a text, got None"),
        (
            'family = "mcu"',
            'family = "toaster"',
            "family must be one of mcu, npu, phone, board, cpu",
        ),
        ('precision = "int8"', 'precision = "int4"', "precision must be one of int8, float32"),
        ("value = 1000", "value = -1", "sram_bytes.value must be positive, got -1"),
        ("value = 1000", 'value = "much"', "sram_bytes.value must be a number, got 'much'"),
        ("value = 1000", "value = true", "sram_bytes.value must be a number, got True"),
        ("value = 1000", "value = nan", "sram_bytes.value must be a number, got nan"),
        ("value = 1000", "value = 10.5", "sram_bytes.value must be a whole number of bytes"),
        ("value = 1000", "", "sram_bytes.value must be a number, got None"),
        ('value = 1000\nsource = "datasheet"', "value = 1000", "sram_bytes.source is missing"),
        ("[flash_bytes]", "[flash]", "flash is not known here; known are"),
        ("[clock_mhz]", "[clocks.mhz]", "clocks is not known here"),
        ("spread = 5", "spread = -5", "active_power_mw.spread must be at least 0, got -5"),
        ("error = 0.2", "", "latency.error must be a number, got None"),
        ("macs = [10, 1e6]", "macs = 10", r"latency.macs must be \[smallest, largest\], got 10"),
        ('["conv_mac"]', '["convolution"]', "latency.fitted must be a list of conv_mac"),
        ('unit = "cycles"', 'unit = "hours"', "latency.unit must be one of cycles, ns"),
        ("conv_mac = 2.0", "conv = 2.0", "latency.coefficients.conv is not known here"),
        ("conv_mac = 2.0", "conv_mac = -2.0", "latency.coefficients.conv_mac must be at least 0"),
        ("conv_mac = 2.0", "", "latency.coefficients names no coefficient above 0"),
        ("engine = ", "measurable = 1\nengine = ", "measurable must be true or false, got 1"),
        ("value = 2000", "value == 2000", "not a TOML file"),
    ],
)
def test_errors_name_the_file_and_the_key(tmp_path, old, new, message):
    assert old in GOOD
    path = tmp_path / "board.toml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(TargetError, match=message) as caught:
        load_target(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("table", ["sram_bytes", "flash_bytes"])
def test_a_microcontroller_has_its_memory(tmp_path, table):
    value = {"sram_bytes": 1000, "flash_bytes": 2000}[table]
    path = tmp_path / "board.toml"
    path.write_text(GOOD.replace(f'[{table}]\nvalue = {value}\nsource = "datasheet"\n', ""))
    with pytest.raises(TargetError, match=f"{table} is missing: a microcontroller"):
        load_target(path)


def test_cycles_need_a_clock(tmp_path):
    path = tmp_path / "board.toml"
    path.write_text(GOOD.replace('[clock_mhz]\nvalue = 100\nsource = "datasheet"\n', ""))
    with pytest.raises(TargetError, match=r"clock_mhz is missing: latency\.unit is cycles"):
        load_target(path)


def test_missing_and_unreadable_files(tmp_path):
    with pytest.raises(TargetError, match="no such file"):
        load_target(tmp_path / "nothing.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(TargetError, match="cannot be read"):
        load_target(tmp_path / "folder.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TargetError, match="not a TOML file"):
        load_target(tmp_path / "binary.toml")


def test_the_example_of_the_documentation_loads(tmp_path):
    import brickwork.devices.target as module

    text = Path(module.__file__).read_text().split(".. code-block:: toml\n")[1]
    text = text.split("\n\nAn NPU")[0]
    path = tmp_path / "example.toml"
    path.write_text("\n".join(line[4:] for line in text.splitlines()))
    with pytest.raises(TargetError, match="flash_bytes is missing"):  # "likewise", it says
        load_target(path)
    path.write_text(path.read_text() + '\n[flash_bytes]\nvalue = 1\nsource = "x"\n')
    assert load_target(path).latency.error == 0.1
