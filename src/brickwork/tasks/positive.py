"""Which of two classes is the one that is to be found."""

from __future__ import annotations

from dataclasses import replace

from brickwork.errors import DataError
from brickwork.tasks.judging import ClassJudge
from brickwork.tasks.samples import DataTask

__all__ = ["with_positive"]


def with_positive(task: DataTask, name: str = "") -> DataTask:
    """A task in which the named one of two classes is the second, in each form.

    Of the second class sensitivity, specificity and thresholds tell; without a name it is the one
    that comes second in order.

    Raises:
        DataError: There are not two classes, or none is called so.
    """
    if not name:
        return task
    judge = task.judge
    if not isinstance(judge, ClassJudge) or len(judge.names) != 2:
        raise DataError(
            f"--positive {name}: is for two classes, and {task.name} has other things to tell: "
            "leave it out"
        )
    if name not in judge.names:
        known = " and ".join(judge.names)
        raise DataError(f"--positive {name}: the classes of {task.name} are {known}: name one")
    if name == judge.names[1]:
        return task
    turned = replace(judge, names=judge.names[::-1], weights=judge.weights[::-1])
    data = {split: (x, 1 - y) for split, (x, y) in task.data.items()}
    others = {form: with_positive(other, name) for form, other in task.others.items()}
    return replace(task, judge=turned, data=data, splits={}, others=others)
