"""What is learned, and what is known to be kept."""

from __future__ import annotations

import numpy as np

from brickwork.objective import Limit, Objective
from brickwork.predictor import Encoder, Outlook
from brickwork.space import Choice, Conv, Seq, Space

SPACE = Space("two", Seq(Conv(Choice("width", (4, 8)), 3)))


def outlook(*limits: str) -> Outlook:
    objectives = [Objective("accuracy"), Objective("parameters")]
    return Outlook(Encoder(SPACE, ("parameters",)), objectives, [Limit.parse(t) for t in limits])


def test_what_is_counted_where_there_is_any_is_not_learned() -> None:
    """Ops that a runtime lacks are known of the networks that have such, and of no others."""
    found = outlook("unsupported_ops<=0", "parameters<=99")
    assert found.learned == ("accuracy",)
    assert found.prospects(np.zeros((3, found._predictors["accuracy"]._encoder.width))).kept.all()


def test_what_must_be_measured_is_learned() -> None:
    assert outlook("latency_ms<=5").learned == ("accuracy", "latency_ms")
