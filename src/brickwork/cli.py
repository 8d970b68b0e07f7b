"""The command line. Only this module and the report print."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brickwork.bench_command import bench, names_in
from brickwork.errors import BrickworkError

if TYPE_CHECKING:
    from brickwork.study import Study

__all__ = ["app", "main"]

app = typer.Typer(
    name="brickwork",
    help="Search neural networks that fit a device, and get them trained, exported and verified.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
StudyFolder = Annotated[Path, typer.Argument(help="Folder of the study.", metavar="STUDY")]


def main() -> None:
    """Run the command line; a known error is one line on stderr and exit code 2."""
    from brickwork.engine.executors import THREADS

    for name in THREADS:  # a predictor's matrices are small: more threads only wait for each other
        os.environ.setdefault(name, "1")
    try:
        app(standalone_mode=True)
    except BrickworkError as error:
        sys.stderr.write(f"brickwork: {' '.join(str(error).split())}\n")
        raise SystemExit(2) from None
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        sys.stderr.close()
        raise SystemExit(0) from None


@app.command()
def search(
    data: Annotated[
        str, typer.Argument(help="'digits', an .npz file, a table or a folder of class folders.")
    ],
    target: Annotated[str, typer.Option(help="Name of a target, or a TOML file.")] = "cpu",
    limit: Annotated[
        list[str] | None, typer.Option(help="Hard limit such as 'latency_ms<=20'; repeatable.")
    ] = None,
    objective: Annotated[
        list[str] | None, typer.Option(help="Metric to improve; repeatable.")
    ] = None,
    budget: Annotated[
        str, typer.Option(help="Time for search, retraining and export together.")
    ] = "10m",
    max_trials: Annotated[int | None, typer.Option(help="The most trials to train.")] = None,
    strategy: Annotated[str, typer.Option(help="See 'brickwork strategies'.")] = "auto",
    space: Annotated[str, typer.Option(help="See 'brickwork spaces'.")] = "auto",
    task: Annotated[str, typer.Option(help="See 'brickwork tasks'.")] = "auto",
    label: Annotated[str, typer.Option(help="Column of a table that is to be told.")] = "",
    group: Annotated[
        str, typer.Option(help="Column, or pattern in names of files: one patient, one split.")
    ] = "",
    test: Annotated[
        str, typer.Option(help="File like DATA with the test split; or such as 'index<5'.")
    ] = "",
    series: Annotated[
        str, typer.Option(help="Column that says of which series a row is; 'wide': one each.")
    ] = "",
    front_end: Annotated[
        str, typer.Option(help="For sounds, such as 'window=25ms,hop=20ms,mels=32'.")
    ] = "",
    augment: Annotated[
        str, typer.Option(help="Random changes in training: 'none', 'no-mirror' or 'mirror'.")
    ] = "",
    positive: Annotated[
        str, typer.Option(help="Of two classes, the one that is to be found.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Determines splits, proposals and training.")] = 0,
    workers: Annotated[
        int | None, typer.Option(help="Processes that train at once; default: usable cores.")
    ] = None,
    study: Annotated[
        Path | None, typer.Option(help="Folder of the study; run again to go on.")
    ] = None,
    control: Annotated[
        bool, typer.Option("--control", help="Run a random search of equal budget beside.")
    ] = False,
    warm_start: Annotated[
        bool,
        typer.Option("--warm-start", help="Final trainings begin with a supernet's weights."),
    ] = False,
    sensitivity: Annotated[
        float | None, typer.Option(help="Of two classes, the part of the positive to find.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search the best networks for DATA on a device."""
    from brickwork.api import search as run_search
    from brickwork.live import Live

    folder = study
    with Live(quiet=as_json) as live:
        try:
            found = run_search(
                data,
                target,
                budget,
                seed,
                limits=limit or (),
                objectives=objective or (),
                space=space,
                strategy=strategy,
                task=task,
                label=label,
                group=group,
                test=test,
                series=series,
                front_end=front_end,
                augment=augment,
                positive=positive,
                max_trials=max_trials,
                workers=workers,
                control=control,
                warm_start=warm_start,
                sensitivity=sensitivity,
                study=folder,
                watch=live,
            )
        except KeyboardInterrupt:
            live.interrupted()
            raise SystemExit(130) from None
    _show(found, as_json)


@app.command()
def resume(study: StudyFolder, as_json: AsJson = False) -> None:
    """Go on with a study that was interrupted.

    For more time search again with the same settings, --study and a larger --budget.
    """
    from brickwork.api import carry_out
    from brickwork.live import Live
    from brickwork.study import Study

    run = Study(study).run
    if run.data == "arrays":
        raise BrickworkError(
            f"{study} was made from arrays: call brickwork.search again with them in Python"
        )
    with Live(quiet=as_json) as live:
        try:
            found = carry_out(run, study, watch=live)
        except KeyboardInterrupt:
            live.interrupted()
            raise SystemExit(130) from None
    _show(found, as_json)


@app.command()
def front(study: StudyFolder, as_json: AsJson = False) -> None:
    """Print the front of a study."""
    from brickwork.study import Study

    _show(Study(study), as_json, brief=True)


@app.command()
def report(
    study: StudyFolder,
    out: Annotated[Path | None, typer.Option(help="Where to write it.")] = None,
) -> None:
    """Write the report of a study: one HTML page."""
    from brickwork.dossier import write_report
    from brickwork.study import Study

    typer.echo(write_report(Study(study), out))


