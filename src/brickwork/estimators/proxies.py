"""Zero-cost scores: what one batch tells of a network that was never trained.

Each is a function of a module, its graph, a batch ``x`` of raw inputs ``(batch, channels,
*spatial)`` with labels ``y`` ``(batch,)``, and a generator; more of it is taken to be better. The
module is left as it was: weights, gradients, running statistics, modes.

A network is scored as in the first step of its training: batch norms use the statistics of the
batch (with those they start from they would do nothing), and dropout takes its masks from the
generator. What is summed over weights is summed over those of convolutions and linear layers,
without biases and norms.

Sources:
    J. Mellor, J. Turner, A. Storkey, E. J. Crowley: Neural architecture search without training,
    ICML 2021, and its first version, arXiv 2006.04647v1 (2020), which has another score.
    M. S. Abdelfattah, A. Mehrotra, Ł. Dudziak, N. D. Lane: Zero-cost proxies for lightweight NAS,
    ICLR 2021.
    H. Tanaka, D. Kunin, D. L. K. Yamins, S. Ganguli: Pruning neural networks without any data by
    iteratively conserving synaptic flow, NeurIPS 2020.
    N. Lee, T. Ajanthan, P. H. S. Torr: SNIP: single-shot network pruning based on connection
    sensitivity, ICLR 2019.

Differs from the papers: the weights are initialised as ``nets.build`` does it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its usual name

from brickwork.devices.counts import macs
from brickwork.devices.counts import parameters as trained_values
from brickwork.errors import TrainingError
from brickwork.nets.layers import Dropout
from brickwork.space import (
    Activation,
    Conv,
    ConvTranspose,
    Depthwise,
    Graph,
    Linear,
    Norm,
    Normalize,
    Op,
    Zero,
)

__all__ = ["PROXIES", "Proxy"]

Proxy = Callable[[nn.Module, Graph, Tensor, Tensor, torch.Generator], float]
"""Module, graph, inputs, labels and source of randomness become a score.

Raises:
    TrainingError: The score is not a finite number.
"""

_WEIGHTED = (Conv, ConvTranspose, Depthwise, Linear)
_EIGENVALUE_FLOOR = 1e-5  # k of Mellor et al. (2020)


def _flops(_module: nn.Module, graph: Graph, *_: object) -> float:
    """Logarithm of 1 + MACs of a sample, as the graph has them."""
    return math.log1p(macs(graph))


def _parameters(_module: nn.Module, graph: Graph, *_: object) -> float:
    """Logarithm of 1 + trained weights."""
    return math.log1p(trained_values(graph))


def _depth(_module: nn.Module, graph: Graph, *_: object) -> float:
    """Convolutions and linear layers on the longest way from the input to the output."""
    depths: list[int] = []
    for node in graph.nodes:
        live = [] if isinstance(node.op, Zero) else [depths[i] for i in node.inputs]
        before = max(live, default=0)
        depths.append(before + isinstance(node.op, _WEIGHTED))
    return float(depths[-1])


def _naswot(
    module: nn.Module, graph: Graph, x: Tensor, _y: Tensor, generator: torch.Generator
) -> float:
    """How different the patterns are that the samples of a batch switch on (Mellor et al., 2021).

    Logarithm of the absolute determinant of the kernel of a batch, whose entry for two samples is
    the number of units that both switch on or both leave off. A unit is on where what goes into its
    activation is positive: for ReLU that is the paper's rule; ReLU6, GELU, SiLU and the hard-swish
    are nearly or exactly zero at the other side too; of sigmoid, hard sigmoid and tanh it is the
    sign of the distance from the middle.

    Differs from the paper: activations other than ReLU take part.
    """
    kernel = torch.zeros(len(x), len(x), dtype=torch.float64, device=x.device)

    def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        code = (inputs[0] > 0).flatten(1).to(inputs[0].dtype).mul_(2).sub_(1)
        kernel.add_((code @ code.T + code.shape[1]) / 2)

    with _lent(module, generator), ExitStack() as hooks, torch.no_grad():
        for leaf in _leaves(module, graph, Activation):
            hooks.enter_context(leaf.register_forward_pre_hook(note))
        logits = module(x)
    _finite("naswot", float(logits.abs().amax()))
    hint = "the activations do not tell all samples apart, so look for samples that occur twice"
    return _finite("naswot", float(torch.linalg.slogdet(kernel).logabsdet), hint)


def _jacob_cov(
    module: nn.Module, _graph: Graph, x: Tensor, _y: Tensor, generator: torch.Generator
) -> float:
    """How little the slopes of a network at the samples of a batch have in common.

    With the eigenvalues v of the correlation matrix of the gradients with respect to each sample:
    -sum(log(v + k) + 1 / (v + k)) (Mellor et al., 2020; "jacob_cov" of Abdelfattah et al., 2021).
    As there, the batch norms let each sample act on the outputs of the others. A batch should have
    fewer samples than a sample has numbers: else the matrix is singular for every network.

    Differs from the papers: the slopes are those of the logarithm of the summed exponentials of a
    sample's outputs, not of their plain sum. Where nothing bends the way from the last batch norm
    to the outputs, as in networks of inverted residuals, that sum is the same for every batch and
    its slopes are rounding errors.
    """
    with _lent(module, generator):
        sample = x.detach().clone().requires_grad_()
        outcome = module(sample).flatten(1).logsumexp(1).sum()
        (slopes,) = torch.autograd.grad(outcome, sample, materialize_grads=True)
    hint = "the outputs do not depend on every sample"
    correlation = torch.corrcoef(slopes.flatten(1).double())
    _finite("jacob_cov", float(correlation.sum()), hint)
    raised = torch.linalg.eigvalsh(correlation) + _EIGENVALUE_FLOOR
    return _finite("jacob_cov", -float((raised.log() + 1 / raised).sum()), hint)


def _grad_norm(
    module: nn.Module, graph: Graph, x: Tensor, y: Tensor, generator: torch.Generator
) -> float:
    """Sum of the norms of the loss's gradients, one for each layer (Abdelfattah et al., 2021)."""
    with _lent(module, generator):
        pairs = _gradients(F.cross_entropy(module(x), y), module, graph)
    return _finite("grad_norm", sum(float(slope.norm()) for _, slope in pairs))


