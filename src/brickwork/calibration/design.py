"""Which networks tell most about a device: a D-optimal design, chosen greedily.

A fit works in logarithms (``devices.fitting``): the logarithm of a time changes with that of a
coefficient by the share that this kind of work has in the time. So a network is a row of shares,
and what measuring a set of networks tells is the matrix ``prior precision + sum of row x row /
error^2``. The larger its determinant, the smaller the volume of what the coefficients may be
(D-optimality); the prior keeps it regular, as it does the fit. The greedy rule takes the network
that raises the logarithm of the determinant most, one after the other, which is within 1 - 1/e of
the best set.

Shares depend on the coefficients, which are not known yet. So the gain is the mean over several
guesses: the usual ones, the same with operations ten times as dear (a fast core, on which a call
costs as much as a million multiply-accumulates), and with elements five times as dear (a slow
memory). And so that all sizes are seen, the pool is divided by multiply-accumulates into four
parts, which give networks in turn.

References: Fedorov, "Theory of Optimal Experiments", 1972; Nemhauser, Wolsey and Fisher, "An
analysis of approximations for maximizing submodular set functions", 1978 (the greedy rule). Differs
from them: a design for several guesses at once, in turn over parts of the pool.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.fitting import ENGINE, PRIOR
from brickwork.devices.target import COEFFICIENTS
from brickwork.devices.work import MACS

__all__ = ["ERROR", "choose", "information"]

ERROR = 0.05
"""The relative error that a linear model of a device usually leaves."""

_PARTS = 4
_GUESSES: tuple[dict[str, float], ...] = (
    {},
    {"op": 10.0, "network": 10.0},
    {"output": 5.0, "pool": 5.0, "elementwise": 5.0, "activation": 5.0, "copy": 5.0, "spill": 5.0},
)
"""Factors to the usual coefficients."""

Array = NDArray[np.float64]


def choose(
    amounts: Array,
    count: int,
    allowed: Callable[[int], bool],
    first: Sequence[int] = (),
) -> list[int]:
    """The networks that tell most together.

    Args:
        amounts: Work of each of the pool, ``(networks, COEFFICIENTS)``.
        count: How many are wanted; fewer where the pool does not have them.
        allowed: Whether one may be chosen; asked only of those that would be.
        first: Those that are in it in any case.
    """
    guesses = [_shares(amounts, guess) for guess in _GUESSES]
    known = [np.linalg.inv(_prior()) for _ in guesses]
    parts = _parts(amounts[:, MACS].sum(axis=1))
    left = [list(part) for part in parts]
    taken: list[int] = []
    given = [0] * len(left)

    def take(one: int) -> None:
        taken.append(one)
        for which, part in enumerate(left):
            if one in part:
                part.remove(one)
                given[which] += 1
        for shares, spread in zip(guesses, known, strict=True):
            along = spread @ shares[one]
            spread -= np.outer(along, along) / (ERROR**2 + shares[one] @ along)

    for one in first[:count]:
        take(one)
    while len(taken) < count and any(left):
        which = min((w for w in range(len(left)) if left[w]), key=lambda w: given[w])
        gains = np.mean(
            [
                np.log1p(np.einsum("ij,jk,ik->i", s[left[which]], spread, s[left[which]]))
                for s, spread in zip((g / ERROR for g in guesses), known, strict=True)
            ],
            axis=0,
        )
        best = left[which][int(np.argmax(gains))]
        if allowed(best):
            take(best)
        else:
            left[which].remove(best)
    return taken


def information(amounts: Array) -> float:
    """What measuring networks tells: the logarithm of the determinant, less that of the prior.

    Args:
        amounts: Work of each, ``(networks, COEFFICIENTS)``.
    """
    prior = _prior()
    logs = []
    for guess in _GUESSES:
        shares = _shares(amounts, guess) / ERROR
        logs.append(np.linalg.slogdet(prior + shares.T @ shares)[1])
    return float(np.mean(logs) - np.linalg.slogdet(prior)[1])


def _prior() -> Array:
    """The precision of the logarithms of coefficients before anything is measured."""
    size = len(COEFFICIENTS)
    spread = ENGINE.each**2 * np.eye(size) + ENGINE.common**2
    found: Array = np.asarray(np.linalg.inv(spread), dtype=np.float64)
    return found


def _shares(amounts: Array, guess: dict[str, float]) -> Array:
    """What part of the time of each network goes into each kind of work."""
    usual = np.array([PRIOR[name] * guess.get(name, 1.0) for name in COEFFICIENTS])
    times = amounts * usual
    found: Array = times / times.sum(axis=1, keepdims=True)
    return found


def _parts(macs: Array) -> list[list[int]]:
    """The pool in parts of equal number, by size."""
    order = np.argsort(macs, kind="stable")
    return [part.tolist() for part in np.array_split(order, _PARTS)]
