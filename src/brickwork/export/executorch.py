"""ExecuTorch, the runtime of PyTorch for phones: a program written from a network, and run here.

XNNPACK, its back end for ARM and x86 cores, takes what it can; portable kernels take the rest. This
is the one format that is traced (``torch.export``): ExecuTorch has no other way in. The file takes
one float32 sample, as an app would give it.
"""

from __future__ import annotations

import functools
import importlib.util
import io
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, suppress
from importlib import metadata
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from brickwork.errors import ExportError, MissingExtra
from brickwork.export.runtimes import first_line, hushed
from brickwork.nets import build, load_weights
from brickwork.space import Graph, Node, ops

__all__ = ["load_executorch", "version_of_executorch", "why_not", "write_executorch"]

Array = NDArray[Any]

_WINDOWS = (ops.Conv, ops.Depthwise, ops.ConvTranspose, ops.Pool)
_FLAT = 2  # axes of a window that there are kernels for, at most


def why_not(graph: Graph) -> str:
    """Why a network cannot be written as a program, a sentence; empty if it can."""
    if importlib.util.find_spec("executorch") is None:
        return str(MissingExtra("executorch", "writing or running model.pte"))
    for node in graph.nodes:
        if isinstance(node.op, _WINDOWS) and len(node.shape) - 1 > _FLAT:
            return f"{node.name}: ExecuTorch has no {node.op.kind} over three axes"
    return ""


def write_executorch(graph: Graph, weights: Mapping[str, Array]) -> bytes:
    """The program: a raw float sample ``(1, *graph.input)`` in, logits out.

    Args:
        graph: The network.
        weights: Its weights by state-dict key.

    Raises:
        ExportError: The network cannot be written, or the extra ``executorch`` is missing.
    """
    if reason := why_not(graph):
        raise ExportError(reason)
    network = _Numbered(graph, weights).eval()
    with _quiet():
        try:
            from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
            from executorch.exir import to_edge_transform_and_lower

            _without_bars()
            traced = torch.export.export(network, (torch.zeros(1, *graph.input),))
            lowered = to_edge_transform_and_lower(traced, partitioner=[XnnpackPartitioner()])
            return bytes(lowered.to_executorch().buffer)
        except Exception as error:  # its passes have no common base
            raise ExportError(f"ExecuTorch cannot write it: {first_line(error)}") from error


def load_executorch(content: bytes) -> Callable[[Array], Array]:
    """A program ready to run on one thread: logits ``(1, outputs)`` of a sample ``(1, *input)``.

    Raises:
        ExportError: The extra ``executorch`` is missing, or the runtime cannot run the program.
    """
    with _quiet():
        try:
            program = _runtime().load_program(content)
            method = program.load_method("forward")
        except ImportError:
            raise ExportError(str(MissingExtra("executorch", "running model.pte"))) from None
        except Exception as error:  # it raises what its C++ side does
            raise ExportError(f"ExecuTorch cannot run it: {first_line(error)}") from error

    def call(x: Array, _alive: object = program) -> Array:  # a method does not keep its program
        try:
            (logits,) = method.execute([torch.from_numpy(x)])
        except Exception as error:  # likewise
            raise ExportError(f"ExecuTorch cannot run it: {first_line(error)}") from error
        return np.array(logits.numpy())

    return call


def version_of_executorch() -> str:
    """Name and version of the runtime."""
    return f"ExecuTorch {metadata.version('executorch')} (XNNPACK where it can)"


class _Numbered(nn.Module):
    """A network whose layers are numbered: ``torch.export`` takes no layer that is called half."""

    def __init__(self, graph: Graph, weights: Mapping[str, Array]) -> None:
        super().__init__()
        net = build(graph)
        try:
            load_weights(net, weights)
        except ValueError as error:
            raise ExportError(str(error)) from error
        by_name = dict(net.named_modules())
        self.layers = nn.ModuleList()
        for node in graph.nodes[1:]:
            layer, op = by_name[node.name], node.op
            if isinstance(op, ops.Norm) and _unfoldable(graph, node):
                layer = _Affine(layer, op.eps, axes=len(node.shape) - 1)
            self.layers.append(layer)
        self._inputs = [node.inputs for node in graph.nodes[1:]]

    def forward(self, x: Tensor) -> Tensor:
        """Logits of raw inputs; channels are not moved last, as kernels want one order."""
        values = [x]
        for layer, inputs in zip(self.layers, self._inputs, strict=True):
            values.append(layer(*[values[i] for i in inputs]))
        return values[-1]


class _Affine(nn.Module):
    """A batch norm as a scale and a shift of each channel."""

    scale: Tensor
    shift: Tensor

    def __init__(self, norm: nn.Module, eps: float, axes: int) -> None:
        super().__init__()
        state = norm.state_dict()
        each = (-1, *[1] * axes)
        scale = state["weight"] / torch.sqrt(state["running_var"] + eps)
        shift = state["bias"] - state["running_mean"] * scale
        self.register_buffer("scale", scale.reshape(each))
        self.register_buffer("shift", shift.reshape(each))

    def forward(self, x: Tensor) -> Tensor:
        """The channels of ``(batch, channels, *spatial)``, scaled and shifted."""
        return x * self.scale + self.shift


def _unfoldable(graph: Graph, node: Node) -> bool:
    """Whether it is a norm that ExecuTorch fails to fold: into a transposed convolution in groups.

    (1.5 mistakes the axes of its weight.)
    """
    before = graph.nodes[node.inputs[0]].op
    batch = isinstance(node.op, ops.Norm) and node.op.how == "batch"
    return batch and isinstance(before, ops.ConvTranspose) and before.groups != 1


def _without_bars() -> None:
    """Give progress bars, of which none is shown, a lock that does not outlive a worker."""
    with suppress(ImportError):
        from tqdm import tqdm

        tqdm.set_lock(threading.RLock())


@functools.cache
def _runtime() -> Any:
    """The runtime of this process; its threads are set once, before anything uses them."""
    from executorch.extension.pybindings import portable_lib
    from executorch.runtime import Runtime

    portable_lib._unsafe_reset_threadpool(1)
    return Runtime.get()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings that ExecuTorch gives, and what it writes from Python and from C++."""
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()), hushed():
        warnings.simplefilter("ignore")
        yield
