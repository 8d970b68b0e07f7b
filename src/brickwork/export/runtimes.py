"""Every exported file run where it will run: ONNX Runtime, and Python without Brickwork."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import ExportError
from brickwork.space import Graph

__all__ = [
    "PlainPython",
    "batches",
    "first_line",
    "hushed",
    "outputs_of_onnx",
    "plain_python",
    "run_litert",
    "run_onnx",
    "run_tflm",
    "run_torch",
]

_BATCH = 256
_AT_ONCE = 2**21  # numbers that go in together: of volumes there are fewer
_MISSING = "{} is not installed: pip install 'brickwork[mcu]'"

Array = NDArray[Any]


def run_onnx(model: bytes, x: Array) -> Array:
    """Logits ``(samples, outputs)`` of raw samples in ONNX Runtime, on one thread of the CPU.

    Raises:
        ExportError: The file cannot be run.
    """
    return next(iter(outputs_of_onnx(model, x).values()))


def outputs_of_onnx(model: bytes, x: Array) -> dict[str, Array]:
    """All that a file gives for raw samples in ONNX Runtime, by name, the logits first.

    Raises:
        ExportError: The file cannot be run.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        names = [output.name for output in session.get_outputs()]
        parts = [session.run(None, {name: batch}) for batch in batches(x)]
    except Exception as error:  # it has a class for each status, without a common base
        raise ExportError(f"ONNX Runtime cannot run it: {first_line(error)}") from error
    return {name: np.concatenate(found) for name, *found in zip(names, *parts, strict=True)}


def run_tflm(model: bytes, q: Array) -> Array:
    """What an int8 file gives in TensorFlow Lite Micro, whose reference kernels the wheel has.

    Args:
        model: The file.
        q: int8 inputs ``(samples, *input)``, channels last.

    Raises:
        ExportError: The extra ``mcu`` is missing, or the runtime cannot run the file.
    """
    try:
        from tflite_micro import runtime
    except ImportError:
        raise ExportError(_MISSING.format("TensorFlow Lite Micro")) from None
    with hushed() as said:
        try:
            interpreter = runtime.Interpreter.from_bytes(model)
            found = []
            for sample in q:
                interpreter.set_input(sample[None], 0)
                interpreter.invoke()
                found.append(interpreter.get_output(0)[0].copy())
        except Exception as error:  # it raises what its C++ side does
            why = said() or first_line(error)
            raise ExportError(f"TensorFlow Lite Micro cannot run it: {why}") from error
    return np.array(found)


def run_litert(model: bytes, x: Array, reference: bool = False) -> Array:
    """What a file gives in LiteRT, the runtime of phones, on one thread of the CPU.

    Args:
        model: The file.
        x: Inputs of the file's type, ``(samples, *input)``, channels last.
        reference: Whether it runs the kernels that say what is right, which are slow, and not
            those that it picks by itself (XNNPACK where it can).

    Raises:
        ExportError: The extra ``mcu`` is missing, or the runtime cannot run the file.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError:
        raise ExportError(_MISSING.format("LiteRT")) from None
    with hushed() as said:
        try:
            kernels = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
            interpreter = Interpreter(
                model_content=model, num_threads=1, experimental_op_resolver_type=kernels
            )
            interpreter.allocate_tensors()
            into = interpreter.get_input_details()[0]["index"]
            out = interpreter.get_output_details()[0]["index"]
            found = []
            for sample in x:
                interpreter.set_tensor(into, sample[None])
                interpreter.invoke()
                found.append(interpreter.get_tensor(out)[0].copy())
        except Exception as error:  # likewise
            why = said() or first_line(error)
            raise ExportError(f"LiteRT cannot run it: {why}") from error
    return np.array(found)


@contextlib.contextmanager
def hushed() -> Iterator[Callable[[], str]]:
    """Keep what a runtime writes to file descriptor 2, and give its first line on request."""
    sys.stderr.flush()
    before = os.dup(2)
    with tempfile.TemporaryFile() as kept:

        def first() -> str:
            kept.seek(0)
            lines = kept.read().decode(errors="replace").splitlines()
            return next((line.strip() for line in lines if not line.startswith("INFO")), "")

        os.dup2(kept.fileno(), 2)
        try:
            yield first
        finally:
            os.dup2(before, 2)
            os.close(before)


def run_torch(graph: Graph, weights: Mapping[str, Array], x: Array) -> Array:
    """Logits ``(samples, outputs)`` of raw samples from the network that was trained.

    Raises:
        ExportError: The weights belong to another network.
    """
    import torch

    from brickwork.nets import build, load_weights

    module = build(graph)
    try:
        load_weights(module, weights)
    except ValueError as error:
        raise ExportError(str(error)) from error
    module.eval()
    with torch.inference_mode():
        return np.concatenate([module(torch.from_numpy(batch)).numpy() for batch in batches(x)])


def batches(x: Array, most: int = _BATCH) -> list[NDArray[np.float32]]:
    """Samples in parts that a network can take at once."""
    size = max(1, min(most, _AT_ONCE * len(x) // max(1, x.size)))
    return [np.ascontiguousarray(x[i : i + size], dtype=np.float32) for i in range(0, len(x), size)]


def first_line(error: BaseException) -> str:
    """The kind of an error and the first line of what it says."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''}"[:300]


