"""Large batches on one process: encoded in pieces, with the gradient of the whole batch.

A loss over a batch, such as VICReg's, doesn't split into losses of its pieces. But its gradient
does once the embeddings are known: each piece is encoded without keeping what the gradient needs,
and once more when the gradient of its embeddings has arrived (Gao et al. 2021, Scaling deep
contrastive learning batch size under memory limited setup, arXiv 2101.06983).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def in_pieces(
    encode: Callable[[Tensor], Tensor], model: nn.Module, rows: Tensor, size: int
) -> Tensor:
    """`encode(rows)`, computed in pieces of `size` rows, 0: at once.

    Batch normalisation takes the statistics of a piece, and remembers them once.

    Args:
        encode: rows to rows; model: whose parameters it uses.
        rows: `[sounds, …]`.
        size: of a piece.
    """
    if not size or size >= len(rows):
        return encode(rows)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _statistics_kept(model)

    made = [
        checkpoint(encode, piece, use_reentrant=False, context_fn=contexts)
        for piece in torch.split(rows, size)
    ]
    return torch.cat(made)


@contextmanager
def _statistics_kept(model: nn.Module) -> Iterator[None]:
    """Batch normalisations don't remember the batches that they see in here."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    before = [(norm.momentum, _count(norm)) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None and count is not None:
                norm.num_batches_tracked.copy_(count)


def _count(norm: nn.modules.batchnorm._BatchNorm) -> Tensor | None:
    return None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone()
