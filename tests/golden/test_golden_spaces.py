"""Ids, costs and hashes of the catalogue do not move by accident: studies and cards refer to them.

Rewrite on purpose with ``pytest tests/golden --rewrite-golden`` and say why in the change.
"""

from __future__ import annotations

from math import prod

from catalogue import CATALOGUE, Entry

from brickwork.space import Arch, graph
from brickwork.trial import rng_for


def facts(entry: Entry, arch: Arch) -> dict[str, object]:
    whole = graph(entry.space, arch, entry.input, entry.outputs)
    inside = [(node, whole.shapes_into(node)) for node in whole.nodes[1:]]
    return {
        "id": arch.id,
        "hash": whole.hash,
        "nodes": len(whole.nodes),
        "parameters": sum(prod(s) for n, ins in inside for s in n.op.weights(ins).values()),
        "macs": sum(n.op.macs(ins, n.shape) for n, ins in inside),
    }


def test_catalogue(golden):
    found = {}
    for entry in CATALOGUE:
        space, rng = entry.space, rng_for(0, "golden", entry.id)
        members = {"first": space.extremes()[0]}
        if space.size() > 1:
            members["last"] = space.extremes()[1]
            members |= {f"sample{i}": space.sample(rng) for i in range(3)}
        found[entry.id] = {
            "size": str(space.size()),
            "decisions": len(space.decisions()),
            "members": {name: facts(entry, arch) for name, arch in members.items()},
        }
    golden("spaces", found)