@app.command()
def export(
    study: StudyFolder,
    model: Annotated[str, typer.Argument(help="Id of a model, or its beginning.")],
    to: Annotated[str, typer.Option(help="Formats, separated by commas; default: all.")] = "",
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("model"),
    softmax: Annotated[
        bool, typer.Option("--softmax", help="Files that give probabilities, not logits.")
    ] = False,
) -> None:
    """Copy the verified files of a model to a folder."""
    from brickwork.study import Study

    typer.echo(Study(study).model(model).export(out, names_in(to), softmax))


@app.command()
def verify(study: StudyFolder, as_json: AsJson = False) -> None:
    """Check the files of all models: hashes, and golden vectors in their runtimes."""
    from brickwork.export.verify import recheck
    from brickwork.study import Study

    found = {model.id: recheck(model.folder) for model in Study(study).front}
    if not found:
        raise BrickworkError(f"{study} has no exported models yet: resume it first")
    if as_json:
        _print_json(
            [{"id": key, "problems": value, "ok": not value} for key, value in found.items()]
        )
    else:
        for key, problems in found.items():
            typer.echo(f"{key}  {'; '.join(problems) if problems else 'ok'}")
    if any(found.values()):
        raise SystemExit(1)


@app.command()
def targets(as_json: AsJson = False) -> None:
    """List the known targets."""
    from brickwork.listing import target_rows

    _list(target_rows(), as_json)


@app.command()
def strategies(as_json: AsJson = False) -> None:
    """List the strategies."""
    from brickwork.listing import described
    from brickwork.names import STRATEGIES, SUPERNETS

    _list(described({**STRATEGIES, **SUPERNETS}, "strategy"), as_json)


@app.command()
def tasks(as_json: AsJson = False) -> None:
    """List the tasks."""
    from brickwork.listing import described
    from brickwork.names import TASKS

    _list(described(TASKS, "task"), as_json)


@app.command()
def spaces(as_json: AsJson = False) -> None:
    """List the spaces; sizes are for 3x32x32 images, else for series of 3x128 or rows of 16."""
    from brickwork.listing import space_rows

    _list(space_rows(as_json), as_json)


@app.command()
def cost(
    name: Annotated[
        str,
        typer.Argument(help="A space, a reference, a .tflite or .onnx file, or an arch.json."),
    ],
    target: Annotated[str, typer.Option(help="Name of a target, or a TOML file.")] = "cpu",
    input: Annotated[str, typer.Option(help="Shape of a sample, such as 3,224,224.")] = "",
    outputs: Annotated[int | None, typer.Option(help="Number of outputs.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a network costs on a target, without training it."""
    from brickwork.costs import cost_of

    found = cost_of(name, target, input, outputs)
    if as_json:
        _print_json(found)
        return
    from brickwork.live import cost_table

    cost_table(found)


@app.command()
def fit(
    measurements: Annotated[Path, typer.Argument(help="CSV: a column for networks; latency_ms.")],
    target: Annotated[
        str | None, typer.Option(help="What was measured: name of a target, or a TOML file.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="TOML to write, else named like the CSV.")
    ] = None,
    factor: Annotated[
        bool, typer.Option("--factor", help="Fit only one factor to the target's model.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fit a target's latency model to measurements, and show how far to trust it."""
    from brickwork.fit import fit_measurements

    found = fit_measurements(measurements, target, out, factor=factor)
    if as_json:
        _print_json(found)
        return
    from brickwork.live import fit_table

    fit_table(found)


@app.command()
def calibrate(
    folder: Annotated[Path, typer.Argument(help="Folder of the benchmark networks.")],
    target: Annotated[str, typer.Option(help="The board, or one like it: a target.")] = "",
    input: Annotated[str, typer.Option(help="Shape of a sample; default: 3,32,32.")] = "",
    networks: Annotated[int | None, typer.Option(help="How many; default: 32.")] = None,
    seed: Annotated[int | None, typer.Option(help="Chooses networks and weights.")] = None,
    read: Annotated[Path | None, typer.Option(help="CSV or log of what was measured.")] = None,
    here: Annotated[bool, typer.Option("--here", help="Measure on this machine.")] = False,
    name: Annotated[str, typer.Option(help="Of the target; default: the folder's.")] = "",
    title: Annotated[str, typer.Option(help="Of the target, for a person.")] = "",
    factor: Annotated[bool, typer.Option("--factor", help="As in 'brickwork fit'.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write benchmark networks for a board; with --read, make a target of their times there."""
    from brickwork.calibration import calibrate as run_calibrate
    from brickwork.live import Live, calibration_table

    with Live(quiet=as_json) as live:
        if here:
            live.phase("measuring", 0.0)
        found = run_calibrate(
            folder,
            target=target,
            input=input,
            networks=networks,
            seed=seed,
            read=read,
            here=here,
            name=name,
            title=title,
            factor=factor,
            step=live.step,
        )
    (_print_json if as_json else calibration_table)(found)


app.command()(bench)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Tell what this machine has: versions, cores, runtimes, extras, disk."""
    from brickwork.diagnosis import diagnose

    found = diagnose()
    if as_json:
        _print_json(found)
        return
    width = max(map(len, found))
    for key, value in found.items():
        typer.echo(f"{key:<{width}}  {value}")


def _list(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        _print_json(rows)
        return
    from brickwork.live import print_rows

    print_rows(rows)


def _show(study: Study, as_json: bool, brief: bool = False) -> None:
    if as_json:
        from brickwork.summary import summary

        _print_json(summary(study))
        return
    from brickwork.live import print_front

    print_front(study, brief)


def _print_json(data: Any) -> None:
    typer.echo(json.dumps(data, indent=2, allow_nan=False))
