"""The expected cost of a mix, so that gradients know of the device.

A cost is known for every member, but not as a formula that could be differentiated. So a sum of one
number for each option and one for each pair of options is fitted to the logarithm of the cost of
random members. Where options are independent, the expectation of that sum is the sum with
probabilities in the place of options: exact, differentiable, and the same for whatever a target
counts or predicts. ProxylessNAS (Cai et al., 2019) and FBNet (Wu et al., 2019) add up a table of
layers instead, which holds only for costs that are sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from brickwork.oneshot.paths import structural
from brickwork.space import Arch, Option, Space

__all__ = ["ExpectedCost"]

_FEWEST, _MOST = 300, 2000  # members to fit
_EACH = 1.5  # of them, for each pair of options
_HELD = 0.1  # of as many more, to see how well it did
_RIDGE = 0.03


class ExpectedCost:
    """The expected logarithm of a cost under probabilities over options.

    Args:
        space: The space.
        cost: The cost of a member, above zero, or NaN where it is not known.
        rng: Draws members.

    Attributes:
        error: The root mean square relative error on members that were not fitted, or NaN where
            no member has a cost.
    """

    def __init__(
        self, space: Space, cost: Callable[[Arch], float], rng: np.random.Generator
    ) -> None:
        self._decisions = [d for d in structural(space) if len(d.options) > 1]
        sizes = [len(d.options) for d in self._decisions]
        pairs = (sum(sizes) ** 2 - sum(size**2 for size in sizes)) / 2
        count = max(_FEWEST, min(_MOST, round(_EACH * (pairs + sum(sizes)))))
        rows, targets = [], []
        for _ in range(round((1 + _HELD) * count)):
            # What does not matter for a member has an option here all the same: independent.
            drawn = [int(rng.integers(size)) for size in sizes]
            values: dict[str, Option] = {
                d.name: d.options[i] for d, i in zip(self._decisions, drawn, strict=True)
            }
            value = cost(space.arch(values))
            if math.isfinite(value) and value > 0:
                rows.append(
                    np.concatenate([np.eye(size)[i] for size, i in zip(sizes, drawn, strict=True)])
                )
                targets.append(math.log(value))
        x, y = np.array(rows).reshape(len(rows), sum(sizes)), np.array(targets)
        fitted = round(len(x) / (1 + _HELD))
        self._mean = float(y[:fitted].mean()) if len(y) else math.nan
        block = np.repeat(np.arange(len(sizes)), sizes)
        apart = block[:, None] != block[None]  # two options of one decision never meet
        # Ridge on options and pairs of options, in its dual form.
        inner = (x[:fitted] @ x[:fitted].T) ** 2
        dual = np.linalg.solve(
            inner + _RIDGE * max(1, len(sizes)) ** 2 * np.eye(len(inner)), y[:fitted] - self._mean
        )
        both = np.einsum("n,ni,nj->ij", dual, x[:fitted], x[:fitted])
        self._pairs = torch.from_numpy(both * apart).float()
        self._single = torch.from_numpy(np.diag(both).copy()).float()
        missed = [self._of(torch.from_numpy(row).float()).item() for row in x[fitted:]] - y[fitted:]
        self.error = float(np.sqrt(np.mean(missed**2))) if len(missed) else math.nan

    def __call__(self, probabilities: Mapping[str, Tensor]) -> Tensor:
        """The expected logarithm of the cost.

        Args:
            probabilities: For each decision, how likely each of its options is.
        """
        parts = [probabilities[d.name] for d in self._decisions]
        return self._of(torch.cat(parts)) if parts else torch.tensor(self._mean)

    def _of(self, p: Tensor) -> Tensor:
        pairs, single = self._pairs.to(p.device), self._single.to(p.device)
        return self._mean + p @ pairs @ p + p @ single
