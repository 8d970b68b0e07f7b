"""Class definitions as text, laid out as ruff and black would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from brickwork.export.source.definition import Chain, Definition, Piece, plain
from brickwork.export.source.pieces import buffered, constructor, expression, slots
from brickwork.export.source.tree import Leaf
from brickwork.space import Normalize

__all__ = ["WIDTH", "Call", "buffers", "class_lines", "layout"]

WIDTH = 88
"""The line length that formatters keep unless told otherwise."""

_JOINS = ("add", "attend", "concat", "masked_mean", "multiply")


@dataclass(frozen=True, slots=True)
class Call:
    """A call in source: what is called, and each argument's name (or nothing) and value."""

    head: str
    arguments: tuple[tuple[str, str | Call], ...]

    def __str__(self) -> str:
        return f"{self.head}({', '.join(f'{name}{value}' for name, value in self.arguments)})"


def layout(prefix: str, call: Call, suffix: str = "", indent: int = 0) -> Iterator[str]:
    """The lines of a statement that holds one call: on one line, else its arguments on the next,
    else each on its own.
    """
    space = " " * indent
    if len(line := f"{space}{prefix}{call}{suffix}") <= WIDTH:
        yield line
        return
    yield f"{space}{prefix}{call.head}("
    inner = f"{space}    " + ", ".join(f"{name}{value}" for name, value in call.arguments)
    if len(inner) <= WIDTH:
        yield inner
    else:
        for name, value in call.arguments:
            if isinstance(value, Call):
                yield from layout(name, value, ",", indent + 4)
            else:
                yield f"{space}    {name}{value},"
    yield f"{space}){suffix}"


def class_lines(definition: Definition) -> Iterator[str]:
    """The lines of a class."""
    yield f"class {definition.name}(nn.Module):"
    yield from _docstring(definition)
    yield ""
    arguments = [("", "self")]
    for param in definition.params:
        default = "" if param.default is None else f" = {param.default}"
        arguments.append(("", f"{param.name}: {param.type}{default}"))
    yield from layout("def ", Call("__init__", tuple(arguments)), " -> None:", 4)
    yield "        super().__init__()"
    for name, piece in definition.pieces_in_order():
        yield from _assignment(definition, name, piece)
    yield ""
    yield from _forward(definition)


def _docstring(definition: Definition) -> Iterator[str]:
    if definition.name == "Net":
        yield '    """The network: raw values in, logits out."""'
        return
    names = [name for name, _ in definition.pieces_in_order()]
    optional = definition.merged.optional
    words = [f"{name} (optional)" if name in optional else name for name in names]
    text = ", ".join(words) if len(words) > 1 else words[0]
    line = f'    """{text[0].upper()}{text[1:]}."""'.replace("_", " ")
    yield line if len(line) <= WIDTH else f'    """{len(names)} operations."""'


def buffers(leaf: Leaf, name: str) -> Iterator[str]:
    """What the constructor does for a normalisation with constants for each channel."""
    op = leaf.node.op
    if not isinstance(op, Normalize) or not buffered(op):
        return
    ones = ", 1" * (len(leaf.node.shape) - 1)
    for which, values in (("mean", op.mean), ("std", op.std)):
        yield from _tensor(which, [repr(float(value)) for value in values])
        register = Call(
            "self.register_buffer",
            (
                ("", f'"{name}_{which}"'),
                ("", f"{which}.reshape(-1{ones})"),
                ("", "persistent=False"),
            ),
        )
        yield from layout("", register, "", 8)


def _tensor(name: str, values: Sequence[str]) -> Iterator[str]:
    """A tensor of constants, in a constructor."""
    row = f"[{', '.join(values)}]"
    if len(row) <= WIDTH - 12:
        yield from layout(f"{name} = ", Call("torch.tensor", (("", row),)), "", 8)
    else:
        yield f"        {name} = torch.tensor("
        yield from [
            "            [",
            *(f"                {value}," for value in values),
            "            ]",
        ]
        yield "        )"


def _attribute(name: str) -> str:
    return f"self.{name}" if plain(name) else f'self._modules["{name}"]'


