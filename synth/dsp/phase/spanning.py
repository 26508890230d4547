"""Adds up differences of phase along a tree that joins coefficients, loud ones first.

Phase-gradient heap integration starts at the loudest coefficient and always goes on from the
loudest one that it has reached. What its heap finds in this order is a spanning tree that leads to
each coefficient through coefficients as loud as possible. Boruvka's algorithm finds such a tree for
all of them at once, in a few rounds over whole tensors: each component takes its loudest connection
to another one, until none is left. The loudness of a connection is that of its quieter end, and
among equals that of its louder end.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Connections(NamedTuple):
    """Pairs of nodes whose phases are known to differ.

    Attributes:
        first, second: nodes, int64 `[connections]`.
        turn: radians from the first to the second one, float64 `[connections]`.
    """

    first: Tensor
    second: Tensor
    turn: Tensor


def add_up(connections: Connections, loudness: Tensor) -> tuple[Tensor, Tensor]:
    """Phases of all nodes, up to one constant for each component.

    Args:
        connections: between nodes 0 … nodes - 1.
        loudness: of the nodes, `[nodes]`.

    Returns:
        phases in radians, float64 `[nodes]`, that of the component's root being 0, and the root of
        each node's component, int64 `[nodes]`.
    """
    first, second, turn = _quietest_first(connections, loudness)
    root = torch.arange(len(loudness), device=loudness.device)
    phase = torch.zeros(len(loudness), dtype=torch.float64, device=loudness.device)
    while True:
        left, right = root[first], root[second]
        apart = (left != right).nonzero()[:, 0]
        if not len(apart):
            return phase, root
        first, second, turn = first[apart], second[apart], turn[apart]
        left, right = left[apart], right[apart]
        step = turn + phase[first] - phase[second]  # from the left root to the right one
        parent, offset = _chosen(left, right, step, len(loudness))
        phase, root = phase + offset[root], parent[root]


def _quietest_first(connections: Connections, loudness: Tensor) -> Connections:
    ends = loudness[connections.first], loudness[connections.second]
    order = torch.maximum(*ends).argsort(stable=True)
    order = order[torch.minimum(*ends)[order].argsort(stable=True)]
    return Connections(*(part[order] for part in connections))


def _chosen(left: Tensor, right: Tensor, step: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
    """Each root's new root `[nodes]`, by the last connection that has it, and the phase to it."""
    rank = torch.arange(len(left), device=left.device)
    best = torch.full((nodes,), -1, device=left.device)
    best.scatter_reduce_(0, left, rank, "amax")
    best.scatter_reduce_(0, right, rank, "amax")
    parent = torch.arange(nodes, device=left.device)
    offset = torch.zeros(nodes, dtype=torch.float64, device=left.device)
    roots = (best >= 0).nonzero()[:, 0]
    taken = best[roots]
    forward = right[taken] == roots
    other = torch.where(forward, left[taken], right[taken])
    # Two that chose the same connection would lead to one another for ever: one of them stays.
    stays = (best[other] == taken) & (roots < other)
    parent[roots] = torch.where(stays, roots, other)
    offset[roots] = torch.where(stays, 0.0, torch.where(forward, step[taken], -step[taken]))
    while True:
        further = parent[parent]
        if torch.equal(further, parent):
            return parent, offset
        offset = offset + offset[parent]
        parent = further
