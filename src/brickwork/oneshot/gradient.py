"""Rules that choose by gradients: each makes the mixes of a supernet from numbers that it learns.

Every decision has a number for each of its options. A rule turns them into a mix, which is
differentiable, and the loss on validation data says where they are to move (``relax.py``). Each
rule is a few lines of its paper. What differs from all papers: the numbers belong to the decisions
of any space, not to the edges of one cell; their step size follows from the length of the training
(``travel``); norms in the supernet learn no scale (as in the papers) and no option is left out,
``Zero`` included.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from brickwork.nets import Mix, Partial
from brickwork.oneshot.edges import edges_of
from brickwork.oneshot.paths import structural
from brickwork.space import Space

__all__ = [
    "BetaDarts",
    "Darts",
    "DrNas",
    "Gdas",
    "PcDarts",
    "Proxyless",
    "Relaxation",
    "SecondOrderDarts",
]


class Relaxation:
    """What all rules share: a number for each option of each decision, at first about zero.

    Args:
        space: The space that is searched.
        seed: Decides where the numbers begin, and what is drawn.
    """

    travel = 6.0
    """How far a number may move in a training: step size times steps (DARTS: 3e-4, 20,000)."""
    betas = (0.5, 0.999)
    decay = 1e-3
    second_order = False
    """Whether the step of the numbers looks ahead at what a step of the weights will change."""

    dense = True
    """Whether a mix runs all options, not one or two of each decision."""

    def __init__(self, space: Space, seed: int) -> None:
        self._random = torch.Generator().manual_seed(seed)
        self.alphas = {
            d.name: (1e-3 * torch.randn(len(d.options), generator=self._random)).requires_grad_()
            for d in structural(space)
        }

    def mix(self, progress: float) -> Mix:
        """A mix through which gradients reach the numbers.

        Args:
            progress: The part of their training that is done, in [0, 1).
        """
        return self.probabilities()

    def weights_mix(self, progress: float) -> Mix:
        """A mix for a step of the weights."""
        with torch.no_grad():
            return self.mix(progress)

    def probabilities(self) -> dict[str, Tensor]:
        """How likely each option of each decision is; differentiable."""
        return {name: alpha.softmax(0) for name, alpha in self.alphas.items()}

    def penalty(self, progress: float) -> Tensor:
        """What is added to the loss on validation data."""
        return torch.zeros(())


class Darts(Relaxation):
    """Weights are a softmax; each step of them takes the weights of the network as they are.

    Source: Liu, Simonyan, Yang, "DARTS: Differentiable architecture search", ICLR 2019, first
    order. Differs from the paper: see above. Where a cell chooses what its edges read, that is
    relaxed as one more decision instead of taking the two strongest edges in the end.
    """


class SecondOrderDarts(Darts):
    """As ``Darts``, but looks one step of the weights ahead (its equations 6 to 8).

    Differs from the paper: the step that is looked ahead is one of plain gradient descent.
    """

    second_order = True


class PcDarts(Darts):
    """As ``Darts``, with a quarter of the channels going through the bricks of a cell.

    Source: Xu et al., "PC-DARTS", ICLR 2020. Differs from the paper: no separate weights for the
    edges of a node; where a cell chooses what its edges read, the weights of that choice are such.
    Decisions outside of cells are relaxed as in ``Darts``.
    """

    of = 4
    """One channel of so many takes part."""

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, seed)
        self._edges = {name for kind in edges_of(space) for name in kind}

    def mix(self, progress: float) -> Mix:
        return {
            name: Partial(weights, self.of) if name in self._edges else weights
            for name, weights in self.probabilities().items()
        }


class BetaDarts(Darts):
    """As ``Darts``, with a loss that keeps the numbers from growing apart early.

    Source: Ye et al., "beta-DARTS: Beta-decay regularization for differentiable architecture
    search", CVPR 2022: the mean of the logsumexp of each decision, times a factor that grows
    linearly to 50. Differs from the paper: see above.
    """

    strongest = 50.0
    decay = 0.0

    def penalty(self, progress: float) -> Tensor:
        smooth = [alpha.logsumexp(0) for alpha in self.alphas.values()]
        return self.strongest * progress * torch.stack(smooth).mean()


class DrNas(Relaxation):
    """Weights are drawn from a Dirichlet distribution, whose concentration is learned.

    Source: Chen et al., "DrNAS: Dirichlet neural architecture search", ICLR 2021: concentration
    elu(alpha) + 1, a penalty of 1e-3 times its distance from 1. Differs from the paper: no
    progressive stages of partial channels and pruning.
    """

    travel = 40.0
    decay = 0.0
    anchor = 1e-3

    def mix(self, progress: float) -> Mix:
        with torch.random.fork_rng(devices=[]):  # distributions take no generator: ours is lent
            torch.set_rng_state(self._random.get_state())
            drawn = {
                name: torch.distributions.Dirichlet(concentration).rsample()
                for name, concentration in self._concentrations().items()
            }
            self._random.set_state(torch.get_rng_state())
        return drawn

    def probabilities(self) -> dict[str, Tensor]:
        return {name: c / c.sum() for name, c in self._concentrations().items()}

    def penalty(self, progress: float) -> Tensor:
        apart = [(c - 1.0).square().sum() for c in self._concentrations().values()]
        return self.anchor * torch.stack(apart).sum()

    def _concentrations(self) -> dict[str, Tensor]:
        least = 1e-3  # so that none is drawn from nothing
        return {
            name: torch.nn.functional.elu(alpha) + 1.0 + least
            for name, alpha in self.alphas.items()
        }


class Gdas(Relaxation):
    """One option of each decision is drawn and run, its weight one with the gradient of a softmax.

    Source: Dong and Yang, "Searching for a robust neural architecture in four GPU hours", CVPR
    2019: Gumbel noise, straight-through, temperature from 10 to 0.1. Differs from the paper: see
    above.
    """

    dense = False
    hottest, coldest = 10.0, 0.1

    def mix(self, progress: float) -> Mix:
        return self._draws(progress)

    def weights_mix(self, progress: float) -> Mix:
        return {n: next(iter(one)) for n, one in self._draws(progress).items()}

    def _draws(self, progress: float) -> dict[str, Mapping[int, Tensor]]:
        temperature = self.hottest + (self.coldest - self.hottest) * progress
        return {name: self._drawn(alpha, temperature) for name, alpha in self.alphas.items()}

    def _drawn(self, alpha: Tensor, temperature: float) -> Mapping[int, Tensor]:
        noise = -torch.empty_like(alpha).exponential_(generator=self._random).log()
        soft = ((alpha.log_softmax(0) + noise) / temperature).softmax(0)
        index = int(soft.argmax())
        return {index: 1.0 + soft[index] - soft[index].detach()}


class Proxyless(Relaxation):
    """The weights learn on one drawn path; each step of the numbers compares two options.

    Source: Cai, Zhu, Han, "ProxylessNAS: Direct neural architecture search on target task and
    hardware", ICLR 2019: binary gates, two paths drawn, the gradient of a gate by what its option
    gives. Differs from the paper: the numbers are not rescaled after a step so that options which
    were not drawn keep their probability.
    """

    dense = False
    betas = (0.0, 0.999)
    decay = 0.0

    def mix(self, progress: float) -> Mix:
        return {name: self._pair(alpha) for name, alpha in self.alphas.items()}

    def weights_mix(self, progress: float) -> Mix:
        with torch.no_grad():
            chances = self.probabilities()
            return {n: int(_draw(p, 1, self._random)) for n, p in chances.items()}

    def _pair(self, alpha: Tensor) -> Mapping[int, Tensor]:
        count = min(2, len(alpha))
        pair = _draw(alpha.detach().softmax(0), count, self._random)
        chances = alpha[pair].softmax(0)
        active = int(_draw(chances.detach(), 1, self._random))
        gates = torch.zeros(count).index_fill_(0, torch.tensor(active), 1.0)
        gates = gates + chances - chances.detach()
        return {int(i): gate for i, gate in zip(pair, gates.unbind(), strict=True)}


def _draw(chances: Tensor, count: int, random: torch.Generator) -> Tensor:
    """So many different options."""
    return torch.multinomial(chances, count, generator=random)
