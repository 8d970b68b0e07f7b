"""The header of a network in C: its sizes, what its integers mean, and its functions."""

from __future__ import annotations

from math import prod

from brickwork.export.c.naming import comment
from brickwork.export.c.placing import Placed
from brickwork.export.c.summary import dimensions, meaning, number, raw_meaning

__all__ = ["header_of"]


def header_of(placed: Placed, name: str, title: str) -> str:
    """The text of the header."""
    network = placed.network
    program, upper = network.program, name.upper()
    into, out = program.shapes[0], program.shapes[program.output]
    first, last = network.scales[0], network.scales[program.output]
    kind = "uint8_t" if network.input.bytes else "float"
    about = comment(
        title,
        f"Use: fill {name}_input() with {upper}_INPUT_SIZE integers, by hand or with "
        f"{name}_quantize(), and call {name}_run({name}_input()).",
        f"Input: {dimensions(into)}, channels last; {raw_meaning(network.input, first)}.\n"
        f"Output: {dimensions(out)}, channels last; real = {meaning(last)}.",
    )
    return (
        "\n".join(about)
        + f"""
#ifndef {upper}_H
#define {upper}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define {upper}_INPUT_SIZE {prod(into)}
#define {upper}_INPUT_SCALE {_literal(first.scale)}
#define {upper}_INPUT_ZERO ({first.zero})
#define {upper}_OUTPUT_SIZE {prod(out)}
#define {upper}_OUTPUT_SCALE {_literal(last.scale)}
#define {upper}_OUTPUT_ZERO ({last.zero})
#define {upper}_ARENA_BYTES {placed.arena.total}
#define {upper}_LAYERS {len(placed.jobs)}

/* Where the input lies: {upper}_INPUT_SIZE integers. Running the network writes over them. */
int8_t *{name}_input(void);

/* Raw samples, channels last, to integers: from {upper}_INPUT_SIZE to as many. */
void {name}_quantize(const {kind} *raw, int8_t *input);

/* Runs the network. An input that lies elsewhere is copied first. What is returned are
 * {upper}_OUTPUT_SIZE integers, which the next run writes over. */
const int8_t *{name}_run(const int8_t *input);

/* For a profiler: one layer of 0 to {upper}_LAYERS - 1, all of them in this order, after the
 * input was filled; then the output. */
void {name}_layer(int layer);
const int8_t *{name}_output(void);

#ifdef __cplusplus
}}
#endif

#endif
"""
    )


def _literal(value: float) -> str:
    """A float32 in C."""
    return f"{number(value)}f"
