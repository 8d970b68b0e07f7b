"""Sliding windows as TensorFlow Lite sees them: height and width, and its two kinds of padding."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from brickwork.devices.program import Constant
from brickwork.space import Extent, Shape, per_axis

__all__ = ["Window", "pair"]


@dataclass(frozen=True, slots=True)
class Window:
    """A sliding window over height and width.

    Attributes:
        kernel: Its size.
        stride: Its steps.
        padding: Zeros above and left, and as many below and right.
        dilation: Its spacing.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]

    @classmethod
    def of(cls, axes: int, kernel: Any, stride: Any, padding: Any, dilation: Any = 1) -> Window:
        return cls(
            pair(axes, kernel, 1),
            pair(axes, stride, 1),
            pair(axes, padding, 0),
            pair(axes, dilation, 1),
        )

    @property
    def settings(self) -> dict[str, Any]:
        return {"kernel": self.kernel, "stride": self.stride, "dilation": self.dilation}

    def pads(self, axis: int, size: int, out: int) -> tuple[int, int]:
        """What the windows read before and behind an axis."""
        behind = (out - 1) * self.stride[axis] + self._reach(axis) - size - self.padding[axis]
        return self.padding[axis], max(0, behind)

    def same(self, axis: int, size: int, out: int) -> bool:
        """Whether that is what TensorFlow calls SAME."""
        step = self.stride[axis]
        total = max(0, (-(-size // step) - 1) * step + self._reach(axis) - size)
        return out == -(-size // step) and self.pads(axis, size, out) == (
            total // 2,
            total - total // 2,
        )

    def _reach(self, axis: int) -> int:
        return self.dilation[axis] * (self.kernel[axis] - 1) + 1

    def covered(self, into: Shape, out: Shape) -> Constant:
        """By what the mean over a padded window must grow, for the added zeros not to count."""
        counts = [
            [
                sum(
                    0 <= place * self.stride[axis] - self.padding[axis] + i < into[axis]
                    for i in range(self.kernel[axis])
                )
                for place in range(out[axis])
            ]
            for axis in (0, 1)
        ]
        whole = prod(self.kernel)
        values = tuple([whole / (a * b) for a in counts[0] for b in counts[1]])
        return Constant((out[0], out[1], 1), values)


def pair(axes: int, extent: Extent, fill: int) -> tuple[int, int]:
    """A number for height and for width; a sequence has height 1."""
    numbers = per_axis(extent, axes)
    return (fill, numbers[0]) if axes == 1 else (numbers[0], numbers[1])
