"""One module for every network of a space: weights are shared, choices are an argument.

``Supernet.forward(x, mix)`` reads the same space in two ways. With one option for each decision it
runs the operations of that member's graph, each with the part of the weights that the member uses
(weight sharing). With weights over options it runs all of them at their largest and mixes
(``soft.py``). An algorithm is only a rule that makes mixes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from brickwork.errors import SpaceError
from brickwork.nets.build import Net, Step, attach, build, run, schedule
from brickwork.nets.elastic import Cuts, Layout, cuts, layout_of, makes_channels
from brickwork.nets.layers import Dropout, leaf
from brickwork.nets.mix import Mix, Partial
from brickwork.nets.soft import soft
from brickwork.space import (
    Arch,
    Graph,
    Input,
    Node,
    Normalize,
    Op,
    Option,
    Shape,
    Space,
    graph,
    ops,
)
from brickwork.space.cover import largest

__all__ = ["Mix", "Partial", "Supernet"]

_PROGRAMS = 256  # members whose execution list is kept
_LEAVES = 8192  # narrow operations that are kept


class Supernet(nn.Module):
    """All networks of a space in one module.

    Its state dict has the keys of ``build`` of every member, each weight at its largest.

    Args:
        space: The space.
        input: Shape of a sample.
        outputs: Width of layers that are as wide as the task has outputs.
        normalize: Normalisation of raw inputs, to be part of the model.
        generator: Source of the initial weights, as for ``build``.

    Raises:
        SpaceError: A brick of the space cannot share its weights.
    """

    def __init__(
        self,
        space: Space,
        input: Shape,
        outputs: int,
        normalize: Normalize | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if generator is None:
            generator = torch.Generator().manual_seed(0)
        self.space = space
        self.input = input
        self.outputs = outputs
        self.normalize = normalize
        self.largest = largest(space, input, outputs, np.random.default_rng(0), normalize)
        self._big: dict[str, nn.Module] = {}
        for name, most in self.largest.items():
            node = Node(name, most.op, (), most.op.shape(most.inputs))
            self._big[name] = module = leaf(node, list(most.inputs), generator)
            attach(self, name, module)
        self._dropout = Dropout(0.0)  # whoever sets the generator of dropouts finds this one
        self._programs: OrderedDict[Arch, tuple[tuple[Step, ...], int, int]] = OrderedDict()
        self._narrow: dict[tuple[Op, tuple[Shape, ...]], nn.Module] = {}

    def forward(self, x: Tensor, mix: Arch | Mix) -> Tensor:
        """Logits ``(batch, outputs)``.

        Args:
            x: Raw inputs, ``(batch, channels, *spatial)``.
            mix: An architecture; or, for each decision, the index of one option or weights over
                its options (see ``Mix``).

        Raises:
            SpaceError: A decision is missing, or has no soft form.
        """
        if not isinstance(mix, Arch):
            if any(isinstance(chosen, Tensor | Mapping | Partial) for chosen in mix.values()):
                return soft(self, x, mix)
            mix = self.arch(mix)
        return run(*self._program(mix), x)

    def arch(self, mix: Mapping[str, Any]) -> Arch:
        """The architecture of a mix with one option for each decision (by index)."""
        values: dict[str, Option] = {}
        for decision in self.space.decisions():
            if decision.name in mix:
                values[decision.name] = decision.options[mix[decision.name]]
        return self.space.arch(values)

    def graph(self, arch: Arch) -> Graph:
        """The graph of a member."""
        return graph(self.space, arch, self.input, self.outputs, self.normalize)

    def extract(self, arch: Arch) -> Net:
        """A plain module of its own for a member, with a copy of the weights that it shares."""
        whole = self.graph(arch)
        net = build(whole)
        state = {
            f"{name}.{key}": cut.of(_holder(self._big[name], key)[key]).detach().clone()
            for name, parts in self._parts(whole).items()
            for key, cut in parts.items()
        }
        net.load_state_dict(state, assign=True)
        return net.train(self.training)

    def narrow(self, node: Node, shapes: Sequence[Shape], layout: Layout) -> Callable[..., Tensor]:
        """An operation of a member, with its part of the shared weights.

        Args:
            node: The operation.
            shapes: Shapes of its inputs.
            layout: Channels of the first one.
        """
        most = self.largest.get(node.name)
        if most is not None and most.op == node.op and most.inputs == tuple(shapes):
            return self._big[node.name]
        small = self._leaf(node, tuple(shapes))
        if most is None:
            if node.op.weights(shapes):
                raise SpaceError(f"{node.name}: the supernet of {self.space.name!r} has no such op")
            return small
        big = self._big[node.name]
        return _Bound(
            small,
            [
                (_holder(small, key), _holder(big, key), key, cut)
                for key, cut in self._cuts(node, shapes, layout).items()
            ],
        )

    def masked(
        self, node: Node, shapes: Sequence[Shape], mask: Tensor | float
    ) -> Callable[..., Tensor]:
        """An operation at its largest, each of its weights times a mask."""
        small, big = self._leaf(node, tuple(shapes)), self._big[node.name]

        def call(*inputs: Tensor) -> Tensor:
            weight = big._parameters["weight"]
            if isinstance(mask, Tensor) and weight is not None:
                small._parameters["weight"] = weight * mask.to(weight)  # type: ignore[assignment]  # a tensor serves
            if (bias := big._parameters.get("bias")) is not None:
                small._parameters["bias"] = bias
            result: Tensor = small(*inputs)
            return result

        return call

    def most(self, name: str, op: Op) -> int:
        """The channels that come out of an operation in the largest member, if they are its own."""
        if not makes_channels(op) and not isinstance(op, ops.Columns):
            return 0
        if name not in self.largest:
            raise SpaceError(f"{name}: the supernet of {self.space.name!r} has no such op")
        if isinstance(op, ops.Columns):
            return self.largest[name].op.width  # type: ignore[attr-defined,no-any-return]  # Columns
        most = self.largest[name]
        return most.op.shape(most.inputs)[0]

    def train(self, mode: bool = True) -> Supernet:
        super().train(mode)
        for small in self._narrow.values():
            self._tuned(small)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Supernet:
        self._programs.clear()  # the constants in it are of another device or type
        self._narrow.clear()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def _program(self, arch: Arch) -> tuple[tuple[Step, ...], int, int]:
        """The execution list of a member."""
        known = self._programs.get(arch)
        if known is None:
            whole = self.graph(arch)
            layouts = self._layouts(whole)
            calls: list[Callable[..., Tensor] | None] = []
            for node in whole.nodes:
                if isinstance(node.op, Input):
                    calls.append(None)
                else:
                    shapes = whole.shapes_into(node)
                    calls.append(self.narrow(node, shapes, layouts[node.inputs[0]]))
            known = self._programs[arch] = schedule(whole, calls)
            if len(self._programs) > _PROGRAMS:
                self._programs.popitem(last=False)
        else:
            self._programs.move_to_end(arch)
        return known

    def _layouts(self, whole: Graph) -> list[Layout]:
        found: list[Layout] = []
        for node in whole.nodes:
            if isinstance(node.op, Input):
                found.append(((whole.input[0], whole.input[0]),))
                continue
            inputs = [found[i] for i in node.inputs]
            most = self.most(node.name, node.op)
            found.append(layout_of(node.name, node.op, inputs, whole.shapes_into(node), most))
        return found

    def _parts(self, whole: Graph) -> dict[str, dict[str, Cuts]]:
        """For each operation with weights, the part of each that a member uses."""
        layouts = self._layouts(whole)
        return {
            node.name: self._cuts(node, whole.shapes_into(node), layouts[node.inputs[0]])
            for node in whole.nodes
            if node.name in self.largest
        }

    def _cuts(self, node: Node, shapes: Sequence[Shape], layout: Layout) -> dict[str, Cuts]:
        most = self.largest[node.name]
        have = {**most.op.weights(most.inputs), **most.op.buffers(most.inputs)}
        want = {**node.op.weights(shapes), **node.op.buffers(shapes)}
        try:
            return {key: cuts(node.op, key, have[key], want[key], layout) for key in want}
        except SpaceError as error:
            raise SpaceError(f"{node.name}: {error}") from None

    def _leaf(self, node: Node, shapes: tuple[Shape, ...]) -> nn.Module:
        """A module for an operation whose weights come from elsewhere."""
        small = self._narrow.get((node.op, shapes))
        if small is None:
            if len(self._narrow) >= _LEAVES:
                self._narrow.clear()
            small = self._tuned(leaf(node, list(shapes), None))
            one = next(self.parameters(), None)
            for key, value in small._buffers.items():
                if value is not None and not value.is_meta and one is not None:
                    kind = one.dtype if value.is_floating_point() else value.dtype
                    small._buffers[key] = value.to(one.device, kind)
            self._narrow[node.op, shapes] = small
        return small

    def _tuned(self, small: nn.Module) -> nn.Module:
        """A narrow operation in the mode of the supernet, with its source of dropout."""
        if isinstance(small, Dropout):
            small.generator = self._dropout.generator
        return small.train(self.training)


_Binding = tuple[dict[str, Any], dict[str, Any], str, Cuts]  # where to, where from, name, part


class _Bound:
    """A small operation that borrows its part of the shared weights each time that it runs."""

    __slots__ = ("_bindings", "_copies", "_module", "_views")

    def __init__(self, module: nn.Module, bindings: Sequence[_Binding]) -> None:
        self._module = module
        self._bindings = tuple(bindings)
        # Running statistics that are a copy must be written back.
        self._copies = tuple(b for b in bindings if b[3].gathers and b[2].startswith("running_"))
        self._views: dict[str, tuple[int, Tensor]] = {}

    def __call__(self, *inputs: Tensor) -> Tensor:
        recorded = torch.is_grad_enabled()  # then a view belongs to the step it is made in
        for there, here, key, cut in self._bindings:
            whole = here[key]
            if not cut:
                there[key] = whole
            elif recorded or cut.gathers:
                there[key] = cut.of(whole)
            else:
                there[key] = self._view(key, whole, cut)
        result: Tensor = self._module(*inputs)
        if self._copies and self._module.training:
            for there, here, key, cut in self._copies:
                cut.put(here[key], there[key])
        return result

    def _view(self, key: str, whole: Tensor, cut: Cuts) -> Tensor:
        """A part that is kept for as long as the weight lies where it lies."""
        place, view = self._views.get(key, (0, whole))
        if place != whole.data_ptr():
            place, view = self._views[key] = whole.data_ptr(), cut.of(whole)
        return view


def _holder(module: nn.Module, key: str) -> dict[str, Any]:
    """Where a module keeps a weight or a running statistic."""
    return module._parameters if key in module._parameters else module._buffers
