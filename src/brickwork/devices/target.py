"""A device as data: its memory, its clock, its engine, and the source of every number.

A target is a TOML file. Those that come with Brickwork lie in ``devices/library``, those that
``brickwork calibrate`` installed in a folder of the user; any other file is loaded by its path.
Every table that holds a number says in ``source`` where it comes from.
Not named, ``narrow_mac`` is ``conv_mac``; ``activation`` and ``copy`` are ``elementwise``:

.. code-block:: toml

    name = "board"                 # how it is asked for
    title = "My board (Cortex-M7)" # how it is called
    family = "mcu"                 # mcu, npu, phone, board or cpu
    precision = "int8"             # int8 or float32: what runs there
    engine = "X-CUBE-AI 8.1"       # the runtime that the numbers below belong to

    [sram_bytes]                   # likewise [flash_bytes]; needed for the family mcu
    value = 327680
    source = "datasheet, table 2"

    [clock_mhz]                    # needed where the latency is in cycles
    value = 216
    source = "datasheet, page 1"

    [active_power_mw]              # energy is unknown without it
    value = 120
    spread = 10                    # half the width of an 80 % interval
    source = "measured with ..."

    [latency]                      # no prediction without it
    unit = "cycles"                # cycles or ns
    error = 0.1                    # half the width of a relative 80 % interval
    macs = [1e6, 2e8]              # the smallest and the largest network that was measured
    fitted = ["conv_mac", "op"]    # coefficients that the measurements determine
    source = "fit of ..."

    [latency.coefficients]         # see devices/work.py; those not named are 0, or as below
    conv_mac = 1.1
    op = 2000
    source = "fit of ..."

    [latency.covariance]           # how well they are known; without it the error is all there is
    conv_mac = [0.004]             # of relative errors, in squared half widths of 80 % intervals
    op = [-0.001, 0.09]            # with those above it, and with itself
    source = "fit of ..."

An NPU of the Ethos-U family has, instead of a latency model, what its compiler is told:

.. code-block:: toml

    [npu]
    accelerator = "ethos-u55-128"
    system_config = "Ethos_U55_High_End_Embedded"
    memory_mode = "Shared_Sram"
    config = "Arm/vela.ini"        # the file of the compiler, or one of your own, with both
    source = "Vela's own ..."
"""

from __future__ import annotations

import functools
import math
import os
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.installed import installed_folder, installed_names
from brickwork.errors import TargetError, UnknownName
from brickwork.objective import Limit

__all__ = ["COEFFICIENTS", "LatencyModel", "Npu", "Target", "load_target", "target_names"]


COEFFICIENTS = (
    "conv_mac",
    "narrow_mac",
    "pointwise_mac",
    "depthwise_mac",
    "linear_mac",
    "output",
    "pool",
    "elementwise",
    "activation",
    "copy",
    "spill",
    "op",
    "network",
)
"""What a latency model may have a coefficient for; ``devices.work`` says what each counts."""


@dataclass(frozen=True, slots=True, eq=False)
class LatencyModel:
    """A latency that is linear in the work of each kind.

    Attributes:
        coefficients: Milliseconds for one unit of each of ``COEFFICIENTS``, in that order.
        error: Half the width of an 80 % interval, relative to the prediction, where the
            coefficients are known exactly.
        macs: The smallest and the largest network that it was fitted on.
        borrowed: 1 for each coefficient that no measurement of this engine determines, else 0: a
            network that needs it is estimated, not predicted.
        source: Engine, clock and what it was fitted on, for a person.
        spread: ``(coefficients, coefficients)``: times its transpose the covariance of the
            relative errors of the coefficients, in squared half widths of 80 % intervals.
        prunes: Whether the engine leaves out channels of zeros; see ``devices.pruning``.
    """

    coefficients: NDArray[np.float64]
    error: float
    macs: tuple[float, float]
    borrowed: NDArray[np.float64]
    source: str
    spread: NDArray[np.float64]
    prunes: bool = False

    def relative_error(self, shares: NDArray[np.float64]) -> float:
        """Half the width of a relative 80 % interval.

        Args:
            shares: The part that each coefficient has in the time of the network.
        """
        known = shares @ self.spread
        return math.sqrt(self.error**2 + float(known @ known))


