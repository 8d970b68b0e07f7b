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
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from brickwork.errors import SpaceError
from brickwork.nets.fast import channels_last
from brickwork.nets.live import ElasticWidth, Live, Weight, same
from brickwork.nets.mix import Chosen, Mix
from brickwork.nets.mixed_ops import Operations
from brickwork.nets.signal import Signal, any_gives, fitted, mixed, resized, shuffled
from brickwork.nets.wiring import Wiring
from brickwork.space import (
    Block,
    Cell,
    Chain,
    Choice,
    Composite,
    Identity,
    OneOf,
    Op,
    Optional,
    Parallel,
    Repeat,
    Residual,
    Seq,
)
from brickwork.space.holes import bound, full_name
from brickwork.space.walk import place

if TYPE_CHECKING:
    from brickwork.nets.supernet import Supernet

__all__ = ["soft"]


def soft(net: Supernet, x: Tensor, mix: Mix) -> Tensor:
    """Logits of a mixture. Arguments as for ``Supernet.forward``.

    Raises:
        SpaceError: A decision is missing, has another number of weights, or cannot be mixed.
    """
    walk = _Walk(net, mix)
    start = Signal(channels_last(x), (Live(x.shape[1], (x.shape[1],)),))
    if net.normalize is not None:
        start = walk.ops.op(net.normalize, "", [start])
    return walk.add(net.space.body, "", start).x


class _Walk:
    """One pass over the bricks of a space."""

    def __init__(self, net: Supernet, mix: Mix) -> None:
        self._options = Chosen(mix)
        self.ops = Operations(net, self._options)
        self._wiring = Wiring(self.add, self.ops.op, self._options.options, self._alternatives)

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
            return self.ops.op(block.join, scope, ends)
        if isinstance(block, Repeat):
            return self._repeat(block, scope, signal)
        if isinstance(block, OneOf):
            blocks = {label: (f"{label}.", option) for label, option in block.options}
            return self._chosen(block.choice, blocks, scope, signal)
        if isinstance(block, Optional):
            either = {True: ("", block.body), False: ("", Identity())}
            return self._chosen(block.choice, either, scope, signal)
        if isinstance(block, Op):
            return self.ops.op(block, scope, [signal])
        if isinstance(block, Cell):
            return self._cell(block, scope, signal, signal)
        if isinstance(block, Chain):
            return self._chain(block, scope, signal)
        return self.add(self._lowered(block, scope, signal), scope, signal)

    def _chain(self, chain: Chain, scope: str, signal: Signal) -> Signal:
        before = signal
        self.ops.chains += 1
        for child in chain.blocks:
            if isinstance(child, Cell):
                before, signal = signal, self._cell(child, scope, before, signal)
            else:
                before, signal = signal, self.add(child, scope, signal)
        self.ops.chains -= 1
        return signal

    def _chosen(
        self,
        choice: Choice[Any],
        blocks: Mapping[Any, tuple[str, Block]],
        scope: str,
        signal: Signal,
    ) -> Signal:
        """The mean of several bricks, each with the scope that its option adds."""
        name = full_name(scope, choice.name)
        at = place(scope, choice.name)

        def mean(options: Sequence[tuple[Any, Weight]], of: Signal) -> Signal:
            parts = []
            for option, weight in options:
                inner, block = blocks[option]
                with self._options.given(name, option):
                    parts.append((self.add(block, f"{at}.{inner}", of), weight))
            return mixed(parts, name)

        if (partial := self._options.partial(name)) is None:
            return mean(self._options.options(scope, choice), signal)
        options = self._options.weighted(name, choice, partial.weights)
        return self._partly(partial.of, name, lambda part: mean(options, part), signal)

    def _partly(
        self, of: int, name: str, mean: Callable[[Signal], Signal], signal: Signal
    ) -> Signal:
        """What bricks give of one channel of so many, the others as they come."""
        channels = signal.x.shape[1]
        if self.ops.share > 1 or channels % of or not all(s.whole for s in signal.live):
            raise SpaceError(f"{name}: one channel of {of} out of {channels} cannot be taken")
        first, rest = signal.x[:, : channels // of], signal.x[:, channels // of :]
        part = signal._replace(x=first, live=(Live(len(first[0]), (len(first[0]),)),))
        self.ops.share = of
        end = mean(part)
        self.ops.share = 1
        if end.x.shape[1] != first.shape[1]:
            raise SpaceError(f"{name}: its options change the channels: they cannot be partial")
        x = torch.cat([end.x, resized(rest, end.x)], 1)
        return signal._replace(x=shuffled(x, of))

    def _cell(self, cell: Cell, scope: str, before: Signal, at: Signal) -> Signal:
        """What a cell gives; outside of cells nothing is missing, even if it is zeros."""
        self.ops.depth += 1
        result = self._wiring.cell(cell, f"{scope}{cell.name}.", before, at)
        self.ops.depth -= 1
        return result if self.ops.depth else result._replace(gives=1.0)

    def _alternatives(self, runs: Sequence[Callable[[], Signal]]) -> list[Signal]:
        """Several ways of which a member goes one: their operations have the same names."""
        names, found = self.ops.names, []
        for run in runs:
            self.ops.names = dict(names)
            found.append(run())
        return found

    def _lowered(self, block: Composite, scope: str, signal: Signal) -> Block:
        channels, *spatial = signal.x.shape[1:]
        if not all(stretch.whole for stretch in signal.live):
            channels = ElasticWidth.of(Live.total(signal.live))
        return bound(block, scope).lower((channels, *spatial))

    def _repeat(self, block: Repeat, scope: str, signal: Signal) -> Signal:
        inner = f"{scope}{block.name}."
        if not isinstance(block.times, Choice):
            for i in range(block.times):
                signal = self.add(block.at(i), f"{inner}{i}.", signal)
            return signal
        wanted = self._options.options(inner, block.times)
        after = {0: signal}
        for i in range(max(times for times, _ in wanted)):
            after[i + 1] = self.add(block.at(i), f"{inner}{i}.", after[i])
        name = full_name(inner, block.times.name)
        return mixed([(after[times], weight) for times, weight in wanted], name)

    def _residual(self, block: Residual, scope: str, signal: Signal) -> Signal:
        end = self.add(block.body, scope, signal)
        keep: Weight = float(block.keep is True)
        if isinstance(block.keep, Choice):
            keep = sum(
                (w for there, w in self._options.options(scope, block.keep) if there), start=0.0
            )
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
