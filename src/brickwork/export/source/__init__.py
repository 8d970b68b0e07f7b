"""A network as plain PyTorch source: one class for each kind of block, no Brickwork needed."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from brickwork.devices.counts import macs, parameters
from brickwork.export.ending import LOGITS, answers
from brickwork.export.source.classes import definitions
from brickwork.export.source.flat import flat_lines
from brickwork.export.source.parts import PARTS, used
from brickwork.export.source.text import WIDTH, class_lines
from brickwork.export.source.tree import Irregular, scopes
from brickwork.space import Graph

__all__ = ["write_source"]

_TAIL = '''def load(path: str | Path = HERE / "weights.safetensors") -> Net:
    """The trained network, ready for inference."""
    net = Net()
    net.load_state_dict(load_file(path))
    return net.eval()


def check(path: str | Path = HERE / "golden.npz") -> float:
    """The largest difference to recorded outputs, relative to the largest of them."""
    import numpy as np

    golden = np.load(path, allow_pickle=False)
    expected = golden["logits"]
    with torch.inference_mode():
        found = load()(torch.from_numpy(golden["inputs"]).float()).numpy()
    return float(abs(found - expected).max() / abs(expected).max())


if __name__ == "__main__":
    difference = check()
    print(f"largest relative difference to golden.npz: {difference:.1e}")
    if not difference < 1e-3:
        raise SystemExit("the network does not reproduce golden.npz")'''


def write_source(
    graph: Graph, name: str, *, classes: Sequence[str] = (), numbers: bool = False
) -> str:
    """The source of ``model.py``.

    It holds a class ``Net`` whose state-dict keys are the graph's op names, ``load`` for the
    weights beside it, and ``check`` for the golden vectors. It needs torch and safetensors, takes
    raw values, and runs nothing when it is imported.

    Args:
        graph: The network.
        name: What it is called, for the docstring.
        classes: Names of the outputs.
        numbers: Whether they are numbers, not classes.

    Raises:
        ExportError: An op has no PyTorch form.
    """
    try:
        parts = ["\n".join(class_lines(definition)) for definition in definitions(scopes(graph))]
    except Irregular:
        parts = ["\n".join(flat_lines(graph))]
    what = "numbers" if numbers else answers(graph)
    parts = [part.replace("in, logits out", f"in, {what} out") for part in parts]
    tail = _TAIL.replace(LOGITS, answers(graph))  # what golden.npz calls them
    names = list(used("\n".join(parts)))
    head = "\n".join(_head(graph, name, what, classes, "chain" in names))
    return "\n\n\n".join([head, *(PARTS[name] for name in names), *parts, tail]) + "\n"


def _head(
    graph: Graph, name: str, what: str, classes: Sequence[str], chained: bool
) -> Iterator[str]:
    title = " ".join(name.split()) or "a network"
    yield from _wrapped(f'"""{title}: a network found, trained and exported by Brickwork.')
    yield ""
    yield from _wrapped(
        f"Input: float32 ``(batch, {', '.join(map(str, graph.input))})``, raw values; "
        "normalisation is part of the network."
    )
    yield from _wrapped(f"Output: {what} ``(batch, {', '.join(map(str, graph.output))})``.")
    if classes:
        yield from _wrapped(
            f"{'Numbers' if what == 'numbers' else 'Classes'}, in order: {', '.join(classes)}."
        )
    yield from _wrapped(
        f"Size: {parameters(graph):,} parameters, {macs(graph):,} multiply-accumulates a sample."
    )
    yield ""
    yield "Needs torch and safetensors; ``python model.py`` compares with golden.npz (numpy)."
    yield "Load the weights with ``load()``."
    yield '"""'
    yield ""
    yield from ["from __future__ import annotations", ""]
    if chained:
        yield "from collections import OrderedDict"
    yield from ["from pathlib import Path", "", "import torch"]
    yield from ["from safetensors.torch import load_file", "from torch import Tensor, nn", ""]
    yield "HERE = Path(__file__).resolve().parent"


def _wrapped(text: str) -> list[str]:
    """A paragraph of the docstring; nothing in it can end the docstring or start an escape."""
    harmless = text[3:] if (opens := text.startswith('"""')) else text
    harmless = harmless.replace("\\", "/").replace('"', "'")
    return textwrap.wrap(('"""' if opens else "") + harmless, WIDTH)
