"""Where the mixes of a supernet come from: an algorithm is only a rule that makes mixes."""

from __future__ import annotations

__all__ = ["SHARED"]

SHARED = 0.05
"""The fidelity of a score with shared weights: about the part of a whole training that it costs."""
