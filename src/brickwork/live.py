"""What the command line shows: progress while it works, tables when it has ended."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live as RichLive
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from brickwork.announcing import Line
from brickwork.campaign import Watch
from brickwork.engine.loop import Progress as SearchProgress
from brickwork.objective import front
from brickwork.quantity import METRICS, How, Quantity
from brickwork.trial import State

if TYPE_CHECKING:
    from brickwork.study import Study

__all__ = ["Live", "calibration_table", "cost_table", "fit_table", "print_front", "print_rows"]

_ID = 8  # digits of a model's id; a beginning is enough to name it
_EVERY_S = 10.0  # between two lines where the output is no terminal
_PIPE = 200  # columns of a list where the output is no terminal

MARKS: Mapping[How, str] = {
    How.COUNTED: "",
    How.MEASURED: " m",
    How.SIMULATED: " s",
    How.PREDICTED: " p",
    How.ESTIMATED: " e",
    How.UNKNOWN: "",
}
"""How a number is known, behind the number in a table."""


class Live(Watch):
    """Shows a campaign at work on stderr: live in a terminal, a line now and then elsewhere.

    Args:
        quiet: Show nothing.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet)
        self._bar = Progress(
            TextColumn("{task.description:>14}"),
            BarColumn(36),
            TextColumn("{task.fields[left]}"),
            console=self._console,
        )
        self._line = Text()
        self._live = RichLive(
            Group(self._bar, self._line), console=self._console, refresh_per_second=4
        )
        self._task: Any = None
        self._name = ""
        self._seconds = 0.0
        self._began = self._said = time.monotonic()
        self._last: SearchProgress | None = None

    def __enter__(self) -> Live:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def recognised(self, lines: Sequence[Line]) -> None:
        width = self._console.width if self._console.is_terminal else _PIPE
        margin = max(len(line.head) for line in lines) + 2
        for line in lines:
            first = f"{line.head:<{margin}}"
            text = fill(line.text, width, initial_indent=first, subsequent_indent=" " * margin)
            self._console.print(
                Text(text, style="bold yellow" if line.warning else ""), soft_wrap=True
            )
        self._console.print()

    def phase(self, name: str, seconds: float) -> None:
        self._name, self._seconds = name, seconds
        self._began = time.monotonic()
        self._said = 0.0
        if self._task is not None:
            self._bar.update(self._task, completed=1.0, total=1.0, left="done")
        self._task = self._bar.add_task(name, total=1.0, left=f"{seconds:.0f} s")

    def searched(self, progress: SearchProgress) -> None:
        self._last = progress
        left = max(0.0, self._seconds - progress.elapsed_s)
        part = min(1.0, progress.elapsed_s / max(self._seconds, 1e-9))
        self._bar.update(self._task, completed=part, left=f"{left:.0f} s left")
        now = time.monotonic()
        if self._console.is_terminal:
            if now - self._said > 0.25:
                self._said = now
                self._line.plain = _counts(progress)
        elif now - self._said > _EVERY_S:
            self._said = now
            self._console.print(
                f"{self._name}: {left:.0f} s left, {_counts(progress)}", highlight=False
            )

    def step(self, done: int, total: int) -> None:
        if self._task is not None:
            self._bar.update(self._task, completed=done / max(1, total), left=f"{done} of {total}")
        now = time.monotonic()
        if not self._console.is_terminal and (done == total or now - self._said > _EVERY_S):
            self._said = now
            self._console.print(f"{self._name}: {done} of {total}", highlight=False)

    def interrupted(self) -> None:
        """Say what there is when the user has stopped it."""
        if self._last is not None and self._last.trials:
            text = (
                f"stopped; {_counts(self._last)}. Nothing is lost: run the same command to go on."
            )
        else:
            text = "stopped. Nothing is lost: run the same command to go on."
        self._console.print(text, highlight=False)


def _counts(progress: SearchProgress) -> str:
    scored = [trial for trial in progress.trials if trial.scored]
    counts = progress.counts
    text = f"{counts[State.DONE]} trained, {progress.running} running"
    if scored:
        quality = [n for n in scored[0].metrics if METRICS[n].quality]
        if quality:
            name = quality[0]
            best = max(trial.metrics[name].value for trial in scored)
            text += f", best {METRICS[name].label} {100 * best:.1f} % (search)"
            losses = [
                [-t.metrics[name].value, t.metrics["parameters"].value]
                for t in scored
                if "parameters" in t.metrics
            ]
            text += f", front {int(front(losses).sum())}"
    return f"{text}, {counts[State.INFEASIBLE]} infeasible, {counts[State.FAILED]} failed"