_SERVER = """
import json, runpy, sys
for name in ("brickwork", "onnx", "onnxruntime", "sklearn"):
    sys.modules[name] = None  # importing it fails
replies, sys.stdout = sys.stdout, sys.stderr
import numpy, torch, safetensors.torch
torch.set_num_threads(1)
print(json.dumps({}), file=replies, flush=True)
for line in sys.stdin:
    job = json.loads(line)
    try:
        net = runpy.run_path(job["source"], run_name="model")["load"]()
        x = numpy.load(job["x"], allow_pickle=False)
        with torch.inference_mode():
            parts = [net(torch.from_numpy(x[i : i + 256])) for i in range(0, len(x), 256)]
        numpy.save(job["logits"], torch.cat(parts).numpy(), allow_pickle=False)
        reply = {}
    except BaseException as error:
        reply = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(reply), file=replies, flush=True)
"""


class PlainPython:
    """A Python of its own, isolated from the environment's paths, in which Brickwork is missing.

    Loading PyTorch takes longer than running a small network, so one is kept for many models. It
    ends with the process that started it.

    Args:
        timeout_s: Seconds a model may take, the start of Python included.
    """

    def __init__(self, timeout_s: float = 120.0) -> None:
        self.timeout_s = timeout_s
        self._process: subprocess.Popen[str] | None = None

    def run(self, source: Path, x: Array) -> Array:
        """Logits of raw samples from ``load()`` of a model's source.

        Raises:
            ExportError: It fails, or takes too long.
        """
        with tempfile.TemporaryDirectory(prefix="brickwork-") as folder:
            job = {
                "source": source.resolve(),
                "x": Path(folder, "x.npy"),
                "logits": Path(folder, "y.npy"),
            }
            np.save(job["x"], np.ascontiguousarray(x, dtype=np.float32), allow_pickle=False)
            if self._process is None or self._process.poll() is not None:
                self._start()
            reply = self._ask(json.dumps({name: str(path) for name, path in job.items()}))
            if "error" in reply:
                raise ExportError(f"Python cannot run it: {reply['error'].splitlines()[0][:300]}")
            logits: Array = np.load(job["logits"], allow_pickle=False)
        return logits

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _start(self) -> None:
        self.close()
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self._reply()

    def _ask(self, line: str) -> dict[str, str]:
        process = self._process
        if process is None or process.stdin is None:
            raise ExportError("Python could not be started")
        with contextlib.suppress(BrokenPipeError):  # it has ended: there will be no reply
            process.stdin.write(line + "\n")
            process.stdin.flush()
        return self._reply()

    def _reply(self) -> dict[str, str]:
        process = self._process
        if process is None or process.stdout is None:
            raise ExportError("Python could not be started")
        ready, _, _ = select.select([process.stdout], [], [], self.timeout_s)
        line = process.stdout.readline() if ready else ""
        if not line:
            code = process.poll()
            self.close()
            how = f"ended with exit code {code}" if ready else f"took over {self.timeout_s:g} s"
            raise ExportError(f"Python cannot run it: it {how}")
        return dict(json.loads(line))


@functools.cache
def plain_python() -> PlainPython:
    """The one that this process keeps."""
    python = PlainPython()
    atexit.register(python.close)
    return python
