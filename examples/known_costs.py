"""What networks cost on several devices, without training one of them."""

from __future__ import annotations

import brickwork as bw
from brickwork.devices import known_costs
from brickwork.spaces.references import PUBLISHED, resnet8


def main() -> None:
    space = resnet8()
    shape, outputs = PUBLISHED[space.name]
    network = bw.graph(space, space.arch(), shape, outputs)
    for name in ("stm32f746", "stm32l4r5", "nrf5340", "raspberrypi4"):
        costs = known_costs(network, bw.load_target(name))
        shown = ", ".join(f"{key} {quantity}" for key, quantity in costs.items())
        print(f"{name}: {shown}")


if __name__ == "__main__":
    main()
