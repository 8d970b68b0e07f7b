"""Bricks that are short for others: the blocks that networks are usually made of."""

from __future__ import annotations

from dataclasses import dataclass

from brickwork.space.blocks import Block, Identity, Parallel, Residual, Seq
from brickwork.space.choice import Choice, Wide, Width
from brickwork.space.ops import (
    Activation,
    Attend,
    Conv,
    Depthwise,
    Dropout,
    GlobalPool,
    Multiply,
    Norm,
    Pool,
    Shape,
    Tokens,
)

__all__ = [
    "BasicBlock",
    "Bottleneck",
    "ConvNorm",
    "DepthwiseNorm",
    "Halve",
    "InvertedResidual",
    "MlpBlock",
    "MultiHeadAttention",
    "PatchEmbedding",
    "Separable",
    "SqueezeExcite",
    "TransformerBlock",
]


@dataclass(frozen=True, slots=True)
class ConvNorm:
    """Convolution, batch norm and activation (none if empty).

    Attributes as in ``Conv`` and ``Norm``.
    """

    out: Width
    kernel: int | tuple[int, ...] | Choice[int] = 3
    stride: int | tuple[int, ...] = 1
    activation: str | Choice[str] = "relu"
    bias: bool = False
    padding: int | tuple[int, ...] | None = None
    dilation: int | tuple[int, ...] | Choice[int] = 1
    eps: float = 1e-5

    def lower(self, shape: Shape) -> Block:
        conv = Conv(
            self.out,
            self.kernel,
            self.stride,
            self.dilation,
            bias=self.bias,
            padding=self.padding,
        )
        return Seq(conv, Norm(eps=self.eps), *_activation(self.activation))


@dataclass(frozen=True, slots=True)
class DepthwiseNorm:
    """Depthwise convolution, batch norm and activation. Attributes as in ``Depthwise``."""

    kernel: int | tuple[int, ...] | Choice[int] = 3
    stride: int | tuple[int, ...] = 1
    activation: str | Choice[str] = "relu"
    bias: bool = False

    def lower(self, shape: Shape) -> Block:
        conv = Depthwise(self.kernel, self.stride, bias=self.bias)
        return Seq(conv, Norm(), *_activation(self.activation))


@dataclass(frozen=True, slots=True)
class Halve:
    """Average pooling to half the size, rounded up.

    Over windows of two, as in shortcuts of residual networks; where a size is odd, over windows of
    three, so that the result fits a padded convolution with stride 2 beside it.
    """

    def lower(self, shape: Shape) -> Block:
        odd = tuple(size % 2 for size in shape[1:])
        if len(set(odd)) == 1:
            return Pool("average", 2 + odd[0], 2, odd[0])
        return Pool("average", tuple(2 + o for o in odd), 2, odd)


@dataclass(frozen=True, slots=True)
class SqueezeExcite:
    """A gate for each channel, from the channel means (Hu et al., 2018; hard gate of MobileNetV3).

    Attributes:
        ratio: Width of the bottleneck relative to the channels.
        divisor: The bottleneck is a multiple of it.
        activation: In the bottleneck.
        gate: The activation that gives the factors.
    """

    ratio: float | Choice[float] = 0.25
    divisor: int = 4
    activation: str | Choice[str] = "relu"
    gate: str | Choice[str] = "hard_sigmoid"

    def lower(self, shape: Shape) -> Block:
        gate = Seq(
            GlobalPool(keep=True),
            Seq(
                Conv(Wide(self.ratio, self.divisor), 1, bias=True),
                Activation(self.activation),
                name="squeeze",
            ),
            Seq(Conv(shape[0], 1, bias=True), Activation(self.gate), name="excite"),
            name="gate",
        )
        return Seq(Parallel((Identity(), gate), Multiply()), name="se")


