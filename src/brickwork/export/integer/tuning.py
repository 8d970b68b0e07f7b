"""Training on with rounding: weights that give the float network's outputs after they are rounded.

In the forward pass weights and activations are rounded as in the integer network, in the backward
pass rounding counts as the identity (Bengio, Leonard, Courville: "Estimating or Propagating
Gradients Through Stochastic Neurons", 2013; Jacob et al., 2018).

Differs from the papers: batch norms are folded already and the scales of activations stay; what is
learned is what the float network gives (Ba, Caruana: "Do Deep Nets Really Need to be Deep?", 2014),
so labels are not needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from brickwork.devices.program import Layer
from brickwork.export.integer.floats import forward, tensors
from brickwork.export.integer.folding import Folded
from brickwork.export.integer.network import IntegerNetwork, Scale

__all__ = ["tuned"]

_STEPS = 300
_BATCH = 64
_RATE = 1e-4  # of the largest weight of a layer, in the first steps


def tuned(
    network: IntegerNetwork,
    folded: Sequence[Folded | None],
    raw: NDArray[np.generic],
    wanted: NDArray[np.float32],
    seed: int,
) -> tuple[Folded | None, ...]:
    """The weights after training on.

    Args:
        network: The network in integers, for its scales.
        folded: The weights that it was rounded from.
        raw: Raw training samples ``(samples, *input)``.
        wanted: What the float network gives for them, ``(samples, outputs)``.
        seed: Decides the order of samples.
    """
    program, scales = network.program, network.scales
    q = network.input.quantized(raw, scales[0])
    first = torch.from_numpy(
        np.moveaxis(q, -1, 1).astype(np.float32) if q.ndim == 4 else q.astype(np.float32)
    )
    first = (first - scales[0].zero) * scales[0].scale
    target = torch.from_numpy(np.asarray(wanted, dtype=np.float32)).reshape(len(raw), -1)
    size = float(target.var()) or 1.0
    weights = [tensors(own, torch.float32) for own in folded]
    groups = []
    for own in weights:
        if own is not None:
            rate = _RATE * float(own[0].abs().max())
            groups.append({"params": [part.requires_grad_() for part in own], "lr": rate})
    optimizer = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.5 * (1.0 + math.cos(math.pi * step / _STEPS))
    )
    random = torch.Generator().manual_seed(seed)

    def rounded(tensor: int, values: Tensor) -> Tensor:
        return values if tensor == 0 else _rounded(values, scales[tensor])

    for _ in range(_STEPS):
        rows = torch.randint(len(raw), (_BATCH,), generator=random)
        some = [
            None if own is None else (_grid(layer, own[0]), own[1])
            for layer, own in zip(program.layers, weights, strict=True)
        ]
        found = forward(program, some, first[rows], rounded).reshape(_BATCH, -1)
        loss = (found - target[rows]).square().mean() / size
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch does not say
        optimizer.step()
        schedule.step()
    return tuple(
        None if own is None else Folded(*(part.detach().numpy().astype(np.float64) for part in own))
        for own in weights
    )


def _rounded(values: Tensor, scale: Scale) -> Tensor:
    """Values on the grid of a tensor's integers; the gradient passes where nothing was cut off."""
    low, high = [scale.scale * (q - scale.zero) for q in (-128, 127)]
    inside = values.clamp(low, high)
    exact = torch.round(inside / scale.scale) * scale.scale
    return inside + (exact - inside).detach()


def _grid(layer: Layer, weight: Tensor) -> Tensor:
    """A weight on its grid of 255 steps, one for each output channel."""
    axis = 3 if layer.kind == "DEPTHWISE_CONV_2D" else 0
    others = [i for i in range(weight.ndim) if i != axis]
    size = weight.detach().abs()
    largest = size.max() if layer.kind == "FULLY_CONNECTED" else size.amax(others, keepdim=True)
    step = (largest / 127.0).clamp(min=1e-12)
    exact = torch.round(weight / step).clamp(-127, 127) * step
    return weight + (exact - weight).detach()
