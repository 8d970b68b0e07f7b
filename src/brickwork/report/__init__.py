"""The report: one self-contained page that says what was found and how far to trust it."""

from brickwork.report.data import ReportData
from brickwork.report.html import render

__all__ = ["ReportData", "render"]
