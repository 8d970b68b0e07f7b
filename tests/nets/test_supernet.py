"""What a supernet shares, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from brickwork.errors import SpaceError
from brickwork.nets import Supernet
from brickwork.nets.elastic import Cuts, cuts
from brickwork.nets.layers import Dropout as DropoutLeaf
from brickwork.space import (
    Choice,
    Concat,
    Conv,
    ConvNorm,
    Dropout,
    GlobalPool,
    Identity,
    Linear,
    OneOf,
    Parallel,
    Seq,
    Space,
)

HEAD = Seq(GlobalPool(), Linear(), name="head")
WIDE = Space(
    "wide",
    Seq(Seq(ConvNorm(Choice("width", (2, 4)), Choice("kernel", (1, 3))), name="stem"), HEAD),
)
SMALL = WIDE.arch({"stem.width": 2, "stem.kernel": 1})
LARGE = WIDE.arch({"stem.width": 4, "stem.kernel": 3})


def test_the_state_dict_is_that_of_the_largest_member():
    net = Supernet(WIDE, (3, 6, 6), 5)
    shapes = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    extracted = net.extract(LARGE).state_dict()
    assert shapes == {name: tuple(value.shape) for name, value in extracted.items()}


def test_members_share_the_first_channels_and_the_centre_of_the_kernel():
    net = Supernet(WIDE, (3, 6, 6), 5)
    small, large = (net.extract(arch).state_dict()["stem.conv.weight"] for arch in (SMALL, LARGE))
    assert torch.equal(small[..., 0, 0], large[:2, :, 1, 1])


def test_a_step_for_one_member_moves_the_others_where_they_share():
    net = Supernet(WIDE, (3, 6, 6), 5)
    before = net.extract(LARGE).state_dict()["stem.conv.weight"]
    net(torch.ones(2, 3, 6, 6), SMALL).sum().backward()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter -= parameter.grad
    moved = net.extract(LARGE).state_dict()["stem.conv.weight"] != before
    assert moved[:2, :, 1, 1].any()
    moved[:2, :, 1, 1] = False
    assert not moved.any()


def test_an_extracted_network_is_a_copy():
    net = Supernet(WIDE, (3, 6, 6), 5)
    extracted = net.extract(LARGE)
    before = net.state_dict()["stem.conv.weight"].clone()
    with torch.no_grad():
        for parameter in extracted.parameters():
            parameter.fill_(7.0)
    assert torch.equal(net.state_dict()["stem.conv.weight"], before)


def test_after_a_concatenation_each_branch_keeps_its_place():
    branches = (Seq(Conv(Choice("width", (1, 3)), 1), name="left"), Identity())
    space = Space("branches", Seq(Parallel(branches, Concat()), Seq(Conv(4, 1), name="end"), HEAD))
    net = Supernet(space, (2, 5, 5), 3)
    narrow = net.extract(space.arch({"left.width": 1})).state_dict()["end.conv.weight"]
    assert torch.equal(narrow, net.state_dict()["end.conv.weight"][:, [0, 3, 4]])


def test_a_mix_of_indices_and_weights():
    """One option of the kernel, and weights over widths: the mean of what a linear layer gets."""
    net = Supernet(WIDE, (3, 6, 6), 5).eval()
    x = torch.ones(2, 3, 6, 6)
    mix = {"stem.kernel": 1, "stem.width": torch.tensor([0.0, 1.0])}
    torch.testing.assert_close(net(x, mix), net(x, LARGE))
    even = net(x, {"stem.kernel": 0, "stem.width": torch.tensor([1.0, 0.0])})
    torch.testing.assert_close(even, net(x, SMALL))


def test_a_mix_that_leaves_a_decision_open_is_an_error():
    net = Supernet(WIDE, (3, 6, 6), 5)
    with pytest.raises(SpaceError, match=r"does not decide stem\.kernel"):
        net(torch.ones(1, 3, 6, 6), {"stem.width": torch.tensor([0.5, 0.5])})


def test_as_many_weights_as_options():
    net = Supernet(WIDE, (3, 6, 6), 5)
    mix = {"stem.kernel": 0, "stem.width": torch.ones(3)}
    with pytest.raises(SpaceError, match=r"stem\.width has 2 options.*shape \(3,\)"):
        net(torch.ones(1, 3, 6, 6), mix)


def test_options_of_other_shapes_are_not_mixed():
    options = {"same": Conv(4, 3), "half": Conv(4, 3, 2)}
    space = Space("uneven", Seq(OneOf("op", options), HEAD))
    net = Supernet(space, (3, 6, 6), 5)
    net(torch.ones(1, 3, 6, 6), space.arch({"op": "half"}))  # one at a time they are
    with pytest.raises(SpaceError, match=r"op: its options give .*cannot be mixed"):
        net(torch.ones(1, 3, 6, 6), {"op": torch.tensor([0.5, 0.5])})


def test_one_name_for_two_kinds_of_weights_is_an_error():
    @dataclass(frozen=True)
    class Fickle:
        """A composite that looks at the shape, and gives one name to two things."""

        def lower(self, shape):
            return Conv(4, 1, bias=shape[0] > 2)

    space = Space("fickle", Seq(Conv(Choice("width", (2, 4)), 1), Fickle(), HEAD))
    with pytest.raises(SpaceError, match="names of their own"):
        Supernet(space, (3, 6, 6), 5)


def test_a_width_that_a_composite_reckons_with_stays_elastic():
    @dataclass(frozen=True)
    class Bottleneck:
        """Half as wide inside, then twice as wide again as that."""

        def lower(self, shape):
            return Seq(Conv(shape[0] // 2, 1), Conv(2 * (shape[0] // 2), 1, bias=True))

    space = Space("narrow", Seq(Conv(Choice("width", (2, 4)), 1), Bottleneck(), HEAD))
    net, x = Supernet(space, (3, 6, 6), 5).eval(), torch.ones(2, 3, 6, 6)
    for place, width in enumerate((2, 4)):
        weights = torch.nn.functional.one_hot(torch.tensor(place), 2).float()
        torch.testing.assert_close(net(x, {"width": weights}), net(x, space.arch({"width": width})))


def test_dropout_draws_from_the_generator_that_it_is_given():
    space = Space("drop", Seq(ConvNorm(Choice("width", (2, 4)), 3), Dropout(0.5), HEAD))
    results = []
    for _ in range(2):
        net = Supernet(space, (3, 6, 6), 5)
        random = torch.Generator().manual_seed(3)
        for part in net.modules():
            if isinstance(part, DropoutLeaf):
                part.generator = random
        net.train()
        results.append(net(torch.ones(2, 3, 6, 6), space.arch({"width": 2})))
    assert torch.equal(*results)


def test_a_weight_is_cut_by_what_its_axes_are():
    whole, some = ((8, 8),), ((4, 2), (4, 3))
    conv = Conv(6, 3)
    assert cuts(conv, "weight", (6, 8, 3, 3), (6, 8, 3, 3), whole) == Cuts()
    assert cuts(conv, "weight", (6, 8, 5, 5), (4, 8, 3, 3), whole).narrows == (
        (0, 0, 4),
        (2, 1, 3),
        (3, 1, 3),
    )
    gathered = cuts(conv, "weight", (6, 8, 3, 3), (6, 5, 3, 3), some)
    assert gathered.gathers == ((1, (0, 1, 4, 5, 6)),)
    with pytest.raises(SpaceError, match="is asked for"):
        cuts(conv, "weight", (6, 8, 3, 3), (7, 8, 3, 3), whole)