@dataclass(frozen=True, slots=True)
class InvertedResidual:
    """Expand, depthwise, project; with a skip where the shape allows it.

    Source: MobileNetV2 (Sandler et al., 2018); squeeze-excite after the depthwise convolution as
    in MnasNet and MobileNetV3.

    Attributes:
        out: Output channels.
        kernel: Window of the depthwise convolution.
        stride: Its step.
        expand: Inner width relative to the input; a plain 1 leaves the expansion out.
        activation: After expansion and depthwise convolution.
        gate: None, or what stands between depthwise and projection, such as ``SqueezeExcite()``.
        skip: Whether the input is added where the shape allows it.
        divisor: The inner width is a multiple of it.
        eps: Added to the variance in the norms.
    """

    out: Width
    kernel: int | Choice[int] = 3
    stride: int = 1
    expand: float | Choice[int] | Choice[float] = 6
    activation: str | Choice[str] = "relu6"
    gate: Block | None = None
    skip: bool | Choice[bool] = True
    divisor: int = 1
    eps: float = 1e-5

    def lower(self, shape: Shape) -> Block:
        inner, norm = Wide(self.expand, self.divisor), Norm(eps=self.eps)
        after = (norm, *_activation(self.activation))
        parts: list[Block] = []
        if self.expand != 1:
            parts.append(Seq(Conv(inner, 1), *after, name="expand"))
        parts.append(Seq(Depthwise(self.kernel, self.stride), *after, name="depthwise"))
        if self.gate is not None:
            parts.append(self.gate)
        parts.append(Seq(Conv(self.out, 1), norm, name="project"))
        body = Seq(*parts)
        return body if self.stride != 1 else Residual(body, "drop", self.skip)


@dataclass(frozen=True, slots=True)
class BasicBlock:
    """Two convolutions with a skip around them; the skip is projected where the shape changes.

    Source: ResNet-18 and -34 (He et al., 2016).

    Attributes:
        out: Output channels, and those between the two.
        kernel: Window of both.
        stride: Step of the first.
        dilation: Spacing of both windows.
        activation: After the first and after the sum.
        gate: None, or what stands before the sum, such as ``SqueezeExcite()``.
    """

    out: Width
    kernel: int | tuple[int, ...] | Choice[int] = 3
    stride: int | tuple[int, ...] = 1
    dilation: int | tuple[int, ...] | Choice[int] = 1
    activation: str | Choice[str] = "relu"
    gate: Block | None = None

    def lower(self, shape: Shape) -> Block:
        spaced = self.dilation
        first = ConvNorm(self.out, self.kernel, self.stride, self.activation, dilation=spaced)
        second = ConvNorm(self.out, self.kernel, 1, "", dilation=spaced)
        gate = () if self.gate is None else (self.gate,)
        body = Seq(Seq(first, name="first"), Seq(second, name="second"), *gate)
        return _summed(body, self.out, self.stride, self.activation)


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """Narrow, convolve, widen, with a skip that is projected where the shape changes.

    Source: ResNet-50 (He et al., 2016). The step is taken by the convolution in the middle, as in
    torchvision and in the "v1.5" that MLPerf measures; in the paper by the first one.

    Attributes:
        out: Output channels.
        inner: Channels of the convolution in the middle; in the paper a quarter of ``out``.
        kernel: Its window.
        stride: Its step.
        activation: After the first two and after the sum.
    """

    out: Width
    inner: Width
    kernel: int | tuple[int, ...] | Choice[int] = 3
    stride: int | tuple[int, ...] = 1
    activation: str | Choice[str] = "relu"

    def lower(self, shape: Shape) -> Block:
        body = Seq(
            Seq(ConvNorm(self.inner, 1, 1, self.activation), name="narrow"),
            Seq(ConvNorm(self.inner, self.kernel, self.stride, self.activation), name="middle"),
            Seq(ConvNorm(self.out, 1, 1, ""), name="widen"),
        )
        return _summed(body, self.out, self.stride, self.activation)


@dataclass(frozen=True, slots=True)
class Separable:
    """A depthwise convolution and one over the channels, each with batch norm and activation.

    Source: MobileNet (Howard et al., 2017).

    Attributes:
        out: Output channels.
        kernel: Window of the depthwise convolution.
        stride: Its step.
        activation: After both.
        bias: Whether both have a bias, which a batch norm makes needless.
    """

    out: Width
    kernel: int | tuple[int, ...] | Choice[int] = 3
    stride: int | tuple[int, ...] = 1
    activation: str | Choice[str] = "relu"
    bias: bool = False

    def lower(self, shape: Shape) -> Block:
        depthwise = DepthwiseNorm(self.kernel, self.stride, self.activation, self.bias)
        pointwise = ConvNorm(self.out, 1, activation=self.activation, bias=self.bias)
        return Seq(Seq(depthwise, name="depthwise"), Seq(pointwise, name="pointwise"))