def print_front(study: Study, brief: bool = False) -> None:
    """Print the front, its verdict, and where everything lies."""
    from brickwork.verdict import verdict

    console = Console()
    names = _columns(study)
    spare = [name for name in names if name != "accuracy" or name == study.quality]
    room = console.options.update(max_width=_PIPE)
    for some, exact in ((names, False), (spare, False), (spare, True)):  # the first that fits
        table = _front_table(study, some, exact)
        if table.__rich_measure__(console, room).maximum <= console.width:
            break
    if len(study.front):
        console.print(table)
        shown = {m.metrics[name].how for m in study.front for name in names if name in m.metrics}
        marks = [f"{MARKS[how].strip()} = {how}" for how in How if MARKS[how] and how in shown]
        legend = f"{', '.join(marks)}; without a mark: counted"
        console.print(Text(legend + ("" if exact else "; ± half an 80 % interval"), style="dim"))
    console.print()
    for sentence in verdict(study):
        console.print(sentence.replace("**", ""), highlight=False)
    for model in study.models:
        if model.dropped:
            console.print(f"not on the front: {model.id} ({model.dropped})", style="dim")
    if not brief:
        console.print()
        if study.finished:
            console.print(f"models  {study.folder / 'models'}", highlight=False, soft_wrap=True)
        console.print(f"report  {study.folder / 'report.html'}", highlight=False, soft_wrap=True)


def _front_table(study: Study, names: Sequence[str], exact: bool) -> Table:
    """The front; the quality without its interval where it is to be taken for exact."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model", no_wrap=True)
    for name in names:
        table.add_column(METRICS[name].label, justify="right", no_wrap=True)
    for model in study.front:
        cells = [
            _cell(model.metrics.get(name), spread=name == study.quality and not exact)
            for name in names
        ]
        table.add_row(model.id[:_ID], *cells)
    return table


def _columns(study: Study) -> list[str]:
    """What fits a narrow terminal: the objectives, and costs that are known for some model."""
    wanted = {"parameters", "flash_bytes", "peak_sram_bytes", "latency_ms", "energy_mj"}
    wanted |= {study.quality, *(objective.metric for objective in study.objectives)}
    if study.quality != "dice":  # that of positions, most of which are background
        wanted.add("accuracy")
    known = {n for m in study.front for n, q in m.metrics.items() if q.value == q.value}
    return [name for name in METRICS if name in wanted & known]


def _cell(quantity: Quantity | None, spread: bool = False) -> str:
    if quantity is None or quantity.value != quantity.value:
        return "-"
    return (quantity.interval() if spread else quantity.text()) + MARKS[quantity.how]


def print_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows of a list as a table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name)
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    console = Console()
    if not console.is_terminal:  # in a pipe or a file a row is a line
        console.width = _PIPE
    console.print(table)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def cost_table(found: Mapping[str, Any]) -> None:
    """Print what networks cost: a row for each metric."""
    console = Console()
    members = found.get("members") or {found["name"]: found}
    for name, member in members.items():
        console.print(f"{name} on {found['target']}", style="bold")
        table = Table(box=None, pad_edge=False, show_header=False)
        for key, data in member["metrics"].items():
            quantity = Quantity.from_json(data)
            number = quantity.text(), quantity.spread_text()
            table.add_row(METRICS[key].label, *number, str(quantity.how), quantity.source)
        console.print(table)
        for note in member.get("notes", ()):
            console.print(f"note: {note}", markup=False)
        console.print("fits" if member["fits"] else "does not fit: " + member["broken"])


def fit_table(found: Mapping[str, Any]) -> None:
    """Print how well a fitted latency model meets networks that were left out, and the model."""
    console, left = Console(), found["left_out"]
    same = found["networks"] == left["networks"]
    judged = "" if same else f"{found['networks']} networks, judged by "
    console.print(
        f"{found['target']}: {judged}{left['rows']} measurements of {left['networks']} networks"
    )
    rank = left["rank_correlation"]
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("mean error, left out", f"{left['mean_error']:.1%}")
    table.add_row("within 10 %", f"{left['within_10']:.0%}")
    table.add_row("rank correlation", "-" if rank is None else f"{rank:.3f}")
    table.add_row("inside the 80 % interval", f"{left['coverage']:.0%}")
    table.add_row("holds for", "{:,.0f} to {:,.0f} MACs".format(*found["macs"]))
    for name, value in found["coefficients"].items():
        known = "" if name in found["fitted"] else "  (not determined: as is usual)"
        table.add_row(name, f"{value:g} {found['unit']}{known}")
    table.add_row("energy", found["energy"])
    console.print(table)
    console.print(f"written: {found['file']}")


def calibration_table(found: Mapping[str, Any]) -> None:
    """Print which benchmark networks were written, or what became of their times."""
    console = Console()
    if "left_out" in found:
        fit_table(found)
        console.print(f"installed: brickwork search DATA --target {found['target']}")
        return
    rows = [{**row, "input": "x".join(map(str, row["input"]))} for row in found["files"]]
    print_rows(rows)
    console.print(f"written: {found['folder']} (README.md there says how they are measured)")
    if found["parts"] > 1:
        console.print(f"a microcontroller runs them in {found['parts']} programs (CALIBRATE_PART)")
