"""How each operation is written in PyTorch: a module with arguments, or an expression."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brickwork.errors import ExportError
from brickwork.export.source.tree import Leaf
from brickwork.space import (
    Activation,
    Add,
    Attend,
    ClassToken,
    Columns,
    Concat,
    Conv,
    ConvTranspose,
    Custom,
    Depthwise,
    Dropout,
    Embedding,
    Flatten,
    GlobalPool,
    Linear,
    MaskedMean,
    Multiply,
    Norm,
    Normalize,
    Op,
    Pool,
    Position,
    Reshape,
    Select,
    Softmax,
    Tokens,
    Zero,
)

__all__ = ["Slot", "buffered", "constructor", "expression", "slots", "structure"]

_ACTIVATIONS = {
    "relu": "nn.ReLU",
    "relu6": "nn.ReLU6",
    "gelu": "nn.GELU",
    "silu": "nn.SiLU",
    "hard_swish": "nn.Hardswish",
    "hard_sigmoid": "nn.Hardsigmoid",
    "sigmoid": "nn.Sigmoid",
    "tanh": "nn.Tanh",
}


@dataclass(frozen=True, slots=True)
class Slot:
    """A number in the constructor of a module.

    Attributes:
        label: What it is, in PyTorch's words.
        value: Its value in one network; None where that network does not need it.
        role: For channels: ``"in"``, ``"out"``, ``"through"`` (both at once) or ``"inner"``; empty
            for other numbers.
    """

    label: str
    value: Any
    role: str = ""


def structure(leaf: Leaf) -> tuple[Any, ...]:
    """All about an operation but its slots: two with the same may share a line of source."""
    op: Any = leaf.node.op
    axes = len(leaf.node.shape) - 1
    if isinstance(op, Conv | Depthwise):
        return op.kind, axes, op.bias, _halves(op)
    if isinstance(op, ConvTranspose):
        return op.kind, axes, op.bias
    if isinstance(op, Linear):
        return op.kind, op.bias
    if isinstance(op, Embedding | ClassToken):
        return (op.kind,)
    if isinstance(op, Position):
        return op.kind, op.how
    if isinstance(op, Norm):
        return op.kind, op.how, max(axes, 1), op.groups, op.eps
    if isinstance(op, Pool):
        return op.kind, op.how, axes
    if isinstance(op, GlobalPool):
        return op.kind, op.how, op.keep, len(leaf.inputs[0]) - 1
    if isinstance(op, Dropout):
        return (op.kind,)
    if isinstance(op, Zero):
        return op.kind, leaf.node.shape
    return op.kind, op  # no slots: the op itself


def slots(leaf: Leaf) -> list[Slot]:
    """The slots of an operation, with its values."""
    op: Any = leaf.node.op
    before, after = leaf.inputs[0][0], leaf.node.shape[0]
    if isinstance(op, Conv | Depthwise):
        ends = [Slot("inputs", before, "in"), Slot("outputs", after, "out")]
        if isinstance(op, Depthwise):
            ends = [Slot("channels", before, "through")]
        more = [Slot(name, getattr(op, name)) for name in ("kernel", "stride", "dilation")]
        if not _halves(op):
            more.append(Slot("padding", op.pads))
        return (
            [*ends, *more]
            if isinstance(op, Depthwise)
            else [*ends, *more, Slot("groups", op.groups)]
        )
    if isinstance(op, ConvTranspose):
        names = ("kernel", "stride", "padding", "output_padding", "groups")
        ends = [Slot("inputs", before, "in"), Slot("outputs", after, "out")]
        return [*ends, *(Slot(name, getattr(op, name)) for name in names)]
    if isinstance(op, Linear):
        return [Slot("inputs", before, "in"), Slot("outputs", after, "out")]
    if isinstance(op, Embedding):
        return [Slot("entries", op.entries), Slot("outputs", after, "out")]
    if isinstance(op, Position):
        return [Slot("channels", before, "through"), Slot("length", leaf.node.shape[1])]
    if isinstance(op, ClassToken):
        return [Slot("channels", before, "through")]
    if isinstance(op, Norm):
        return [Slot("channels", before, "through")]
    if isinstance(op, Pool):
        return [Slot("kernel", op.kernel), Slot("stride", op.steps), Slot("padding", op.pads)]
    if isinstance(op, Dropout):
        return [Slot("rate", op.rate)]
    return []


def constructor(leaf: Leaf, values: Mapping[str, str]) -> tuple[str, list[str]] | None:
    """The module of an operation: what to call, and with which arguments; None if it is none.

    Args:
        leaf: The operation.
        values: The text of each slot by label: a number or the name of one.
    """
    write = _CONSTRUCTORS.get(type(leaf.node.op))
    return None if write is None else write(leaf, values)


def expression(leaf: Leaf, inputs: Sequence[str], name: str) -> str:
    """An operation without a module as an expression of its inputs.

    Args:
        leaf: The operation.
        inputs: Names of the variables that come in.
        name: What the operation is called, as an identifier.

    Raises:
        ExportError: The op has no PyTorch form here.
    """
    op: Any = leaf.node.op
    first = inputs[0]
    if isinstance(op, Add):
        return " + ".join(inputs)
    if isinstance(op, Multiply):
        return " * ".join(inputs)
    if isinstance(op, Concat):
        return f"torch.cat(({', '.join(inputs)}{',' if len(inputs) == 1 else ''}), 1)"
    if isinstance(op, Attend):
        return f"attend({', '.join(inputs)}, {op.head})"
    if isinstance(op, MaskedMean):
        return f"masked_mean({', '.join(inputs)})"
    if isinstance(op, Select):
        return f"{first}[:, :, {op.index}]"
    if isinstance(op, Custom):
        raise ExportError(
            f"{leaf.node.name}: {op.make} is a module of your own, which Brickwork cannot write as "
            "source: import it, and load the weights that brickwork.nets.weights_of gives"
        )
    if isinstance(op, Reshape):
        return f"{first}.reshape(-1, {', '.join(map(str, op.to))})"
    if isinstance(op, Zero):
        return f"{first}.new_zeros({first}.shape[0], {', '.join(map(str, leaf.node.shape))})"
    if isinstance(op, GlobalPool):
        axes = tuple(range(2, len(leaf.inputs[0]) + 1))
        return (
            f"{first}.{'amax' if op.how == 'max' else 'mean'}({axes if len(axes) > 1 else axes[0]})"
        )
    if isinstance(op, Normalize):
        if buffered(op):
            return f"({first} - self.{name}_mean) / self.{name}_std"
        return f"({first} - {_number(op.mean[0])}) / {_number(op.std[0])}"
    raise ExportError(f"{leaf.node.name}: the op {op.kind!r} cannot be written as source")


def buffered(op: Op) -> bool:
    """Whether a normalisation has one constant for each channel, which live in buffers."""
    return isinstance(op, Normalize) and max(len(op.mean), len(op.std)) > 1


def _halves(op: Conv | Depthwise) -> bool:
    """Whether the padding is half of an odd kernel, so that it need not be said."""
    kernel = op.kernel
    return (
        isinstance(kernel, int) and kernel % 2 == 1 and op.dilation == 1 and op.pads == kernel // 2
    )


def _number(value: float) -> str:
    text = repr(float(value))
    return f"({text})" if value < 0 else text


def _keywords(values: Mapping[str, str], **defaults: tuple[str, str]) -> list[str]:
    """``name=value`` for all that differs from its default; each is (slot, default)."""
    return [
        f"{name}={values[slot]}"
        for name, (slot, default) in defaults.items()
        if values[slot] != default
    ]


def _padding(leaf: Leaf, values: Mapping[str, str]) -> str:
    if not _halves(leaf.node.op):  # type: ignore[arg-type]  # it is a convolution
        return values["padding"]
    kernel = values["kernel"]
    return str(int(kernel) // 2) if kernel.isdigit() else f"{kernel} // 2"


def _convolution(leaf: Leaf, values: Mapping[str, str]) -> tuple[str, list[str]]:
    op: Any = leaf.node.op
    ends = (
        [values["inputs"], values["outputs"]] if isinstance(op, Conv) else [values["channels"]] * 2
    )
    known = (
        {"groups": values.get("channels", "1")} | dict(values) | {"padding": _padding(leaf, values)}
    )
    more = _keywords(
        known,
        stride=("stride", "1"),
        padding=("padding", "0"),
        dilation=("dilation", "1"),
        groups=("groups", "1"),
    )
    bias = [] if op.bias else ["bias=False"]
    return f"nn.Conv{len(leaf.node.shape) - 1}d", [*ends, values["kernel"], *more, *bias]


def _transposed(leaf: Leaf, values: Mapping[str, str]) -> tuple[str, list[str]]:
    op: Any = leaf.node.op
    more = _keywords(
        values,
        stride=("stride", "1"),
        padding=("padding", "0"),
        output_padding=("output_padding", "0"),
        groups=("groups", "1"),
    )
    bias = [] if op.bias else ["bias=False"]
    ends = [values["inputs"], values["outputs"], values["kernel"]]
    return f"nn.ConvTranspose{len(leaf.node.shape) - 1}d", [*ends, *more, *bias]


def _embedding(_: Leaf, values: Mapping[str, str]) -> tuple[str, list[str]]:
    return "IdEmbedding", [values["entries"], values["outputs"]]


def _columns(leaf: Leaf, _: Mapping[str, str]) -> tuple[str, list[str]]:
    op: Any = leaf.node.op
    return "ColumnEmbedding", [str(op.numbers), str(op.categories), str(op.width)]


def _position(leaf: Leaf, values: Mapping[str, str]) -> tuple[str, list[str]]:
    op: Any = leaf.node.op
    name = "LearnedPosition" if op.how == "learned" else "SinusoidalPosition"
    return name, [values["channels"], values["length"]]


def _class_token(_: Leaf, values: Mapping[str, str]) -> tuple[str, list[str]]:
    return "FirstToken", [values["channels"]]


def _tokens(*_: object) -> tuple[str, list[str]]:
    return "nn.Flatten", ["2"]


def _linear(leaf: Leaf, values: Mapping[str, str]) -> tuple[str, list[str]]:
    op: Any = leaf.node.op
    bias = [] if op.bias else ["bias=False"]
    return "nn.Linear", [values["inputs"], values["outputs"], *bias]


def _norm(leaf: Leaf, values: Mapping[str, str]) -> tuple[str, list[str]]:
    op: Any = leaf.node.op
    eps = [] if op.eps == 1e-5 else [f"eps={op.eps!r}"]
    if op.how == "group":
        return "nn.GroupNorm", [str(op.groups), values["channels"], *eps]
    if op.how == "layer":
        return "ChannelNorm", [values["channels"], *eps]
    axes = max(len(leaf.node.shape) - 1, 1)
    return f"nn.BatchNorm{axes}d", [values["channels"], *eps]


def _activation(leaf: Leaf, _: Mapping[str, str]) -> tuple[str, list[str]]:
    return _ACTIVATIONS[str(leaf.node.op.how)], []  # type: ignore[attr-defined]  # an Activation


def _pool(leaf: Leaf, values: Mapping[str, str]) -> tuple[str, list[str]]:
    op: Any = leaf.node.op
    more = _keywords(values, stride=("stride", values["kernel"]), padding=("padding", "0"))
    axes = len(leaf.node.shape) - 1
    if op.how == "max":
        return f"nn.MaxPool{axes}d", [values["kernel"], *more]
    counts = [] if values["padding"] == "0" else ["count_include_pad=False"]
    return f"nn.AvgPool{axes}d", [values["kernel"], *more, *counts]


def _global_pool(leaf: Leaf, _: Mapping[str, str]) -> tuple[str, list[str]] | None:
    op: Any = leaf.node.op
    if not op.keep:
        return None
    return f"nn.Adaptive{'Max' if op.how == 'max' else 'Avg'}Pool{len(leaf.node.shape) - 1}d", ["1"]


def _flatten(*_: object) -> tuple[str, list[str]]:
    return "nn.Flatten", []


def _softmax(*_: object) -> tuple[str, list[str]]:
    return "nn.Softmax", ["1"]


def _dropout(_: Leaf, values: Mapping[str, str]) -> tuple[str, list[str]]:
    return "nn.Dropout", [values["rate"]]


_CONSTRUCTORS: Mapping[
    type[Op], Callable[[Leaf, Mapping[str, str]], tuple[str, list[str]] | None]
] = {
    Activation: _activation,
    ClassToken: _class_token,
    Columns: _columns,
    Conv: _convolution,
    ConvTranspose: _transposed,
    Depthwise: _convolution,
    Dropout: _dropout,
    Embedding: _embedding,
    Flatten: _flatten,
    GlobalPool: _global_pool,
    Linear: _linear,
    Norm: _norm,
    Pool: _pool,
    Position: _position,
    Softmax: _softmax,
    Tokens: _tokens,
}
