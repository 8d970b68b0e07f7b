"""The C function that turns raw samples into the integers of the input."""

from __future__ import annotations

from collections.abc import Iterator

from brickwork.export.integer.network import IntegerNetwork

__all__ = ["quantizer"]


def quantizer(network: IntegerNetwork, name: str) -> Iterator[str]:
    """The definition, ``Input.quantized`` to the last bit."""
    way, scale = network.input, network.scales[0]
    upper = name.upper()
    if way.bytes:
        yield f"""void {name}_quantize(const uint8_t *raw, int8_t *input)
{{
    for (int32_t i = 0; i < {upper}_INPUT_SIZE; ++i) {{
        input[i] = (int8_t)(raw[i] - 128);
    }}
}}"""
        return
    count = max(len(way.mean), len(way.std))
    for label, values in (("input_mean", way.mean), ("input_deviation", way.std)):
        whole = values * count if len(values) == 1 else values
        yield f"static const double {label}[{count}] = {{{', '.join(map(repr, whole))}}};"
    mean, deviation = [f"input_{label}[i % {count}]" for label in ("mean", "deviation")]
    yield f"""
void {name}_quantize(const float *raw, int8_t *input)
{{
    for (int32_t i = 0; i < {upper}_INPUT_SIZE; ++i) {{
        const double normal = ((double)raw[i] - {mean}) / {deviation};
        const double steps = normal / {scale.scale!r};
        const double value = steps < -256.0 ? -256.0 : steps <= 256.0 ? steps : 256.0;
        int32_t q = (int32_t)value;
        const double rest = value - q;
        if (rest > 0.5 || (rest == 0.5 && q % 2 != 0)) {{ /* halves go to the even neighbour */
            ++q;
        }} else if (rest < -0.5 || (rest == -0.5 && q % 2 != 0)) {{
            --q;
        }}
        q += {scale.zero};
        input[i] = (int8_t)(q < -128 ? -128 : q > 127 ? 127 : q);
    }}
}}"""
