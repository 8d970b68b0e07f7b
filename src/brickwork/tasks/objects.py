"""What a user has in Python as arrays: data sets of PyTorch, those of Hugging Face that hold
pictures, sounds or series, and lists.

Each sample is asked for once, in order. What hands out random changes of its samples gives one
change of each: training changes samples anew each time, on its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.arrays import splits_of
from brickwork.tasks.rows import LABELS, SPLIT_NAMES

__all__ = ["as_arrays", "samples_of"]


def as_arrays(
    source: Any, reading: Mapping[str, str], notes: list[str] | None = None
) -> tuple[Any, Mapping[str, str]]:
    """Samples and labels of a data set as a dictionary of arrays; anything else as it is.

    Args:
        source: What a user handed in. A data set of PyTorch gives pairs of a sample and its label;
            one of Hugging Face has one column of samples and one of labels. A mapping of such has
            a split of each name.
        reading: How it is to be read; ``"label"`` is the column of labels.
        notes: Are told what was done to pictures.

    Returns:
        The data, and how what is left is to be read. Of a data set: ``x`` and ``y``, with what else
        is known of each sample; or ``x_train``, ``y_train`` and so on. Samples of several lengths
        are a list. Sounds have their sampling ``rate``.

    Raises:
        DataError: A sample cannot be used, or it is not clear which column holds what.
    """
    notes = [] if notes is None else notes
    label = reading.get("label", "")
    rest = {name: value for name, value in reading.items() if name != "label"}
    if _holds_samples(source):
        return _drawn(_read(source, label, "the given data set"), notes), rest
    if not isinstance(source, Mapping) or not any(map(_holds_samples, source.values())):
        return _drawn(_detached(source), notes), reading
    found: dict[str, Any] = {}
    for name, one in source.items():
        split = SPLIT_NAMES.get(str(name).lower())
        if split is None:
            continue
        if not _holds_samples(one):
            raise DataError(f"the {name} split is a {type(one).__name__}, others are data sets")
        read = _read(one, label, f"the {name} split")
        rate = read.pop("rate", None)
        found |= {f"{column}_{split}": values for column, values in read.items()}
        if rate != found.setdefault("rate", rate):
            raise DataError(f"the {name} split has {rate} samples a second")
    if "x_train" not in found:
        names = ", ".join(map(str, source))
        raise DataError(f"the given splits are called {names}: one must be 'train'")
    found = {name: value for name, value in found.items() if value is not None}
    return _drawn(found, notes), rest


def _detached(source: Any) -> Any:
    """Arrays in place of tensors, which may be on a device or have a gradient."""
    if isinstance(source, Mapping):
        return {name: _without_tensors(values) for name, values in source.items()}
    if isinstance(source, tuple | list) and len(source) == 2:
        return tuple(map(_without_tensors, source))
    return source


def _without_tensors(values: Any) -> Any:
    """An array in place of a tensor; in a list of samples, of each."""
    if hasattr(values, "detach"):
        return _values(values)
    if isinstance(values, list | tuple) and any(hasattr(one, "detach") for one in values):
        return [_values(one) for one in values]
    return values


def _drawn(source: Any, notes: list[str]) -> Any:
    """Arrays in place of pictures of PIL, of all splits in one form; anything else as it is.

    Raises:
        DataError: A picture is damaged, or they have several sizes.
    """
    if isinstance(source, tuple | list) and len(source) == 2:
        both = _drawn({"x": source[0], "y": source[1]}, notes)
        return source if both["x"] is source[0] and both["y"] is source[1] else tuple(both.values())
    if not isinstance(source, Mapping) or not any(map(_has_pictures, source.values())):
        return source
    from brickwork.tasks.pictures import drawn  # PIL is there: it made them

    splits = splits_of(source, "the given arrays")
    told = {y: _each(source[y]) for _, y in splits.values()}
    masked = all(_are_masks(told[y], source[x]) for x, y in splits.values())
    sizes = {s: [one.shape[1::-1] for one in told[y]] for s, (_, y) in splits.items() if masked}
    pictures = {split: source[x] for split, (x, _) in splits.items()}
    made = drawn(pictures, notes, _GIVEN, sizes, as_stored=masked)
    done = dict(source)
    for split, (x, y) in splits.items():
        if _has_pictures(source[x]):
            done[x] = _stacked(map(_values, made[split]), f"{_GIVEN}, {x}")
        if _has_pictures(source[y]):
            done[y] = _stacked(told[y], f"{_GIVEN}, {y}")
    return done


def _each(labels: Any) -> list[NDArray[Any]]:
    return [_values(one) for one in labels] if np.iterable(labels) else []


def _are_masks(labels: list[NDArray[Any]], samples: Any) -> bool:
    return len(labels) == len(samples) and all(one.ndim > 1 for one in labels)


def _has_pictures(values: Any) -> bool:
    """Whether some of the samples are pictures of PIL."""
    pil = sys.modules.get("PIL.Image")  # nobody has one who has not imported it
    if pil is None or not isinstance(values, list | tuple):
        return False
    return any(isinstance(one, pil.Image) for one in values)


def samples_of(x: Any, where: str) -> Any:
    """Samples that came without labels, as arrays.

    Args:
        x: An array or tensor, a list of such, of texts, or of rows.
        where: What they are called, for messages.

    Returns:
        Numbers ``(n, ...)``; a list of arrays where series have several lengths; rows with texts or
        gaps as objects ``(n, columns)``, texts as objects ``(n,)``.

    Raises:
        DataError: Samples differ in more than their length.
    """
    if _has_pictures(x):
        from brickwork.tasks.pictures import drawn

        x = drawn({"train": x}, [], where, as_stored=True)["train"]
    listed = isinstance(x, list | tuple) or (isinstance(x, np.ndarray) and x.ndim == 1)
    if listed and len(x) and all(map(_has_parts, x)):
        return _of_parts(x, where)
    array = _values(x)
    return array.astype(object) if array.dtype.kind in "US" else array


def _has_parts(sample: Any) -> bool:
    if isinstance(sample, str | bytes):
        return False
    return isinstance(sample, Sequence) or getattr(sample, "ndim", 0) > 0


def _of_parts(samples: Sequence[Any], where: str) -> Any:
    """Samples that are arrays, tensors, or numbers and texts in lists."""
    try:
        arrays = [_values(sample) for sample in samples]
    except ValueError:
        raise DataError(f"{where}: a sample is a list of lists of several lengths") from None
    if not any(array.dtype.kind in "USO" for array in arrays):
        return _stacked(arrays, where)
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) > 1 or len(shapes[0]) > 1:
        shown = " and ".join(map(str, shapes[:2]))
        raise DataError(f"{where}: rows of texts have the shapes {shown}: give all as many cells")
    table = np.empty((len(samples), *shapes[0]), object)
    for row, sample in zip(table, samples, strict=True):
        row[:] = [*sample]
    return table


def _holds_samples(source: Any) -> bool:
    return _is_torch(source) or (_is_columns(source) and bool(_wide_columns(source)))


def _is_torch(source: Any) -> bool:
    torch = sys.modules.get("torch")  # nobody has a data set of it who has not imported it
    return torch is not None and isinstance(source, torch.utils.data.Dataset)


def _is_columns(source: Any) -> bool:
    """Whether it is a data set of Hugging Face."""
    return hasattr(source, "column_names") and hasattr(source, "features")


def _wide_columns(source: Any) -> list[str]:
    """The columns whose values are more than a number or a text."""
    if not hasattr(source, "__len__"):
        raise DataError(f"{type(source).__name__}: {_STREAMS}")
    first = source[0] if len(source) else {}
    plain = str | bytes | bool | int | float | np.generic | None
    return [name for name, value in first.items() if not isinstance(value, plain)]


def _read(source: Any, label: str, where: str) -> dict[str, Any]:
    return _of_columns(source, label, where) if _is_columns(source) else _of_pairs(source, where)


def _of_pairs(source: Any, where: str) -> dict[str, Any]:
    """A data set of PyTorch."""
    if not hasattr(source, "__len__"):
        raise DataError(f"{where}: {_STREAMS}")
    x, y = [], []
    for i in range(len(source)):
        item = source[i]
        if not isinstance(item, Sequence) or isinstance(item, str) or len(item) != 2:
            raise DataError(
                f"{where}: sample {i} is a {type(item).__name__}, expected a pair (sample, label)"
            )
        x.append(item[0])
        y.append(item[1])
    return {
        "x": _samples(x, where),
        "y": y if _has_pictures(y) else _stacked(map(_values, y), f"{where}, labels"),
    }


def _of_columns(source: Any, label: str, where: str) -> dict[str, Any]:
    """A data set of Hugging Face."""
    wide = _wide_columns(source)
    plain = [name for name in source.column_names if name not in wide]
    called = [name for name in plain if name.lower() in LABELS]
    classes = [name for name in plain if getattr(source.features[name], "names", None)]
    told = [label] if label else called or classes or plain
    if len(wide) != 1 or len(told) != 1 or told[0] not in plain:
        columns = ", ".join(source.column_names)
        raise DataError(
            f"{where}: of its columns {columns} one must hold samples (found: {', '.join(wide)}) "
            f"and one their labels (found: {', '.join(told) or 'none'}; --label names it)"
        )
    names = getattr(source.features[told[0]], "names", None)
    y = [names[v] if names and v is not None else v for v in source[told[0]]]
    if any(v is None for v in y):
        raise DataError(f"{where}: {told[0]!r} of sample {y.index(None)} is empty")
    beside = {name: np.asarray(source[name]) for name in plain if name != told[0]}
    return {**beside, **_with_rate(list(source[wide[0]]), where), "y": np.asarray(y)}


def _with_rate(values: list[Any], where: str) -> dict[str, Any]:
    """Samples, and how many values a second they have if they are sounds."""
    if hasattr(values[0], "get_all_samples"):  # a decoder of sounds
        values = [value.get_all_samples() for value in values]
        clips = [(value.data, value.sample_rate) for value in values]
    elif isinstance(values[0], Mapping) and {"array", "sampling_rate"} <= values[0].keys():
        clips = [(value["array"], value["sampling_rate"]) for value in values]
    else:
        return {"x": _samples(values, where)}
    rates = sorted({int(rate) for _, rate in clips})
    if len(rates) > 1:
        raise DataError(f"{where}: clips have {rates} samples a second: bring them to one rate")
    return {"x": [_values(clip) for clip, _ in clips], "rate": rates[0]}


def _samples(values: Sequence[Any], where: str) -> Any:
    if not values:
        raise DataError(f"{where}: there are no samples")
    if _has_pictures(values):
        return values  # they are drawn when those of all splits are known
    return _stacked(map(_values, values), where)


def _values(sample: Any) -> NDArray[Any]:
    """One sample: an array, a tensor, numbers in lists, or a picture as it is stored."""
    if hasattr(sample, "detach"):
        sample = sample.detach().cpu()
        half = str(sample.dtype) == "torch.bfloat16"  # NumPy has no such numbers
        sample = (sample.float() if half else sample).numpy()
    return np.asarray(sample)


def _stacked(samples: Iterable[NDArray[Any]], where: str) -> Any:
    """One array, or a list where samples have several lengths.

    Raises:
        DataError: They differ in more than their length.
    """
    arrays = list(samples)
    for i, array in enumerate(arrays):
        if array.dtype.kind not in "buifUS" or array.ndim != arrays[0].ndim:
            raise DataError(
                f"{where}: sample {i} is {array.dtype} of shape {array.shape}, the first is "
                f"{arrays[0].dtype} of shape {arrays[0].shape}"
            )
    shapes = {array.shape for array in arrays}
    if len(shapes) == 1:
        return np.stack(arrays)
    if arrays[0].ndim > 2 or (arrays[0].ndim == 2 and min(map(min, shapes)) > _SERIES):
        first, second = sorted(shapes)[:2]
        raise DataError(
            f"{where}: samples have several shapes, such as {first} and {second}: bring them to one"
        )
    return arrays


_GIVEN = "the given images"
_STREAMS = "it has no length, and streams cannot be split: give a data set that is loaded"
_SERIES = 32  # channels; with more on both axes, samples of two axes are pictures