@dataclass(frozen=True, slots=True)
class PatchEmbedding:
    """A token for each patch of an image: ``(out, patches)`` (ViT: Dosovitskiy et al., 2021).

    Attributes:
        out: Channels of a token.
        patch: Side of a patch; what does not fill one is cut off.
        bias: Whether a bias is added.
    """

    out: Width
    patch: int | tuple[int, ...] | Choice[int]
    bias: bool = True

    def lower(self, shape: Shape) -> Block:
        return Seq(Conv(self.out, self.patch, self.patch, bias=self.bias, padding=0), Tokens())


@dataclass(frozen=True, slots=True)
class MultiHeadAttention:
    """Self-attention on a sequence ``(channels, length)`` (Vaswani et al., 2017).

    Attributes:
        width: Channels of query, key and value, over all heads: a multiple of ``head``.
        head: Channels of each head.
        bias: Whether the four projections have a bias.
    """

    width: Width
    head: int | Choice[int]
    bias: bool = True

    def lower(self, shape: Shape) -> Block:
        projections = tuple(
            Seq(Conv(self.width, 1, bias=self.bias), name=name)
            for name in ("query", "key", "value")
        )
        out = Seq(Conv(shape[0], 1, bias=self.bias), name="out")
        return Seq(Parallel(projections, Attend(self.head)), out)


@dataclass(frozen=True, slots=True)
class MlpBlock:
    """Widen, activate, narrow again, at each position.

    Attributes:
        expand: Inner width relative to the input.
        activation: Between the two.
        dropout: The part that is dropped after each; 0 leaves dropout out.
        divisor: The inner width is a multiple of it.
    """

    expand: float | Choice[int] | Choice[float]
    activation: str | Choice[str] = "gelu"
    dropout: float | Choice[float] = 0.0
    divisor: int = 1

    def lower(self, shape: Shape) -> Block:
        drop = _dropout(self.dropout)
        widen = Conv(Wide(self.expand, self.divisor), 1, bias=True)
        return Seq(
            Seq(widen, Activation(self.activation), *drop, name="expand"),
            Seq(Conv(shape[0], 1, bias=True), *drop, name="project"),
        )


@dataclass(frozen=True, slots=True)
class TransformerBlock:
    """Attention and an MLP, each behind a layer norm and with a skip (pre-norm, as in ViT).

    Source: Vaswani et al., 2017; norms in front as in Dosovitskiy et al., 2021.

    Attributes:
        head: Channels of each head.
        width: Channels of query, key and value; by default as many as come in.
        expand: Inner width of the MLP relative to the input.
        activation: Inside the MLP.
        dropout: The part that is dropped after attention and in the MLP; 0 leaves dropout out.
        bias: Whether the projections of the attention have a bias.
        eps: Added to the variance in the norms.
    """

    head: int | Choice[int]
    width: Width = Wide(1)  # noqa: RUF009  # a frozen value
    expand: float | Choice[int] | Choice[float] = 4
    activation: str | Choice[str] = "gelu"
    dropout: float | Choice[float] = 0.0
    bias: bool = True
    eps: float = 1e-5

    def lower(self, shape: Shape) -> Block:
        attention = MultiHeadAttention(self.width, self.head, self.bias)
        mlp = MlpBlock(self.expand, self.activation, self.dropout)
        norm, drop = Norm("layer", eps=self.eps), _dropout(self.dropout)
        return Seq(
            Seq(Residual(Seq(norm, attention, *drop)), name="attention"),
            Seq(Residual(Seq(norm, mlp)), name="mlp"),
        )


def _summed(
    body: Block, out: Width, stride: int | tuple[int, ...], activation: str | Choice[str]
) -> Block:
    """The sum of a ResNet block: a projected skip where the shape changes, the activation last."""
    return Seq(Residual(body, ConvNorm(out, 1, stride, "")), *_activation(activation))


def _activation(how: str | Choice[str]) -> tuple[Activation, ...]:
    return () if how == "" else (Activation(how),)


def _dropout(rate: float | Choice[float]) -> tuple[Dropout, ...]:
    return () if rate == 0.0 else (Dropout(rate),)
