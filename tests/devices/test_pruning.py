"""Dead channels: a network without them is the network that was built without them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from random_spaces import space_and_input

from brickwork.devices import load_target
from brickwork.devices.lowering import lower, why_not
from brickwork.devices.program import Program
from brickwork.devices.pruning import pruned
from brickwork.devices.work import work_of_program
from brickwork.space import Activation, Conv, Depthwise, GlobalPool, Linear, Seq, Space, graph


def mobile(widths: tuple[int, ...]) -> Program:
    bricks: list[object] = [Conv(widths[0], 3, 2), Activation()]
    for width in widths[1:]:
        bricks += [Depthwise(3), Activation(), Conv(width, 1), Activation()]
    space = Space("s", Seq(*bricks, GlobalPool(), Linear()))
    return lower(graph(space, space.arch(), (3, 32, 32), 5))


def test_pruning_is_building_it_smaller():
    whole, alive = mobile((8, 16, 32, 24)), (8, 11, 5, 24)
    convolutions = [i for i, layer in enumerate(whole.layers) if layer.kind == "CONV_2D"]
    found = pruned(whole, dict(zip(convolutions, alive, strict=True)))
    small = mobile(alive)
    assert found.shapes == small.shapes
    assert work_of_program(found).named() == work_of_program(small).named()


def test_a_dead_channel_of_a_depthwise_layer_is_dead_behind_it():
    whole = mobile((8, 16))
    place = next(i for i, layer in enumerate(whole.layers) if layer.kind == "DEPTHWISE_CONV_2D")
    found = pruned(whole, {place: 3})
    assert found.shapes[whole.layers[place].output][-1] == 3
    assert found.macs(found.layers[place + 1]) == whole.macs(whole.layers[place + 1]) * 3 // 8


@given(space_and_input(), st.integers(0, 2**32))
def test_nothing_dead_changes_nothing_and_less_is_never_more_work(pair, seed):
    space, input = pair
    rng = np.random.default_rng(seed)
    whole = graph(space, space.sample(rng), input, 5)
    if why_not(whole):
        return
    program = lower(whole)
    assert pruned(program, {}).shapes == program.shapes
    alive = {
        i: int(rng.integers(1, program.shapes[layer.output][-1] + 1))
        for i, layer in enumerate(program.layers)
        if program.macs(layer) and layer.groups == 1
    }
    less, before = pruned(program, alive), work_of_program(program)
    assert work_of_program(less).macs <= before.macs
    assert less.shapes[program.output] == program.shapes[program.output]


def test_targets_say_whether_their_engine_prunes():
    assert load_target("stm32l4r5").latency.prunes
    assert load_target("stm32l4r5-plumerai").latency.prunes
    assert not load_target("stm32l4r5-tflm").latency.prunes
    assert not load_target("stm32h743-tinyengine").latency.prunes
