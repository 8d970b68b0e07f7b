"""Which types of number a model holds, and how many of each."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["BITS", "Types", "bytes_of"]

BITS: Mapping[str, int] = {
    **{"float64": 64, "int64": 64, "uint64": 64, "complex64": 64, "complex128": 128},
    **{"float32": 32, "int32": 32, "uint32": 32, "float16": 16, "bfloat16": 16},
    **{"int16": 16, "uint16": 16, "int8": 8, "uint8": 8, "bool": 8},
    **{"float8_e4m3fn": 8, "float8_e5m2": 8, "int4": 4, "uint4": 4, "int2": 2},
}
"""Bits of a number of each type."""


def bytes_of(count: int, type_: str) -> int:
    """Bytes of so many numbers; none for a type without a fixed size, such as text."""
    return -(-count * BITS.get(type_, 0) // 8)


class Types:
    """Counts numbers by their type."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.bytes = 0

    def __bool__(self) -> bool:
        return bool(self.counts)

    def add(self, type_: str, count: int, size: int = 0) -> None:
        """Add so many numbers of a type, which take so many bytes."""
        self.counts[type_] = self.counts.get(type_, 0) + count
        self.bytes += size

    @property
    def count(self) -> int:
        """All numbers together."""
        return sum(self.counts.values())

    @property
    def text(self) -> str:
        """The types, the most frequent first: ``"int8 and int32"``."""
        return " and ".join(sorted(self.counts, key=lambda type_: (-self.counts[type_], type_)))
