"""Time series: from arrays or tables to a task."""

from brickwork.tasks.series.sources import Source
from brickwork.tasks.series.task import load_series, load_series_numbers, series_inputs

__all__ = ["Source", "load_series", "load_series_numbers", "series_inputs"]
