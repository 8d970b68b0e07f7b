"""``card.md``: what a person must know to use a model, beside its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from brickwork.export.answers import by_class, called, gives_numbers, meaning, named, not_for
from brickwork.quantity import METRICS, Quantity

__all__ = ["write_card"]

_WHAT = {
    "model.py": "plain PyTorch source",
    "weights.safetensors": "weights for model.py",
    "model.onnx": "ONNX, float32",
    "model.int8.onnx": "ONNX, int8 weights and uint8 activations (QDQ), {how}",
    "model.tflite": "TensorFlow Lite (LiteRT), float32",
    "model.int8.tflite": "TensorFlow Lite (LiteRT, TensorFlow Lite Micro), int8 in and out",
    "model_data.h": "the bytes of model.int8.tflite, for an Arduino sketch",
    "model.c": "the int8 network in C99, without dependencies",
    "model.h": "its interface",
    "model.pte": "ExecuTorch (XNNPACK), float32, one sample a call",
    "model.xml": "OpenVINO, float32",
    "model.bin": "weights for model.xml",
    "prepare.py": "how a raw sample becomes an input; needs numpy",
    "prepare.json": "what it was learned from the training samples for that",
    "front_end.c": "the same in C99, for a microcontroller",
    "front_end.h": "its interface",
    "golden.npz": "raw inputs and what they gave",
    "arch.json": "the architecture, op by op",
    "verification.json": "what was verified, in full",
}

_OWN = (
    "written from the quantised network of all int8 files; weights have seven bits where ONNX "
    "Runtime adds products in pairs"
)
_FOREIGN = "by ONNX Runtime's quantiser, as TensorFlow Lite has no such integers"

_FIRST = ("accuracy", "auc", "dice", "r2", "rmse")
_SHOWN = 3  # scores of each file; all of them stand in verification.json

_PYTHON = """```python
import torch
from model import load          # model.py; needs torch and safetensors

net = load()
with torch.inference_mode():
    {answers} = net(x)             # x: torch.float32, {shape}
```
Run `python model.py` to compare it with `golden.npz` (needs numpy)."""

_ONNX = """```python
import onnxruntime as ort

session = ort.InferenceSession("{file}", providers=["CPUExecutionProvider"])
({answers},) = session.run(None, {{"input": x}})  # x: numpy.float32, {shape}
```"""


_TFLITE = """```python
from ai_edge_litert.interpreter import Interpreter

net = Interpreter("{file}")
net.allocate_tensors()
net.set_tensor(net.get_input_details()[0]["index"], x)   # {what}
net.invoke()
y = net.get_tensor(net.get_output_details()[0]["index"])
```"""

_EXECUTORCH = """```python
from executorch.runtime import Runtime

program = Runtime.get().load_program("model.pte")  # keep it: its methods do not
({answers},) = program.load_method("forward").execute([x])  # x: torch.float32, {shape}
```
In an app: `Module.load` of its Java, Kotlin, Swift or C++ library, with the XNNPACK back end."""

_OPENVINO = """```python
import openvino

net = openvino.Core().compile_model("model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
{answers} = net(x)[0]             # x: numpy.float32, {shape}
```
Without the hint, processors that can calculate in bfloat16, which is less exact."""


def write_card(info: Mapping[str, Any]) -> str:
    """The card of a model.

    Args:
        info: What is known, all of it optional: ``id``, ``task`` (a title), ``classes``,
            ``judge`` (of which kind answers are: see ``answers.meaning``), ``answers`` (what the
            outputs are), ``notes`` (on the data), ``learned`` (splits, of the weights), ``input``,
            ``output``, ``target`` (a title), ``limits`` (texts), ``metrics`` (quantities as JSON by
            name), ``splits`` (size and sha256 by name), ``recipe`` (settings by name), ``seed``,
            ``arch``, ``graph`` (hash), ``files`` (bytes and sha256 by name) and ``verification``
            (as ``Verification.to_json`` gives it).
    """
    sections = (_title, _numbers, _by_class, _files, _use, _data, _training, _verified, _caveats)
    return (
        "\n\n".join("\n".join(lines) for section in sections if (lines := list(section(info))))
        + "\n"
    )


def _title(info: Mapping[str, Any]) -> Iterator[str]:
    yield f"# Model {_text(info.get('id', 'without a name'))}"
    yield ""
    output = info.get("output") or [0]
    for_what = f" for {_text(info['task'])}" if info.get("task") else ""
    where = f", made for {_text(info['target'])}" if info.get("target") else ""
    yield f"A network{for_what}{where}, found, trained, exported and checked by Brickwork."
    yield ""
    if info.get("input"):
        raw = "raw values as in the data; the normalisation is part of the model"
        if "prepare.py" in (info.get("files") or {}):
            raw = "what `prepare.py` makes of a raw sample"
        yield f"- Input: float32, `{_batch(info['input'])}`, {raw}"
        yield f"- Output: {meaning(info, _batch(output))}"
    yield from named(info)
    if info.get("limits"):
        yield f"- Limits it had to keep: {', '.join(f'`{t}`' for t in info['limits'])}"


def _numbers(info: Mapping[str, Any]) -> Iterator[str]:
    verified = (info.get("verification") or {}).get("metrics", {})
    metrics = {
        **verified,
        **{k: q for k, q in info.get("metrics", {}).items() if k not in verified},
    }
    if not metrics:
        return
    yield "## Numbers"
    yield ""
    yield from _table(
        ("what", "value", "how it is known", "source"),
        [
            (
                METRICS[name].label if name in METRICS else name,
                _amount(quantity),
                str(quantity["how"]),
                quantity["source"],
            )
            for name, quantity in metrics.items()
        ],
    )
    if any(quantity["spread"] for quantity in metrics.values()):
        yield ""
        yield (
            "A number after ± is half the width of an 80 % interval; of a perfect score it is how "
            "far from perfect the truth may be, at 90 %."
        )


def _by_class(info: Mapping[str, Any]) -> Iterator[str]:
    tables = list(by_class(info))
    if not tables:
        return
    yield "## Number by number" if gives_numbers(info) else "## Class by class"
    yield ""
    verified = info["verification"]
    judged = f"`{verified['judged']}`{verified.get('when', '')}"
    yield f"What {judged}, by which the model is judged, says of the test split."
    for heads, *rows in tables:
        yield ""
        yield from _table([_text(head) for head in heads], rows)
    if verified["details"].get("points"):
        yield ""
        if _held_out(info):
            yield (
                "The threshold was chosen on the validation split, on which no weights were "
                "trained, for the sensitivity that was wanted; beside it stands what it gives on "
                "the test split. The second class is the positive one."
            )
        else:
            yield (
                "Thresholds are read off the test split, so they flatter: choose yours on data "
                "that the model has not seen (a search with `--sensitivity 0.95` keeps the "
                "validation split for that). The second class is the positive one."
            )


def _files(info: Mapping[str, Any]) -> Iterator[str]:
    files = info.get("files") or {}
    if not files:
        return
    yield "## Files"
    yield ""
    how = _OWN if info.get("integer") else _FOREIGN
    rows = [
        (
            f"`{name}`",
            f"{files[name]['bytes']:,}",
            what.format(how=how),
            f"`{files[name]['sha256'][:16]}`",
        )
        for name, what in _WHAT.items()
        if name in files
    ]
    yield from _table(("file", "bytes", "what it is", "sha256 begins"), rows)
    yield ""
    yield "`manifest.json` has the full checksums. Nothing here needs Brickwork."
    for reason in dict.fromkeys((info.get("left_out") or {}).values()):
        names = [f"`{name}`" for name, why in info["left_out"].items() if why == reason]
        yield ""
        yield f"Not exported as {' and '.join(names)}: {reason}."


def _use(info: Mapping[str, Any]) -> Iterator[str]:
    files = info.get("files") or {}
    shape = _batch(info.get("input") or ())
    if "model.py" in files:
        yield "## Use it from PyTorch"
        yield ""
        yield _PYTHON.replace("{shape}", shape).replace("{answers}", called(info))
    for name, title in (("model.onnx", "ONNX Runtime"), ("model.int8.onnx", "ONNX Runtime, int8")):
        if name in files:
            yield ""
            yield f"## Use it from {title}"
            yield ""
            yield _ONNX.format(file=name, shape=shape, answers=called(info))
    yield from _tflite(info, files)
    one = _batch(info.get("input") or ()).replace("batch", "1")
    for name, title, text, given in (
        ("model.pte", "ExecuTorch", _EXECUTORCH, one),
        ("model.xml", "OpenVINO", _OPENVINO, shape),
    ):
        if name in files:
            yield ""
            yield f"## Use it from {title}"
            yield ""
            yield text.replace("{shape}", given).replace("{answers}", called(info))


def _tflite(info: Mapping[str, Any], files: Mapping[str, Any]) -> Iterator[str]:
    """How to use the files of TensorFlow Lite, whose tensors are channels last."""
    last = [*(info.get("input") or [0])[1:], (info.get("input") or [0])[0]]
    if len(last) == 2:  # a sequence is an image of height 1
        last = [1, *last]
    shape = "[1, " + ", ".join(map(str, last)) + "]"
    if "model.tflite" in files:
        yield ""
        yield "## Use it from LiteRT"
        yield ""
        yield _TFLITE.format(file="model.tflite", what=f"numpy.float32, {shape}, channels last")
    meaning = info.get("integer")
    if meaning and {"model.int8.tflite", "model.c"} & set(files):
        yield ""
        yield "## Use it in integers"
        yield ""
        if "model.int8.tflite" in files:
            what = f"numpy.int8, {shape}, channels last"
            yield _TFLITE.format(file="model.int8.tflite", what=what)
            yield ""
        first, out = meaning["input"], meaning["output"]
        if meaning["bytes"]:
            yield "- Input: the raw byte less 128. The normalisation is part of the first layer."
        else:
            mean, std = [", ".join(f"{v:g}" for v in meaning[key]) for key in ("mean", "std")]
            yield (
                f"- Input: `round((x - mean) / std / {first['scale']:.8g}) + {first['zero']}`, "
                f"clipped to int8, with mean {mean} and std {std} (of all channels, or of each)"
            )
        if "model.c" in files:
            yield "- From C: `model.h` says how; `model_quantize` makes these integers."
        yield f"- Output: {called(info)} are `{out['scale']:.8g} * (q - {out['zero']})`"


def _data(info: Mapping[str, Any]) -> Iterator[str]:
    splits = info.get("splits") or {}
    if not splits:
        return
    yield "## Data"
    yield ""
    yield from _table(
        ("split", "samples", "sha256"),
        [(name, f"{s['size']:,}", f"`{s['sha256']}`") for name, s in splits.items()],
    )
    for note in info.get("notes", ()):
        yield ""
        yield f"- {_text(note)}"
    yield ""
    learned = "training data" if _held_out(info) else "training and validation data"
    yield (
        "The architecture was chosen on the validation split. The weights were trained on "
        f"{learned}. The test split was opened once, after that."
    )


def _training(info: Mapping[str, Any]) -> Iterator[str]:
    recipe, arch = info.get("recipe") or {}, (info.get("arch") or {}).get("choices", {})
    if not recipe and not arch:
        return
    yield "## How it was made"
    yield ""
    if recipe:
        settings = ", ".join(f"{_text(name)} {_text(value)}" for name, value in recipe.items())
        yield f"- Training settings: {settings}"
    if "seed" in info:
        yield f"- Seed of the study: {info['seed']}"
    if arch:
        choices = ", ".join(f"{_text(k)} = {_text(v)}" for k, v in sorted(arch.items()))
        yield f"- Decisions: {choices}"
    if info.get("graph"):
        yield f"- Hash of the graph: `{info['graph']}`"


def _verified(info: Mapping[str, Any]) -> Iterator[str]:
    yield "## Verification"
    yield ""
    checks = (info.get("verification") or {}).get("checks")
    if not checks:
        yield "The files were written but not verified: none was run and compared."
        return
    found = dict.fromkeys(name for check in checks for name in check["metrics"])
    first = [(info.get("judge") or {}).get("quality"), *_FIRST]
    qualities = [name for name in dict.fromkeys((*first, *found)) if name in found][:_SHOWN]
    same = ("variance kept", "kept") if gives_numbers(info) else ("same class", "agreement")
    heads = [f"{METRICS[n].label} on test" if n in METRICS else n for n in qualities]
    yield from _table(
        ("file", "samples", "largest difference", same[0], *heads, "latency here", "result"),
        [
            (
                f"`{check['file']}`",
                str(check["samples"]),
                "" if check["relative"] is None else f"{check['relative']:.1e}",
                "" if check.get(same[1]) is None else f"{100 * check[same[1]]:.2f} %",
                *(_amount(check["metrics"].get(name)) for name in qualities),
                _amount(check["latency"]),
                check["reason"] or "passed",
            )
            for check in checks
        ],
    )
    yield ""
    yield (
        "Each file was run in its own runtime on one thread (`model.py` in a Python without "
        "Brickwork) and compared, on so many samples, with the network as it was trained; "
        f"differences are relative to the largest of its {called(info)}. A latency here is that "
        "of one sample on the machine that did this, not on the device."
    )


def _caveats(info: Mapping[str, Any]) -> Iterator[str]:
    yield "## What it cannot do"
    yield ""
    for line in not_for(info):
        yield f"- {line}"
    if "model.int8.onnx" in (info.get("files") or {}):
        yield (
            "- The int8 file may differ by a rounding step between processors: run the golden "
            "vectors where you use it."
        )
    hows = {q["how"] for q in (info.get("metrics") or {}).values()}
    if hows & {"predicted", "estimated", "simulated"}:
        yield "- Numbers marked predicted, simulated or estimated were not observed on the device."


def _held_out(info: Mapping[str, Any]) -> bool:
    """Whether the weights were trained on training data only."""
    return "val" not in info.get("learned", ("val",))


def _batch(shape: Sequence[int]) -> str:
    return f"({', '.join(['batch', *map(str, shape)])})"


def _amount(data: Mapping[str, Any] | None) -> str:
    if data is None:
        return ""
    quantity = Quantity.from_json(data)
    spread = ""
    if quantity.spread:
        spread = f" ± {Quantity(quantity.spread, quantity.unit, quantity.how).text()}"
    return quantity.text() + spread


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join(' --- ' for _ in heads)}|"
    for row in rows:
        yield f"| {' | '.join(_cell(value) for value in row)} |"


def _cell(value: str) -> str:
    return " ".join(str(value).replace("|", "\\|").split())


def _text(value: Any) -> str:
    """A value in running text: one line, and nothing that Markdown would take for a tag."""
    return " ".join(str(value).replace("<", "&lt;").split())
