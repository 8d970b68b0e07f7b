"""Operations of a mixture: each at its largest, with weights on its channels and its kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from math import prod
from typing import TYPE_CHECKING, Any

from torch import Tensor

from brickwork.errors import SpaceError
from brickwork.nets.live import ElasticWidth, Live, Weight, agreeing, mask, together
from brickwork.nets.mix import Chosen
from brickwork.nets.rules import (
    is_centred,
    is_joint,
    kernel_mask,
    wakes,
    width_field,
    with_option,
)
from brickwork.nets.signal import (
    Signal,
    aligned,
    all_give,
    along_channels,
    any_gives,
    cut,
    mixed,
    padded,
)
from brickwork.space import OUTPUTS, Choice, Node, Op, Wide, ops, round_to
from brickwork.space.holes import full_name, holes

if TYPE_CHECKING:
    from brickwork.nets.supernet import Supernet

__all__ = ["Operations", "kept"]


class Operations:
    """What each operation of a walk gives.

    Args:
        net: The supernet.
        chosen: The options of the mixture.

    Attributes:
        names: How often each name was given, as in the graph of a member.
        depth: How many cells the walk is in.
        chains: How many chains it is in, whose cells may pass by what stands before them.
        share: One channel of so many is there (``Partial``).
    """

    def __init__(self, net: Supernet, chosen: Chosen) -> None:
        self.net = net
        self.chosen = chosen
        self.names: dict[str, int] = {}
        self.depth = 0
        self.chains = 0
        self.share = 1
        self._widths: dict[tuple[Any, ...], Live] = {}

    def op(self, op: Op, scope: str, inputs: Sequence[Signal]) -> Signal:
        """What an operation gives; its name is that which it has in the graph of a member."""
        name = scope + op.kind
        count = self.names[name] = self.names.get(name, 0) + 1
        return self._decided(op, name if count == 1 else f"{name}_{count}", scope, inputs)

    def _decided(self, op: Op, name: str, scope: str, inputs: Sequence[Signal]) -> Signal:
        """An operation, once every choice in it but width and kernel is one option."""
        for field in fields(op):  # type: ignore[arg-type]  # every op is a dataclass
            value = getattr(op, field.name)
            if field.name == width_field(op) or (field.name == "kernel" and is_centred(op)):
                continue
            for choice in holes(value):
                parts = []
                for option, weight in self.chosen.options(scope, choice):
                    decided = with_option(op, field.name, choice, option)
                    parts.append((self._decided(decided, name, scope, inputs), weight))
                return mixed(parts, name)
        return self._largest(op, name, scope, inputs)

    def _largest(self, op: Any, name: str, scope: str, inputs: Sequence[Signal]) -> Signal:
        """An operation at its largest, with weights on its channels and its kernel."""
        live = self._live(op, scope, inputs)
        kernel: list[tuple[int, Weight]] = []
        changes: dict[str, Any] = {}
        if (field := width_field(op)) is not None:
            changes[field] = live[-1].most
        if isinstance(getattr(op, "kernel", None), Choice):
            kernel = self.chosen.options(scope, op.kernel)
            changes["kernel"] = max(op.kernel.options)
        if changes:
            op = replace(op, **changes)
        shapes = [tuple(signal.x.shape[1:]) for signal in inputs]
        if (self.depth or self.chains) and name not in self.net.largest and op.weights(shapes):
            x = inputs[0].x  # what no member has: it has no weights
            return Signal(x.new_zeros(x.shape[0], *op.shape(shapes)), live, 0.0)
        certain = all(stretch.whole for signal in inputs for stretch in signal.live)
        if is_joint(op) and not (certain and all(stretch.whole for stretch in live)):
            sized = [(replace(op, kernel=size), weight) for size, weight in kernel] or [(op, 1.0)]
            each = [(self._each_width(one, name, inputs, live), weight) for one, weight in sized]
            return mixed(each, name)
        if isinstance(op, ops.Add | ops.Multiply) and not certain and not aligned(inputs):
            return self._each_width(op, name, inputs, live)
        node = Node(name, op, (), op.shape(shapes))
        layout = tuple((stretch.most * self.share, stretch.most) for stretch in inputs[0].live)
        call = self.net.narrow(node, shapes, layout)
        if kernel and (len(kernel) > 1 or kernel[0][0] != op.kernel):
            call = self.net.masked(node, shapes, kernel_mask(op, shapes[0], kernel))
        y = call(*[signal.x for signal in inputs])
        if wakes(op) and not all(stretch.whole for stretch in live):
            y = y * along_channels(mask(live, y), y)
        return self._heard(op, inputs, Signal(y, live))

    def _live(self, op: Any, scope: str, inputs: Sequence[Signal]) -> tuple[Live, ...]:
        """Which channels that come out are alive: the shape rule, for each width."""
        if isinstance(op, ops.Concat):
            return tuple(stretch for signal in inputs for stretch in signal.live)
        if isinstance(op, ops.Flatten):
            n = prod(inputs[0].x.shape[2:])
            return tuple(stretch.map(("*", n), lambda w: w * n) for stretch in inputs[0].live)
        if (field := width_field(op)) is not None:
            width = self._width(getattr(op, field), scope, inputs[0])
            if isinstance(op, ops.Columns):
                numbers = Live(op.numbers, (op.numbers,))
                return (numbers, *[width] * len(op.categories))
            return (width,)
        if isinstance(op, ops.Reshape | ops.Custom):
            channels = op.shape([tuple(signal.x.shape[1:]) for signal in inputs])[0]
            return (Live(channels, (channels,)),)
        return inputs[0].live

    def _width(self, width: Any, scope: str, signal: Signal) -> Live:
        """How wide a layer is."""
        if isinstance(width, Wide):
            return self._relative(width, scope, signal)
        if isinstance(width, ElasticWidth):
            return width.live
        if isinstance(width, Choice):
            key = (full_name(scope, width.name),)
            if key not in self._widths:
                self._widths[key] = Live.of(max(width.options), self.chosen.options(scope, width))
            return self._widths[key]
        most = self.net.outputs if width == OUTPUTS else int(width) // self.share
        return Live(most, (most,))

    def _relative(self, wide: Wide, scope: str, signal: Signal) -> Live:
        """A width relative to that of the input: every width with every factor."""
        factors: list[tuple[Any, Weight]] = [(wide.factor, 1.0)]
        top, name = wide.factor, repr(wide.factor)
        if isinstance(wide.factor, Choice):
            factors, top = self.chosen.options(scope, wide.factor), max(wide.factor.options)
            name = full_name(scope, wide.factor.name)
        key = (name, wide.divisor, *signal.live)
        if key not in self._widths:
            most = round_to(signal.x.shape[1] * top, wide.divisor)  # type: ignore[operator]  # a number
            widths = (
                (round_to(sum(alive) * factor, wide.divisor), weight * more)
                for alive, weight in together(signal.live)
                for factor, more in factors
            )
            self._widths[key] = Live.of(most, widths)
        return self._widths[key]

    def _each_width(
        self, op: Op, name: str, inputs: Sequence[Signal], live: tuple[Live, ...]
    ) -> Signal:
        """The mean over all widths of an operation that looks at all channels together."""
        total: Tensor | None = None
        for width, weight in agreeing([signal.live for signal in inputs], live):
            small = op
            if (field := width_field(op)) is not None:
                small = replace(op, **{field: width[live[-1]]})  # type: ignore[type-var]  # a dataclass
            xs = [cut(signal, width) for signal in inputs]
            shapes = [tuple(x.shape[1:]) for x in xs]
            layout = tuple((s.most, width[s]) for s in inputs[0].live)
            call = self.net.narrow(Node(name, small, (), small.shape(shapes)), shapes, layout)
            y = weight * padded(call(*xs), live, width)
            total = y if total is None else total + y
        if total is None:
            raise SpaceError(f"{name}: no width has a weight")
        return self._heard(op, inputs, Signal(total, live))

    def _heard(self, op: Op, inputs: Sequence[Signal], result: Signal) -> Signal:
        """Inside a cell: whether an operation gives something, and silence if it does not."""
        if not self.depth:
            return result
        if isinstance(op, ops.Zero):
            return result._replace(gives=0.0)
        if isinstance(op, ops.Add | ops.Concat):
            return result._replace(gives=any_gives([(s.gives, 1.0) for s in inputs]))
        gives = all_give([signal.gives for signal in inputs])
        return kept(result, gives) if wakes(op) else result._replace(gives=gives)


def kept(signal: Signal, gives: Weight) -> Signal:
    """An activation, silent where it is not to give anything."""
    if not isinstance(gives, Tensor) and gives == 1.0:
        return signal
    return Signal(gives * signal.x, signal.live, all_give([signal.gives, gives]))
