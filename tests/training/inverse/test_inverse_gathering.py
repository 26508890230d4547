"""Two processes learn as one with the whole batch does, and large batches in pieces."""

from __future__ import annotations

import copy
import multiprocessing
import os
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from training.inverse.learning.cached import in_pieces
from training.inverse.learning.gathering import gathered, share_statistics
from training.inverse.learning.vicreg import vicreg

ROWS, WORLD = 12, 2


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 4, 8),
        nn.BatchNorm1d(8), nn.Linear(8, 6),
    )  # fmt: skip


def views() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(2)
    return torch.randn(ROWS, 1, 4, 4, generator=draw), torch.randn(ROWS, 6, generator=draw)


def loss(made: Tensor, other: Tensor) -> Tensor:
    found = vicreg([made, other])
    return 25 * found.invariance + 25 * found.variance + found.covariance


def process(rank: int, place: str) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo"}
    dist.init_process_group("gloo", init_method=f"file://{place}/met", rank=rank, world_size=WORLD)
    torch.set_num_threads(1)
    model = network()
    share_statistics(model)
    learner = DistributedDataParallel(model)
    rows, other = (part.chunk(WORLD)[rank] for part in views())
    loss(learner(rows), other).backward()
    assert len(gathered(rows)) == ROWS
    torch.save(
        ([p.grad for p in model.parameters()], model.state_dict()), f"{place}/made-{rank}.pt"
    )
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_have_the_gradient_of_one_with_the_whole_batch(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=process, args=(r, str(tmp_path))) for r in range(WORLD)]
    for one in started:
        one.start()
    model = network()
    rows, other = views()
    loss(model(rows), other).backward()
    for one in started:
        one.join(120)
        assert one.exitcode == 0
    for rank in range(WORLD):
        gradients, state = torch.load(tmp_path / f"made-{rank}.pt")
        for name, (found, parameter) in zip(
            state, zip(gradients, model.parameters(), strict=True), strict=False
        ):
            torch.testing.assert_close(found, parameter.grad, atol=1e-5, rtol=1e-4, msg=name)
        for name, tensor in model.state_dict().items():
            torch.testing.assert_close(state[name], tensor, atol=1e-5, rtol=1e-4)


def test_one_process_alone_gathers_its_own_rows() -> None:
    rows = torch.randn(3, 2)
    assert gathered(rows) is rows


def gradients(model: nn.Module, encode: object, size: int) -> list[Tensor]:
    rows, other = views()
    loss(in_pieces(encode, model, rows, size), other).backward()  # type: ignore[arg-type]
    return [p.grad for p in model.parameters() if p.grad is not None]


def test_pieces_have_the_gradient_of_the_whole_batch() -> None:
    """Of a network without batch normalisation, whose statistics are those of a piece."""
    torch.manual_seed(1)
    whole = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(16, 6))
    split = copy.deepcopy(whole)
    for a, b in zip(gradients(whole, whole, 0), gradients(split, split, 5), strict=True):
        torch.testing.assert_close(b, a, atol=1e-6, rtol=1e-4)


def test_pieces_have_the_gradient_of_their_statistics() -> None:
    """The one that a graph of all pieces at once has; each piece is remembered once."""
    kept, split = network(), network()

    def all_at_once(rows: Tensor) -> Tensor:
        return torch.cat([kept(piece) for piece in rows.split(4)])

    for a, b in zip(gradients(kept, all_at_once, 0), gradients(split, split, 4), strict=True):
        torch.testing.assert_close(b, a, atol=1e-6, rtol=1e-4)
    for name, tensor in kept.state_dict().items():
        torch.testing.assert_close(split.state_dict()[name], tensor, msg=name)
    assert int(split[1].num_batches_tracked) == 3