def _construct(piece: Piece, texts: Iterator[str]) -> Call | None:
    """The call that makes a piece; takes one text for each of its slots."""
    if isinstance(piece, Leaf):
        values = {slot.label: next(texts) for slot in slots(piece)}
        made = constructor(piece, values)
        return None if made is None else Call(made[0], tuple(("", a) for a in made[1]))
    if isinstance(piece, Chain):
        inner = [_construct(part, texts) for part in piece.pieces]
        counted = piece.names[0].isdigit()
        return Call(
            "nn.Sequential" if counted else "chain",
            tuple(
                ("" if counted else f"{name}=", call)
                for name, call in zip(piece.names, inner, strict=True)
                if call is not None
            ),
        )
    params = piece.definition.params
    arguments = []
    for param, text in zip(params, texts, strict=False):
        if text != param.default:
            named = "" if param.role and param.default is None else f"{param.name}="
            arguments.append((named, text))
    return Call(piece.definition.name, tuple(arguments))


def _assignment(definition: Definition, name: str, piece: Piece) -> Iterator[str]:
    """What the constructor of a class does for one statement."""
    condition = definition.conditions.get(name)
    call = _construct(piece, iter(definition.texts[name]))
    if call is None:
        if isinstance(piece, Leaf):
            yield from buffers(piece, name)
        if condition is not None:
            yield f"        self.{condition} = {condition}"
    elif condition is None:
        yield from layout(f"{_attribute(name)} = ", call, "", 8)
    else:
        kind = ": nn.Module" if plain(name) else ""
        yield f"        {_attribute(name)}{kind} = nn.Identity()"
        yield f"        if {condition}:"
        yield from layout(f"{_attribute(name)} = ", call, "", 12)


def _forward(definition: Definition) -> Iterator[str]:
    scope = definition.members[0][0]
    names = [f"x{i}" for i in range(len(scope.inputs))] if len(scope.inputs) > 1 else ["x"]
    signature = ", ".join(f"{name}: Tensor" for name in names)
    yield f"    def forward(self, {signature}) -> Tensor:"
    statements = [
        (outline.name, [s if isinstance(s, str) else -1 - s for s in outline.inputs])
        for outline in definition.merged.outlines
    ]
    if (short := _nested(definition, names[0], statements)) is not None:
        yield f"        return {short}"
        return
    last_read = {s: i for i, (_, sources) in enumerate(statements) for s in sources}
    variable: dict[str | int, str] = dict(enumerate(names))
    for i, (name, sources) in enumerate(statements):
        inputs = [variable[s] for s in sources]
        text = _expression(definition, name, inputs)
        if i == len(statements) - 1:
            yield f"        return {text}"
            return
        dying = [variable[s] for s in dict.fromkeys(sources) if last_read[s] == i]
        alive = {variable[s] for s in variable if last_read.get(s, -1) > i}
        wish = [*dying[:1], *_wishes(definition, name, statements[last_read[name]][0])]
        variable[name] = next(w for w in wish if w not in alive)
        yield f"        {variable[name]} = {text}"


def _nested(
    definition: Definition, first: str, statements: Sequence[tuple[str, list[str | int]]]
) -> str | None:
    """A short chain as one expression; None for others."""
    text = first
    for i, (name, sources) in enumerate(statements):
        if sources != [statements[i - 1][0] if i else 0] or name in definition.conditions:
            return None
        text = _expression(definition, name, [text])
    return text if len(statements) <= 3 and len(text) <= WIDTH - 16 else None


def _wishes(definition: Definition, name: str, reader: str) -> list[str]:
    """Names for a new variable: what is joined to something else is called after what made it."""
    piece = definition.pieces[reader]
    joined = isinstance(piece, Leaf) and piece.node.op.kind in _JOINS
    own = [name] if joined and name.isidentifier() and plain(name) else []
    return [*own, "y", "z", *(f"y{i}" for i in range(2, len(definition.pieces) + 3))]


def _expression(definition: Definition, name: str, inputs: Sequence[str]) -> str:
    piece = definition.pieces[name]
    condition = definition.conditions.get(name)
    if not isinstance(piece, Leaf) or _is_module(definition, name):
        return f"{_attribute(name)}({', '.join(inputs)})"
    text = expression(piece, inputs, name)
    return text if condition is None else f"{text} if self.{condition} else {inputs[0]}"


def _is_module(definition: Definition, name: str) -> bool:
    return _construct(definition.pieces[name], iter(definition.texts[name])) is not None
