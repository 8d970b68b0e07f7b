"""``brickwork.search``: the whole way, from data and a device to a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from brickwork.campaign import Campaign, Watch
from brickwork.config import AUTO, Run, parse_duration, task_for
from brickwork.dossier import write_report
from brickwork.engine.executors import usable_cores
from brickwork.study import Study

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
    max_trials: int | None = None,
    workers: int | None = None,
    control: bool = False,
    warm_start: bool = False,
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
        group: Of a table the column, of arrays another of them, that says what a sample is of, such
            as a patient or a speaker: what is of one group stays in one split.
        test: Of a table or of texts, a file like the data with the test split; of sounds and
            series in arrays, a rule that says which are it, such as ``"index<5"``.
        series: Of a table with a row for each time, the column that says of which series it is.
        front_end: Of sounds, settings of what comes before the network, such as
            ``"window=25ms,hop=20ms,mels=32"``.
        max_trials: The most trials that are trained.
        workers: Processes that train at once; by default one for each usable core.
        control: Whether a random search with the same budget is run beside.
        warm_start: Whether final trainings begin with the weights of the supernets that the
            strategy trained.
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
            label=label, group=group, test=str(test), series=series, front_end=front_end
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
    try:
        Campaign(run, task, folder, watch, inline).carry_out()
    except KeyboardInterrupt:
        write_report(Study(folder))
        raise
    study = Study(folder)
    write_report(study)
    return study


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
