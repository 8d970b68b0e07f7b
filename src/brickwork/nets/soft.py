"""All networks of a space at once: every choice is a weighted mean of its options.

Each operation runs at its largest. How wide it is, and how large its kernel, are weights on
channels and positions (as the channel masks of Wan et al., "FBNetV2", 2020); other choices run all
their options. A channel that is not alive must stay silent: a bias or a norm would wake it up, so
each activation carries how alive its channels are (``live.py``), and what could wake them is
followed by a mask. Operations that look at all channels together, such as a layer norm, run once
for each width. With one-hot weights the result is that of the member, which tests hold together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from brickwork.errors import SpaceError
from brickwork.nets.fast import channels_last
from brickwork.nets.live import ElasticWidth, Live, Weight, mask, same, together
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
    all_give,
    along_channels,
    any_gives,
    cut,
    fitted,
    mixed,
    padded,
    resized,
    shuffled,
)
from brickwork.nets.wiring import Wiring
from brickwork.space import (
    OUTPUTS,
    Block,
    Cell,
    Chain,
    Choice,
    Composite,
    Identity,
    Node,
    OneOf,
    Op,
    Option,
    Optional,
    Parallel,
    Repeat,
    Residual,
    Seq,
    Wide,
    ops,
    round_to,
)
from brickwork.space.holes import bound, full_name, holes
from brickwork.space.walk import place

if TYPE_CHECKING:
    from brickwork.nets.supernet import Supernet

__all__ = ["Mix", "Partial", "soft"]


@dataclass(frozen=True, slots=True, eq=False)
class Partial:
    """Weights over the bricks of a ``OneOf`` that only a part of the channels goes through.

    The other channels pass by, and all are shuffled, so that each takes its turn at the next such
    choice. Only the first channels of each weight are used: a part of the memory and of the time.

    Source: Xu et al., "PC-DARTS: Partial channel connections for memory-efficient architecture
    search", ICLR 2020. Differs from the paper: nothing.

    Attributes:
        weights: Weights over the options.
        of: One channel of so many goes through.
    """

    weights: Tensor
    of: int = 4


Mix = Mapping[str, int | Tensor | Mapping[int, Tensor] | Partial]
"""For each decision: the index of one option, weights over its options, the weights of some options
by index (the others are not run at all), or a partial one."""


def soft(net: Supernet, x: Tensor, mix: Mix) -> Tensor:
    """Logits of a mixture. Arguments as for ``Supernet.forward``.

    Raises:
        SpaceError: A decision is missing, has another number of weights, or cannot be mixed.
    """
    walk = _Walk(net, mix)
    start = Signal(channels_last(x), (Live(x.shape[1], (x.shape[1],)),))
    if net.normalize is not None:
        start = walk.op(net.normalize, "", [start])
    return walk.add(net.space.body, "", start).x


class _Walk:
    """One pass over the bricks of a space."""

    def __init__(self, net: Supernet, mix: Mix) -> None:
        self.net = net
        self.mix = mix
        self._given: dict[str, Option] = {}  # decisions inside one of their own options
        self._names: dict[str, int] = {}
        self._widths: dict[tuple[Any, ...], Live] = {}
        self._depth = 0  # of cells
        self._share = 1  # one channel of so many is there (``Partial``)
        self._wiring = Wiring(self.add, self.op, self.options, self._alternatives)

    def options(self, scope: str, choice: Choice[Any]) -> list[tuple[Any, Weight]]:
        """The options of a choice that have a weight, each with it."""
        name = full_name(scope, choice.name)
        if name in self._given:
            return [(self._given[name], 1.0)]
        if name not in self.mix:
            raise SpaceError(f"the mix does not decide {name}")
        chosen = self.mix[name]
        if isinstance(chosen, Partial):
            raise SpaceError(f"{name} does not choose between bricks of a cell: it is not partial")
        if isinstance(chosen, Mapping):
            return [(choice.options[i], weight) for i, weight in chosen.items()]
        if not isinstance(chosen, Tensor):
            return [(choice.options[chosen], 1.0)]
        return self._weighted(name, choice, chosen)

    def _weighted(self, name: str, choice: Choice[Any], chosen: Tensor) -> list[tuple[Any, Weight]]:
        """Every option of a choice with its weight."""
        if chosen.shape != (len(choice.options),):
            raise SpaceError(
                f"{name} has {len(choice.options)} options, the mix has weights of shape "
                f"{tuple(chosen.shape)}"
            )
        return list(zip(choice.options, chosen.unbind(), strict=True))

    def add(self, block: Block, scope: str, signal: Signal) -> Signal:
        """What a brick gives."""
        if isinstance(block, Seq):
            inner = f"{scope}{block.name}." if block.name else scope
            for child in block.blocks:
                signal = self.add(child, inner, signal)
            return signal
        if isinstance(block, Identity):
            return signal
        if isinstance(block, Residual):
            return self._residual(block, scope, signal)
        if isinstance(block, Parallel):
            ends = [
                self.add(branch, scope + block.scope(i), signal)
                for i, branch in enumerate(block.branches)
            ]
            return self.op(block.join, scope, ends)
        if isinstance(block, Repeat):
            return self._repeat(block, scope, signal)
        if isinstance(block, OneOf):
            blocks = {label: (f"{label}.", option) for label, option in block.options}
            return self._chosen(block.choice, blocks, scope, signal)
        if isinstance(block, Optional):
            either = {True: ("", block.body), False: ("", Identity())}
            return self._chosen(block.choice, either, scope, signal)
        if isinstance(block, Op):
            return self.op(block, scope, [signal])
        if isinstance(block, Cell):
            return self._cell(block, scope, signal, signal)
        if isinstance(block, Chain):
            before = signal
            for child in block.blocks:
                if isinstance(child, Cell):
                    before, signal = signal, self._cell(child, scope, before, signal)
                else:
                    before, signal = signal, self.add(child, scope, signal)
            return signal
        return self.add(self._lowered(block, scope, signal), scope, signal)

    def _chosen(
        self,
        choice: Choice[Any],
        blocks: Mapping[Any, tuple[str, Block]],
        scope: str,
        signal: Signal,
    ) -> Signal:
        """The mean of several bricks, each with the scope that its option adds."""
        name = full_name(scope, choice.name)
        partial = self.mix.get(name)
        if isinstance(partial, Partial):
            options = self._weighted(name, choice, partial.weights)
            return self._partly(
                partial.of, options, name, place(scope, choice.name), blocks, signal
            )
        return self._mean(
            self.options(scope, choice), name, place(scope, choice.name), blocks, signal
        )

    def _mean(
        self,
        options: Sequence[tuple[Any, Weight]],
        name: str,
        at: str,
        blocks: Mapping[Any, tuple[str, Block]],
        signal: Signal,
    ) -> Signal:
        parts = []
        for option, weight in options:
            outer = self._given
            self._given = {**outer, name: option}
            inner, block = blocks[option]
            parts.append((self.add(block, f"{at}.{inner}", signal), weight))
            self._given = outer
        return mixed(parts, name)

    def _partly(
        self,
        of: int,
        options: Sequence[tuple[Any, Weight]],
        name: str,
        at: str,
        blocks: Mapping[Any, tuple[str, Block]],
        signal: Signal,
    ) -> Signal:
        """The mean of several bricks on one channel of so many, the others as they come."""
        channels = signal.x.shape[1]
        if self._share > 1 or channels % of or not all(s.whole for s in signal.live):
            raise SpaceError(f"{name}: one channel of {of} out of {channels} cannot be taken")
        first, rest = signal.x[:, : channels // of], signal.x[:, channels // of :]
        part = signal._replace(x=first, live=(Live(len(first[0]), (len(first[0]),)),))
        self._share = of
        end = self._mean(options, name, at, blocks, part)
        self._share = 1
        if end.x.shape[1] != first.shape[1]:
            raise SpaceError(f"{name}: its options change the channels: they cannot be partial")
        return end._replace(
            x=shuffled(torch.cat([end.x, resized(rest, end.x)], 1), of), live=signal.live
        )

    def _cell(self, cell: Cell, scope: str, before: Signal, at: Signal) -> Signal:
        """What a cell gives; outside of cells nothing is missing, even if it is zeros."""
        outer = all_give([before.gives, at.gives][-len(cell.inputs) :])
        self._depth += 1
        inputs = [signal._replace(gives=1.0) for signal in (before, at)]
        result = self._wiring.cell(cell, f"{scope}{cell.name}.", *inputs)
        self._depth -= 1
        if not self._depth:
            return result._replace(gives=1.0)
        return _kept(result, outer)

    def _alternatives(self, runs: Sequence[Callable[[], Signal]]) -> list[Signal]:
        """Several ways of which a member goes one: their operations have the same names."""
        names, found = self._names, []
        for run in runs:
            self._names = dict(names)
            found.append(run())
        return found

    def _lowered(self, block: Composite, scope: str, signal: Signal) -> Block:
        channels, *spatial = signal.x.shape[1:]
        if len(signal.live) == 1 and not signal.live[0].whole:
            channels = ElasticWidth.of(signal.live[0])
        return bound(block, scope).lower((channels, *spatial))

    def _repeat(self, block: Repeat, scope: str, signal: Signal) -> Signal:
        inner = f"{scope}{block.name}."
        if not isinstance(block.times, Choice):
            for i in range(block.times):
                signal = self.add(block.at(i), f"{inner}{i}.", signal)
            return signal
        wanted = self.options(inner, block.times)
        after = {0: signal}
        for i in range(max(times for times, _ in wanted)):
            after[i + 1] = self.add(block.at(i), f"{inner}{i}.", after[i])
        name = full_name(inner, block.times.name)
        return mixed([(after[times], weight) for times, weight in wanted], name)

    def _residual(self, block: Residual, scope: str, signal: Signal) -> Signal:
        end = self.add(block.body, scope, signal)
        keep: Weight = float(block.keep is True)
        if isinstance(block.keep, Choice):
            keep = sum((w for there, w in self.options(scope, block.keep) if there), start=0.0)
        if not isinstance(keep, Tensor) and keep == 0.0:
            return end
        equal = same(signal.live, end.live) if signal.x.shape[2:] == end.x.shape[2:] else []
        x, gives = end.x, any_gives([(end.gives, 1.0), (signal.gives, keep)])
        if equal:
            x = x + keep * fitted(signal, end, equal)
        certain = sum((weight for _, weight in equal), start=0.0)
        if isinstance(block.shortcut, str) or (not isinstance(certain, Tensor) and certain == 1.0):
            return Signal(x, end.live, gives)
        if block.shortcut is None:
            if not equal:
                raise SpaceError(
                    f"residual at {scope or 'the root'}: the body changes the shape or the "
                    "places of the channels: they cannot be mixed"
                )
            return Signal(x, end.live, gives)
        skip = self.add(block.shortcut, f"{scope}shortcut.", signal)
        return Signal(x + keep * (1.0 - certain) * skip.x, end.live, gives)

    def op(self, op: Op, scope: str, inputs: Sequence[Signal]) -> Signal:
        """What an operation gives; its name is that which it has in the graph of a member."""
        name = scope + op.kind
        count = self._names[name] = self._names.get(name, 0) + 1
        return self._decided(op, name if count == 1 else f"{name}_{count}", scope, inputs)

    def _decided(self, op: Op, name: str, scope: str, inputs: Sequence[Signal]) -> Signal:
        """An operation, once every choice in it but width and kernel is one option."""
        for field in fields(op):  # type: ignore[arg-type]  # every op is a dataclass
            value = getattr(op, field.name)
            if field.name == width_field(op) or (field.name == "kernel" and is_centred(op)):
                continue
            for choice in holes(value):
                parts = []
                for option, weight in self.options(scope, choice):
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
            kernel = self.options(scope, op.kernel)
            changes["kernel"] = max(op.kernel.options)
        if changes:
            op = replace(op, **changes)
        shapes = [tuple(signal.x.shape[1:]) for signal in inputs]
        if self._depth and name not in self.net.largest and op.weights(shapes):
            x = inputs[0].x  # what is nothing in every member: it has no weights
            return Signal(x.new_zeros(x.shape[0], *op.shape(shapes)), live, 0.0)
        certain = all(stretch.whole for signal in inputs for stretch in signal.live)
        if is_joint(op) and not (certain and all(stretch.whole for stretch in live)):
            return self._each_width(op, name, inputs, live)
        node = Node(name, op, (), op.shape(shapes))
        layout = tuple((stretch.most * self._share, stretch.most) for stretch in inputs[0].live)
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
                self._widths[key] = Live.of(max(width.options), self.options(scope, width))
            return self._widths[key]
        most = self.net.outputs if width == OUTPUTS else int(width) // self._share
        return Live(most, (most,))

    def _relative(self, wide: Wide, scope: str, signal: Signal) -> Live:
        """A width relative to that of the input: every width with every factor."""
        factors: list[tuple[Any, Weight]] = [(wide.factor, 1.0)]
        top, name = wide.factor, repr(wide.factor)
        if isinstance(wide.factor, Choice):
            factors, top = self.options(scope, wide.factor), max(wide.factor.options)
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
        stretches = list(dict.fromkeys([s for i in inputs for s in i.live] + list(live)))
        total: Tensor | None = None
        for alive, weight in together(stretches):
            width = dict(zip(stretches, alive, strict=True))
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
        if not self._depth:
            return result
        if isinstance(op, ops.Zero):
            return result._replace(gives=0.0)
        if isinstance(op, ops.Add | ops.Concat):
            return result._replace(gives=any_gives([(s.gives, 1.0) for s in inputs]))
        gives = all_give([signal.gives for signal in inputs])
        return _kept(result, gives) if wakes(op) else result._replace(gives=gives)


def _kept(signal: Signal, gives: Weight) -> Signal:
    """An activation, silent where it is not to give anything."""
    if not isinstance(gives, Tensor) and gives == 1.0:
        return signal
    return Signal(gives * signal.x, signal.live, all_give([signal.gives, gives]))