def _snip(
    module: nn.Module, graph: Graph, x: Tensor, y: Tensor, generator: torch.Generator
) -> float:
    """How much the loss depends on the weights: the sum of the sizes of weight * gradient.

    Source: Lee et al., 2019; summed over all weights by Abdelfattah et al., 2021.
    """
    with _lent(module, generator):
        pairs = _gradients(F.cross_entropy(module(x), y), module, graph)
        return _finite("snip", sum(float((w * slope).abs().sum()) for w, slope in pairs))


def _synflow(module: nn.Module, graph: Graph, x: Tensor, *_: object) -> float:
    """How much flows through all weights together, without data (Tanaka et al., 2020).

    Logarithm of the sum of weight * gradient of the summed outputs, where all weights are replaced
    by their absolute values, the input is all ones, and norms are taken out (as by Abdelfattah et
    al., 2021, for batch norm; here that holds for every norm and for the normalisation of the
    input). In float64, since the flow grows with every layer.

    Differs from the papers: the logarithm, which changes no order; dropout is off; biases are
    replaced by their absolute values too.
    """

    def skip(_: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> Tensor:
        return inputs[0]

    with _lent(module, None), ExitStack() as hooks:
        module.eval()
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.data = tensor.data.double().abs()
        for leaf in _leaves(module, graph, Norm, Normalize):
            hooks.enter_context(leaf.register_forward_hook(skip))
        ones = torch.ones(1, *graph.input, dtype=torch.float64, device=x.device)
        pairs = _gradients(module(ones).sum(), module, graph)
        flow = sum(float((w * slope).sum()) for w, slope in pairs)
    hint = "nothing flows from the input to the output"
    return _finite("synflow", math.log(flow) if flow else -math.inf, hint)


PROXIES: Mapping[str, Proxy] = {
    "flops": _flops,
    "parameters": _parameters,
    "depth": _depth,
    "naswot": _naswot,
    "jacob_cov": _jacob_cov,
    "grad_norm": _grad_norm,
    "snip": _snip,
    "synflow": _synflow,
}
"""All scores by name, the cheapest first."""


@contextmanager
def _lent(module: nn.Module, generator: torch.Generator | None) -> Iterator[None]:
    """The module in training mode, free to be changed; afterwards it is as it was."""
    parameters = list(module.parameters())
    wanted = [parameter.requires_grad for parameter in parameters]
    tensors = [*parameters, *module.buffers()]
    values = [tensor.data for tensor in tensors]
    leaves = list(module.modules())
    modes = [leaf.training for leaf in leaves]
    dropouts = [leaf for leaf in leaves if isinstance(leaf, Dropout)]
    sources = [dropout.generator for dropout in dropouts]
    try:
        module.train()
        for tensor in tensors:
            tensor.data = tensor.data.clone()
        for parameter in parameters:
            parameter.requires_grad_()
        for dropout in dropouts:
            dropout.generator = generator
        yield
    finally:
        for tensor, value in zip(tensors, values, strict=True):
            tensor.data = value
        for parameter, before in zip(parameters, wanted, strict=True):
            parameter.requires_grad_(before)
        for leaf, mode in zip(leaves, modes, strict=True):
            leaf.training = mode
        for dropout, source in zip(dropouts, sources, strict=True):
            dropout.generator = source


def _leaves(module: nn.Module, graph: Graph, *kinds: type[Op]) -> list[nn.Module]:
    """The modules of all operations of some kinds."""
    modules = dict(module.named_modules())
    return [modules[node.name] for node in graph.nodes if isinstance(node.op, kinds)]


def _gradients(outcome: Tensor, module: nn.Module, graph: Graph) -> list[tuple[Tensor, Tensor]]:
    """Each weight of a convolution or linear layer, with the gradient of the outcome.

    Raises:
        TrainingError: There are no such layers.
    """
    weights = [leaf.get_parameter("weight") for leaf in _leaves(module, graph, *_WEIGHTED)]
    if not weights:
        raise TrainingError("a network without convolutions and linear layers has no such score")
    slopes = torch.autograd.grad(outcome, weights, materialize_grads=True)
    return [(weight.detach(), slope) for weight, slope in zip(weights, slopes, strict=True)]


def _finite(name: str, value: float, hint: str = "the outputs are no numbers") -> float:
    """The value of a score.

    Raises:
        TrainingError: It is NaN or infinite.
    """
    if not math.isfinite(value):
        raise TrainingError(f"{name} of this network and batch is {value}: {hint}")
    return value
