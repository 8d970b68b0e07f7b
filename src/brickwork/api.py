"""``brickwork.search``: the whole way, from data and a device to a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from brickwork.campaign import Campaign, Watch
from brickwork.config import AUTO, Run, task_for
from brickwork.dossier import write_report
from brickwork.engine.executors import usable_cores
from brickwork.errors import DataError
from brickwork.objective import parse_duration
from brickwork.study import Study
from brickwork.tasks.task import Task

__all__ = ["carry_out", "search"]


def search(
    data: Any,
    target: str = "cpu",
    budget: str | float = "10m",
    seed: int = 0,
    *,
    limits: Sequence[str] = (),
    objectives: Sequence[str] = (),
    space: str = AUTO,
    strategy: str = "auto",
    task: str = AUTO,
    label: str = "",
    group: str = "",
    test: str | Path = "",
    series: str = "",
    front_end: str = "",
    augment: str = "",
    positive: str = "",
    max_trials: int | None = None,
    workers: int | None = None,
    control: bool = False,
    warm_start: bool = False,
    sensitivity: float | None = None,
    study: str | Path | None = None,
    watch: Watch | None = None,
    inline: bool = False,
) -> Study:
    """Search the best networks for some data on a device.

    Run again with the same arguments and the same study folder it goes on where it stopped.

    Args:
        data: A path, the name of embedded data (``"digits"``), arrays ``(x, y)``, or a mapping of
            arrays with the keys of a supported ``.npz`` file; a data frame, if ``label`` is given.
        target: Name of a target, or a TOML file that describes one.
        budget: Time for all of it, in seconds or such as ``"10m"``.
        seed: Determines splits, proposals and training.
        limits: Hard limits, such as ``"latency_ms<=20"``; those of the target hold besides.
        objectives: Metrics to improve; by default accuracy and what costs most on the target.
        space: Name of the space; by default the usual one of the task.
        strategy: Name of the strategy.
        task: Name of the task; by default what the data look like.
        label: Of a table, the column that is to be told.
        group: The column or array that says what a sample is of, such as a patient or a speaker, or
            a pattern that finds it in the names of files: samples of one group stay in one split.
        test: Of a table or of texts, a file like the data with the test split; of sounds and
            series in arrays, a rule that says which are it, such as ``"index<5"``.
        series: Of a table with a row for each time, the column that says of which series it is;
            ``"wide"`` for a table with a row for each series.
        front_end: Of sounds, settings of what comes before the network, such as
            ``"window=25ms,hop=20ms,mels=32"``.
        augment: Which random changes training makes to samples: ``"none"``, or of images
            ``"mirror"`` or ``"no-mirror"``; by default what is usual for such data (a note says
            what that is).
        positive: Of two classes, the one that is to be found, of which sensitivity, specificity and
            thresholds tell; by default the second in order.
        max_trials: The most trials that are trained.
        workers: Processes that train at once; by default one for each usable core.
        control: Whether a random search with the same budget is run beside.
        warm_start: Whether final trainings begin with the weights of the supernets that the
            strategy trained.
        sensitivity: Of two classes, the part of the positive that is to be found, such as 0.95. The
            threshold for it is chosen on the validation split, which final trainings then do not
            learn from; the test split tells what it is worth.
        study: The study's folder; by default below ``studies``.
        watch: Told what happens.
        inline: Whether to work in this process only (slower, easier to debug).

    Raises:
        BrickworkError: Something given cannot be used; the message says what to do.
    """
    run = Run.of(
        data=data if isinstance(data, str) else str(data) if isinstance(data, Path) else "arrays",
        task=task,
        reading=_given(
            label=label,
            group=group,
            test=str(test),
            series=series,
            front_end=front_end,
            augment=augment,
            positive=positive,
        ),
        target=str(target),
        space=space,
        strategy=strategy,
        objectives=tuple(objectives),
        limits=tuple(limits),
        budget_s=parse_duration(budget),
        max_trials=max_trials,
        seed=seed,
        workers=_workers(workers, inline),
        control=control,
        warm_start=warm_start,
        sensitivity=sensitivity,
    )
    arrays = None if isinstance(data, str | Path) else data
    return carry_out(run, Path(study) if study else _folder(run), arrays, watch, inline)


def carry_out(
    run: Run, folder: Path, arrays: Any = None, watch: Watch | None = None, inline: bool = False
) -> Study:
    """Do a run in a folder, write its report, and return the study.

    Raises:
        BrickworkError: As ``search``.
    """
    task = task_for(run, arrays)
    if run.sensitivity is not None:
        _two_or_raise(task)
    try:
        Campaign(run, task, folder, watch, inline).carry_out()
    except KeyboardInterrupt:
        write_report(Study(folder))
        raise
    study = Study(folder)
    write_report(study)
    return study


def _two_or_raise(task: Task) -> None:
    """Check that a threshold can be chosen.

    Raises:
        DataError: There are not two classes, or the validation split lacks the second.
    """
    kind, names = task.answers["kind"], task.classes
    if kind != "classes" or len(names) != 2:
        raise DataError(
            f"--sensitivity is for two classes, and {task.name} has {len(names)} "
            f"({kind}): leave it out"
        )
    if not (task.arrays("val")[1] == 1).any():
        raise DataError(
            f"{task.name}: the validation split has no sample of {names[1]!r}, by which a "
            "threshold for --sensitivity could be chosen: leave it out, or give others"
        )


def _given(**settings: str) -> dict[str, str]:
    """The settings that are not empty."""
    return {name: value for name, value in settings.items() if value}


def _workers(asked: int | None, inline: bool) -> int:
    if inline:
        return 1
    return usable_cores() if asked is None else asked


def _folder(run: Run) -> Path:
    """Where a study goes that was given no folder."""
    stem = Path(run.data).stem or "study"
    return Path("studies") / f"{stem}-{Path(run.target).stem}-{run.seed}"
