"""Latency measured on this machine: the statistic, and ONNX Runtime."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from brickwork.quantity import How, Quantity
from brickwork.space import Shape

__all__ = ["ROUNDS", "Rounds", "measure_call", "measure_onnx", "pixels"]

_SEED = 0  # of the numbers that go in: their values do not matter, that they are the same does


class Rounds(NamedTuple):
    """How often a call is timed.

    Attributes:
        rounds: Rounds of calls.
        calls: Calls in each round.
        warm_up: Calls before the first round.
        cap_s: Seconds that may be spent; a model too slow for all calls gets fewer, at least three
            rounds of three, and the source says how many.
    """

    rounds: int = 10
    calls: int = 50
    warm_up: int = 30
    cap_s: float = 5.0


ROUNDS = Rounds()
"""What is usual: half of a second for a model that takes a millisecond."""


def measure_onnx(
    model: bytes,
    input: Shape,
    rounds: int = 10,
    calls: int = 50,
    warm_up: int = 30,
    threads: int = 1,
    cap_s: float = 5.0,
) -> Quantity:
    """Milliseconds of one call with a batch of one, on the CPU, in ONNX Runtime.

    Threads do not spin, so that several measurements may run side by side.

    Args:
        model: An ONNX file's bytes; its first input takes ``(batch, *input)``.
        input: Shape of a sample, ``(channels, *spatial)``.
        rounds: See ``Rounds``.
        calls: See ``Rounds``.
        warm_up: See ``Rounds``.
        threads: Threads inside an op.
        cap_s: See ``Rounds``.

    Returns:
        The latency, as ``measure_call`` gives it.
    """
    import onnxruntime

    call = _caller(onnxruntime, model, input, threads)
    how = Rounds(rounds, calls, warm_up, cap_s)
    return measure_call(call, f"ONNX Runtime {onnxruntime.__version__}", threads, how)


def measure_call(
    call: Callable[[], object], runtime: str, threads: int = 1, how: Rounds = ROUNDS
) -> Quantity:
    """Milliseconds of a call.

    The statistic is the median over rounds of each round's fastest call: other work on the machine
    can only make a call slower, so the fastest of a round is what the network itself takes, and
    the median over rounds passes over a round that was disturbed as a whole.

    Args:
        call: What is timed.
        runtime: Name and version of what runs in it, for the source.
        threads: Threads that it uses, likewise.
        how: How often it is called.

    Returns:
        The latency; its spread is half the range from the 10th to the 90th percentile of the
        rounds.
    """
    rounds, calls, warm_up, cap_s = how
    started = time.perf_counter()
    warmed = 0
    while warmed < max(1, warm_up) and (not warmed or time.perf_counter() - started < cap_s / 4):
        call()
        warmed += 1
    each = (time.perf_counter() - started) / warmed
    rounds, calls = _affordable(rounds, calls, each, cap_s)
    fastest = [min(_timed(call) for _ in range(calls)) for _ in range(rounds)]
    low, high = np.quantile(fastest, (0.1, 0.9))
    threading = "1 thread" if threads == 1 else f"{threads} threads"
    source = (
        f"{runtime} on {_cpu()}, {threading}: median of {rounds} "
        f"rounds of the fastest of {calls} calls, after {warmed} to warm up"
    )
    return Quantity(
        1000 * median(fastest), "ms", How.MEASURED, 1000 * float(high - low) / 2, source
    )


def pixels(shape: Shape, type_: str) -> NDArray[Any]:
    """Numbers to run a model on: 0 to 255 in floats and bytes, else zeros, which are valid ids."""
    values = np.random.default_rng(_SEED).uniform(0.0, 255.0, shape)
    if type_ == "int8":
        values -= 128
    elif type_ != "uint8" and not type_.startswith("float"):
        values[...] = 0
    return values.astype(type_)


def _caller(runtime: Any, model: bytes, input: Shape, threads: int) -> Callable[[], object]:
    """A function that runs the model once on fixed pixels."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors only: warnings about the graph are not about its time
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    first, *others = session.get_inputs()
    feed = {first.name: pixels((_batch(first), *input), _type(first.type))}
    for other in others:  # of a file that somebody else made
        shape = tuple([size if isinstance(size, int) else 1 for size in other.shape])
        feed[other.name] = pixels(shape, _type(other.type))
    return lambda: session.run(None, feed)


def _batch(argument: Any) -> int:
    """The batch that an input asks for; one where any will do."""
    size = argument.shape[0] if argument.shape else 1
    return size if isinstance(size, int) else 1


def _type(text: str) -> str:
    """NumPy's name of a type that ONNX Runtime calls ``tensor(float)``."""
    name = text.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64"}.get(name, name)


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _affordable(rounds: int, calls: int, each: float, cap_s: float) -> tuple[int, int]:
    """The rounds and calls that fit into the time: calls are cut first, then rounds."""
    budget = cap_s / max(each, 1e-9)
    calls = min(calls, max(3, int(budget / rounds)))
    return min(rounds, max(3, int(budget / calls))), calls


@lru_cache(maxsize=1)
def _cpu() -> str:
    """The model of this machine's CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
