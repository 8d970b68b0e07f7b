"""What int8 ONNX files cost in time, and how near they are to their integers.

    python benchmarks/onnx_int8.py

For published networks and members of the mobile space with random weights, one thread of ONNX
Runtime, a batch of one. Compared are the float file, the file of ONNX Runtime's own quantiser, the
file of the quantised network, and the same with all eight bits of the weights as uint8, which
saturates on no processor either. Times are taken in turn: the median over rounds of the fastest
call of a round. Steps are of 256, given what each layer reads.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time
from collections.abc import Iterator

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from brickwork.export.integer.halving import halved
from brickwork.export.integer.network import IntegerNetwork
from brickwork.export.integer.quantizing import quantize_integer
from brickwork.export.onnx import random_weights, write_onnx, write_onnx_int8
from brickwork.export.quantize import quantize
from brickwork.export.verify_integers import layers_away
from brickwork.space import Graph, Normalize, Shape, graph
from brickwork.spaces.mobile import mobile
from brickwork.spaces.references import dscnn, mobilenetv2, resnet8
from brickwork.trial import rng_for

NORMALIZE = Normalize((120.0,), (60.0,))
MEMBERS: tuple[tuple[Shape, int], ...] = (((1, 28, 28), 0), ((3, 32, 32), 1), ((3, 96, 96), 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--calls", type=int, default=30)
    options = parser.parse_args()
    print(f"ONNX Runtime {onnxruntime.__version__}")
    for name, whole in networks():
        weights = random_weights(whole, rng_for(0, "weights"))
        samples = rng_for(0, "samples").integers(0, 256, (16, *whole.input)).astype(np.uint8)
        network = quantize_integer(whole, weights, samples)
        exact, file = write_onnx(whole, weights), write_onnx_int8(network, whole)
        files = {
            "quantiser": quantize(exact, samples),
            "network": file,
            "uint8 weights": eight_bits(file, network),
            "float": exact,
        }
        times = timed(files, whole.input, options)
        away, _ = layers_away(file, halved(network), samples)
        ratios = [f"{one} {times[one] / times['quantiser']:.2f}" for one in files]
        print(
            f"{name:26} {times['quantiser']:6.3f} ms, relative to it: {', '.join(ratios[1:])}; "
            f"layers within {max(away.values())} steps, {len(file):,} bytes"
        )


def networks() -> Iterator[tuple[str, Graph]]:
    """Names and graphs."""
    for make, shape, outputs in (
        (resnet8, (3, 32, 32), 10),
        (dscnn, (1, 49, 10), 12),
        (mobilenetv2, (3, 96, 96), 10),
    ):
        space = make()
        yield make.__name__, graph(space, space.arch(), shape, outputs, NORMALIZE)
    for shape, seed in MEMBERS:
        space = mobile(shape)
        arch = space.sample(rng_for(seed, "member"))
        yield f"mobile {shape}", graph(space, arch, shape, 10, NORMALIZE)
    space = mobile((3, 96, 96))
    yield "mobile, the largest", graph(space, space.extremes()[1], (3, 96, 96), 10, NORMALIZE)


def eight_bits(file: bytes, network: IntegerNetwork) -> bytes:
    """The file with all eight bits of the weights, as uint8 with a zero of 128."""
    proto = onnx.load_model_from_string(file)
    held = {one.name: one for one in proto.graph.initializer}
    reads = {node.input[0]: node.input for node in proto.graph.node}
    turns = {"DEPTHWISE_CONV_2D": (3, 0, 1, 2), "FULLY_CONNECTED": (0, 1)}
    for step, name in zip(network.steps, network.names, strict=True):
        if step.weight is None or step.weight_scales is None or step.bias is None:
            continue
        turned = step.weight.transpose(turns.get(step.layer.kind, (0, 3, 1, 2)))
        scales = np.squeeze(step.weight_scales)
        into = np.float32(network.scales[step.layer.inputs[0]].scale)
        weight, bias = reads[f"{name}.weight"], reads[f"{name}.bias"]
        given = {
            weight[0]: (turned.astype(np.int16) + 128).astype(np.uint8),
            bias[0]: step.bias,
            f"{name}.scale": scales,
            f"{name}.zero": np.full(scales.shape, 128, np.uint8),
            f"{name}.product": scales * into,
        }
        weight[1], weight[2], bias[1] = f"{name}.scale", f"{name}.zero", f"{name}.product"
        for key, values in given.items():
            made = numpy_helper.from_array(np.asarray(values, order="C"), key)
            if key in held:
                held[key].CopyFrom(made)
            else:
                proto.graph.initializer.append(made)
    return bytes(proto.SerializeToString())


def timed(files: dict[str, bytes], shape: Shape, options: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of each file."""
    x = rng_for(0, "pixels").uniform(0, 255, (1, *shape)).astype(np.float32)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    sessions = {
        name: onnxruntime.InferenceSession(file, settings, providers=providers)
        for name, file in files.items()
    }
    found: dict[str, list[float]] = {name: [] for name in sessions}
    for place in range(options.rounds + 1):  # the first warms up
        for name, session in sessions.items():
            fastest = np.inf
            for _ in range(options.calls):
                begun = time.perf_counter()
                session.run(None, {"input": x})
                fastest = min(fastest, time.perf_counter() - begun)
            if place:
                found[name].append(1000.0 * float(fastest))
    return {name: statistics.median(times) for name, times in found.items()}


if __name__ == "__main__":
    main()
