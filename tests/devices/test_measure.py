"""Measured latency: a small ONNX file, few calls; what the number says of itself."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from brickwork.devices import measure
from brickwork.devices.measure import measure_onnx
from brickwork.quantity import How


def model(size: int = 8, kind: int = onnx.TensorProto.FLOAT) -> bytes:
    """``x @ weight`` on (batch, size)."""
    weight = onnx.numpy_helper.from_array(np.ones((size, size), np.float32), "weight")
    nodes = [
        onnx.helper.make_node("Cast", ["x"], ["real"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("MatMul", ["real", "weight"], ["y"]),
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "g",
        [onnx.helper.make_tensor_value_info("x", kind, ["batch", size])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["batch", size])],
        [weight],
    )
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    made.ir_version = 8
    return made.SerializeToString()


def test_it_says_what_it_is():
    latency = measure_onnx(model(), (8,), rounds=4, calls=5, warm_up=2)
    assert latency.how is How.MEASURED
    assert latency.unit == "ms"
    assert 0 < latency.value < 100
    assert latency.spread >= 0
    assert onnxruntime.__version__ in latency.source
    assert measure._cpu() in latency.source
    assert "1 thread: median of 4 rounds of the fastest of 5 calls, after 2" in latency.source


@pytest.mark.parametrize("kind", [onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT16])
def test_pixels_have_the_type_that_the_model_takes(kind):
    assert measure_onnx(model(kind=kind), (8,), rounds=3, calls=3, warm_up=1).value > 0


def test_files_of_others_may_have_several_inputs_and_a_batch_of_their_own():
    kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.INT64)
    inputs = [
        onnx.helper.make_tensor_value_info("x", kinds[0], [4, 8]),
        onnx.helper.make_tensor_value_info("rows", kinds[1], ["n"]),
    ]
    output = onnx.helper.make_tensor_value_info("y", kinds[0], ["n", 8])
    node = onnx.helper.make_node("Gather", ["x", "rows"], ["y"])
    graph = onnx.helper.make_graph([node], "g", inputs, [output])
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    made.ir_version = 8
    assert measure_onnx(made.SerializeToString(), (8,), rounds=3, calls=3, warm_up=1).value > 0


def test_more_work_takes_longer():
    small = measure_onnx(model(16), (16,), rounds=5, calls=10, warm_up=5)
    large = measure_onnx(model(1024), (1024,), rounds=5, calls=10, warm_up=5)
    assert large.value > 2 * small.value


class Clock:
    """A clock that only calls advance, each by the next of some durations."""

    def __init__(self, durations: list[float]) -> None:
        self.now = 0.0
        self.durations = durations
        self.calls = 0

    def perf_counter(self) -> float:
        return self.now

    def call(self) -> None:
        self.now += self.durations[self.calls % len(self.durations)]
        self.calls += 1


@pytest.fixture
def clock(monkeypatch):
    def set_to(*durations: float) -> Clock:
        made = Clock(list(durations))
        monkeypatch.setattr(measure, "time", made)
        monkeypatch.setattr(measure, "_caller", lambda *_: made.call)
        return made

    return set_to


def test_the_statistic_is_the_median_of_the_fastest(clock):
    """Rounds of three calls with the fastest at 2, 1, 5, 3 and 1 ms."""
    warm = [0.001, 0.001, 0.001]
    rounds = [[9, 2, 4], [1, 9, 9], [5, 6, 7], [9, 9, 3], [9, 1, 9]]
    clock(*warm, *[ms / 1000 for times in rounds for ms in times])
    latency = measure_onnx(b"", (1,), rounds=5, calls=3, warm_up=3, cap_s=100)
    assert latency.value == pytest.approx(2.0)
    low, high = np.quantile([2, 1, 5, 3, 1], (0.1, 0.9))
    assert latency.spread == pytest.approx((high - low) / 2)


@pytest.mark.parametrize(
    ("each", "rounds", "calls", "warm_up"),
    [
        (0.001, 10, 50, 30),  # half a second: all of it
        (0.016, 10, 31, 30),  # calls are cut first
        (0.2, 8, 3, 7),  # then rounds
        (10.0, 3, 3, 1),  # never below three rounds of three
    ],
)
def test_a_slow_model_gets_fewer_calls(clock, each, rounds, calls, warm_up):
    made = clock(each)
    latency = measure_onnx(b"", (1,))
    assert latency.value == pytest.approx(1000 * each)
    assert made.calls == warm_up + rounds * calls
    expected = f"median of {rounds} rounds of the fastest of {calls} calls, after {warm_up} to"
    assert expected in latency.source


def test_threads_are_said():
    assert "2 threads" in measure_onnx(model(), (8,), 3, 3, 1, threads=2).source