@dataclass(frozen=True, slots=True)
class Npu:
    """An NPU as its compiler is told of it.

    Attributes:
        accelerator: Its configuration, such as ``"ethos-u55-128"``.
        system_config: Clock and memories around it, a section of ``config``.
        memory_mode: What lies in which memory, a section of ``config``.
        config: The compiler's file with both.
        source: What they stand for, for a person.
    """

    accelerator: str
    system_config: str
    memory_mode: str
    config: str
    source: str


@dataclass(frozen=True, slots=True)
class Target:
    """A device and the engine that runs networks on it.

    Attributes:
        name: How it is asked for.
        title: What a person calls it.
        family: ``"mcu"``, ``"npu"``, ``"phone"``, ``"board"`` or ``"cpu"``.
        precision: ``"int8"`` or ``"float32"``: what runs there.
        engine: The runtime that its numbers belong to.
        measurable: Whether latency is measured on this machine instead of predicted.
        sram_bytes: Memory for activations (and all else that is written), in bytes.
        flash_bytes: Memory for the model (and the program), in bytes.
        clock_mhz: Clock of the core.
        power_w: Power while a network runs, in watts.
        power_spread_w: Half the width of its 80 % interval.
        power_source: The power in words, with its source; why it is not known otherwise.
        latency: The latency model, if there is one.
        npu: The NPU, if its compiler tells the costs.
        sources: Where each number comes from, by key.
    """

    name: str
    title: str
    family: str
    precision: str
    engine: str
    measurable: bool = False
    sram_bytes: int | None = None
    flash_bytes: int | None = None
    clock_mhz: float | None = None
    power_w: float | None = None
    power_spread_w: float | None = None
    power_source: str = ""
    latency: LatencyModel | None = None
    npu: Npu | None = None
    sources: tuple[tuple[str, str], ...] = ()

    def limits(self) -> tuple[Limit, ...]:
        """What no network on this device can exceed: memory and operations of a microcontroller."""
        if self.family != "mcu":
            return ()
        sizes = (
            ("peak_sram_bytes", self.sram_bytes),
            ("flash_bytes", self.flash_bytes),
            ("flash_total_bytes", self.flash_bytes),
            ("unsupported_ops", 0),
        )
        return tuple(Limit(name, True, float(size)) for name, size in sizes if size is not None)

    @property
    def has_arena(self) -> bool:
        """Whether all memory that its runtime writes is one arena, as in TensorFlow Lite Micro."""
        return self.engine.startswith("TensorFlow Lite Micro")

    def source(self, key: str) -> str:
        """Where a number comes from; empty where there is none of that key."""
        return dict(self.sources).get(key, "")


def target_names() -> list[str]:
    """The targets that come with Brickwork."""
    files = resources.files("brickwork.devices").joinpath("library").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load_target(name_or_path: str | os.PathLike[str]) -> Target:
    """A target of the library or an installed one by its name, or any by the path of its TOML file.

    Raises:
        UnknownName: There is no target of that name.
        TargetError: The file is missing or not a target; the message names file and key.
    """
    text = os.fspath(name_or_path)
    if text in target_names():
        return _of_library(text)
    path = Path(text)
    if text in installed_names():
        path = installed_folder() / f"{text}.toml"
    elif not text.endswith(".toml") and os.sep not in text:
        raise UnknownName("target", text, [*target_names(), *installed_names()])
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        known = ", ".join([*target_names(), *installed_names()])
        raise TargetError(
            f"{path}: no such file; give the path of a TOML file or one of {known}"
        ) from None
    except OSError as error:
        raise TargetError(f"{path}: cannot be read: {error.strerror}") from None
    return _parsed(os.fspath(path), content)


@functools.cache
def _of_library(name: str) -> Target:
    file = resources.files("brickwork.devices").joinpath("library", f"{name}.toml")
    return _parsed(file.name, file.read_bytes())


def _parsed(file: str, content: bytes) -> Target:
    try:
        data = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TargetError(f"{file}: not a TOML file: {error}") from None
    from brickwork.devices.target_file import TargetFile  # it makes the records of this module

    return TargetFile(file, data).target()
