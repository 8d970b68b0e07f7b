"""What to try next. Each strategy is one file behind ``ask`` and ``tell``."""

from brickwork.strategies.base import Problem, Strategy

__all__ = ["Problem", "Strategy"]
