"""The command ``brickwork bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["bench", "names_in"]


def names_in(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def bench(
    table: Annotated[Path, typer.Option(help="CSV with a column 'arch', or a JSON file.")],
    signal: Annotated[
        str,
        typer.Option(help="Column of the accuracy that a search sees; more for further seeds."),
    ],
    test: Annotated[str, typer.Option(help="Column of the accuracy that judges it.")],
    join: Annotated[list[Path] | None, typer.Option(help="Further columns; repeatable.")] = None,
    space: Annotated[str, typer.Option(help="nasbench201 or nasbenchmacro.")] = "nasbench201",
    cost: Annotated[str, typer.Option(help="Columns of known costs, separated by commas.")] = "",
    features: Annotated[str, typer.Option(help="Columns of scores known beforehand.")] = "",
    limit: Annotated[
        list[str] | None, typer.Option(help="Hard limit such as 'pixel2<=10'; repeatable.")
    ] = None,
    low: Annotated[
        list[str] | None, typer.Option(help="Low fidelity such as 0.06=COLUMN; repeatable.")
    ] = None,
    strategies: Annotated[str, typer.Option(help="Names, separated by commas.")] = "auto,random",
    peers: Annotated[str, typer.Option(help="Such as optuna-tpe,syne-mo-rea.")] = "",
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each.")] = 20,
    evals: Annotated[int, typer.Option(min=1, help="Evaluations of a run.")] = 200,
    workers: Annotated[int, typer.Option(min=1, help="Simulated workers.")] = 1,
    time: Annotated[
        str, typer.Option(help="Column of the seconds of a whole training; default: one second.")
    ] = "",
    json_: Annotated[
        Path | None, typer.Option("--json", help="Where to write the result; curves beside it.")
    ] = None,
) -> None:
    """Run strategies on a table of trained networks, beside other optimizers."""
    from brickwork.bench.protocol import header, lines
    from brickwork.benching import Asked, check_place, fidelities, protocol, write
    from brickwork.benching import bench as run_bench

    first, *again = names_in(signal) or ("",)
    asked = Asked(
        *(table, space, first, test, tuple(join or ()), names_in(cost), tuple(limit or ())),
        *(fidelities(low or []), evals, workers, tuple(again), names_in(features), time),
    )
    if json_ is not None:
        check_place(json_)
    names, others = names_in(strategies), names_in(peers)
    runs = run_bench(asked, names, others, seeds)
    how = protocol(asked, names, others, seeds)
    for remark in how["remarks"]:
        typer.echo(remark, err=True)
    found: dict[str, dict[str, Any]] = {}
    written: tuple[Path, ...] = ()
    for name, summary in runs:
        if not found:
            typer.echo(header(asked.marks))
        found[name] = summary
        for line in lines(name, summary):
            typer.echo(line)
        if json_ is not None:  # as each ends, so that an interruption loses little
            written = write(json_, how, found)
    for path in written:
        typer.echo(path)
