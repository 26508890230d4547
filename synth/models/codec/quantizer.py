"""Residual vector quantiser whose codes are moving averages of the vectors assigned to them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch import distributed as dist


class Quantized(NamedTuple):
    """Result of a bottleneck.

    Attributes:
        latent: `[batch, dim, frames]`, with the gradient of the input (straight through).
        codes: int64 `[batch, levels, frames]`.
        commitment: scalar, mean squared distance of the input to its quantisation.
        stale: int64 scalar, codes re-seeded in this call.
    """

    latent: Tensor
    codes: Tensor
    commitment: Tensor
    stale: Tensor


class ResidualVectorQuantizer(nn.Module):
    """Each level quantises the residual of the levels before it (Zeghidour et al. 2021, III-C).

    Codes are exponential moving averages of the vectors assigned to them (van den Oord et al. 2017,
    appendix A.1) with Laplace-smoothed counts; level 0 starts from vectors of the first batch, and
    so does each further level from its residuals. Codes that fall out of use are re-seeded from the
    batch. One straight-through step spans all levels, so the gradient of the encoder does not
    depend on their number.

    Args:
        dim: size of a vector, at least 1.
        levels: at least 1.
        codebook_size: codes per level, at least 2.
        decay: of the moving averages, 0 … 1.
        stale_usage: share of the mean usage under which a code is stale, 0 … 1.
        level_dropout: share of training clips that use a random number of levels, 0 … 1.
        bypass: share of training clips that are passed on unquantised, 0 … 1.
    """

    codebooks: Tensor
    counts: Tensor
    sums: Tensor
    initialised: Tensor

    def __init__(
        self,
        dim: int,
        levels: int,
        codebook_size: int,
        *,
        decay: float = 0.96,
        stale_usage: float = 0.05,
        level_dropout: float = 0.5,
        bypass: float = 0.0,
    ) -> None:
        super().__init__()
        self.levels, self.codebook_size, self.decay = levels, codebook_size, decay
        self.stale_usage, self.level_dropout, self.bypass = stale_usage, level_dropout, bypass
        scale = 4.0 ** -torch.arange(levels, dtype=torch.float32)
        codebooks = torch.randn(levels, codebook_size, dim) * scale[:, None, None]
        self.register_buffer("codebooks", codebooks)
        self.register_buffer("counts", torch.ones(levels, codebook_size))
        self.register_buffer("sums", codebooks.clone())
        self.register_buffer("initialised", torch.zeros((), dtype=torch.bool))

    def forward(self, x: Tensor, levels: int | None = None) -> Quantized:
        """Quantise with the first levels.

        In training mode the codes are updated and, unless `levels` is given, each clip draws its
        number of levels and whether it bypasses the quantiser. Always in float32: under autocast
        the differences of the distances would vanish in rounding.

        Args:
            x: `[batch, dim, frames]`.
            levels: 1 … the number of levels; None is all.

        Raises:
            ValueError: `levels` is out of its range.
        """
        with torch.autocast(x.device.type, enabled=False):
            return self._quantise_counted(x, levels)

    def _quantise_counted(self, x: Tensor, levels: int | None) -> Quantized:
        batch, dim, frames = x.shape
        flat = x.detach().float().transpose(1, 2).reshape(-1, dim)
        used = self._draw_levels(batch, levels, x.device)
        residual, quantised = flat, torch.zeros_like(flat)
        codes, stale = [], torch.zeros((), dtype=torch.int64, device=x.device)
        active = used[:, None].expand(-1, frames).reshape(-1)
        for level in range(self.levels):
            if self.training and not self.initialised:
                self._seed(level, residual)
            index = self._nearest(level, residual)
            chosen = self.codebooks[level][index]
            if self.training:
                stale = stale + self._update(level, residual, index)
            codes.append(index.reshape(batch, frames))
            quantised = quantised + chosen * (active > level).float()[:, None]
            residual = residual - chosen
        if self.training:
            self.initialised.fill_(True)
        target = quantised.reshape(batch, frames, dim).transpose(1, 2)
        commitment = (x.float() - target).square().mean()
        latent = x + (target.to(x.dtype) - x).detach()
        return Quantized(self._bypass(x, latent), torch.stack(codes, 1), commitment, stale)

    def quantise(self, x: Tensor, levels: Tensor) -> Tensor:
        """Quantise with a number of levels that is a tensor, for export.

        Args:
            x: `[batch, dim, frames]`.
            levels: float `[batch, 1]`, 0 … the number of levels; 0 passes `x` through.
        """
        flat = x.transpose(1, 2)
        residual, total = flat, torch.zeros_like(flat)
        for level in range(self.levels):
            chosen = self.codebooks[level][self._nearest(level, residual)]
            total = total + chosen * (levels > level).to(x.dtype)[:, :, None]
            residual = residual - chosen
        return torch.where((levels > 0)[:, :, None], total, flat).transpose(1, 2)

    def decode(self, codes: Tensor) -> Tensor:
        """Vectors of `codes` `[batch, n, frames]` (the first n levels), `[batch, dim, frames]`."""
        parts = [self.codebooks[i][codes[:, i]] for i in range(codes.shape[1])]
        return torch.stack(parts).sum(0).transpose(1, 2)

    def _nearest(self, level: int, x: Tensor) -> Tensor:
        # |x - c|² without |x|², which is the same for all codes.
        book = self.codebooks[level]
        return (book.square().sum(1) - 2 * x @ book.t()).argmin(-1)

    def _draw_levels(self, batch: int, levels: int | None, device: torch.device) -> Tensor:
        if levels is not None and not 1 <= levels <= self.levels:
            raise ValueError(f"{levels} levels; 1 to {self.levels} are there")
        fixed = torch.full((batch,), levels or self.levels, device=device)
        if not self.training or levels is not None or self.level_dropout == 0:
            return fixed
        drawn = torch.randint(1, self.levels + 1, (batch,), device=device)
        return torch.where(torch.rand(batch, device=device) < self.level_dropout, drawn, fixed)

    def _bypass(self, x: Tensor, latent: Tensor) -> Tensor:
        if not self.training or self.bypass == 0:
            return latent
        skip = torch.rand(x.shape[0], 1, 1, device=x.device) < self.bypass
        return torch.where(skip, x, latent)

    def _seed(self, level: int, residual: Tensor) -> None:
        seeds = _shared(_draw(residual, self.codebook_size))
        self.codebooks[level] = seeds
        self.sums[level] = seeds
        self.counts[level] = 1.0

    def _update(self, level: int, residual: Tensor, index: Tensor) -> Tensor:
        """Move the averages; returns how many codes were stale and re-seeded."""
        size = self.codebook_size
        hits = torch.zeros(size, device=residual.device).index_add_(
            0, index, torch.ones_like(index, dtype=torch.float32)
        )
        sums = torch.zeros_like(self.sums[level]).index_add_(0, index, residual)
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(hits)
            dist.all_reduce(sums)
        self.counts[level].lerp_(hits, 1 - self.decay)
        self.sums[level].lerp_(sums, 1 - self.decay)
        total = self.counts[level].sum()
        smoothed = (self.counts[level] + 1e-5) / (total + size * 1e-5) * total
        self.codebooks[level] = self.sums[level] / smoothed[:, None]
        stale = torch.maximum(self.counts[level], hits) < self.stale_usage * total / size
        seeds = _shared(_draw(residual, size))
        self.codebooks[level] = torch.where(stale[:, None], seeds, self.codebooks[level])
        # A new code starts with the mean usage, so that it has time to find its place.
        self.counts[level] = torch.where(stale, total / size, self.counts[level])
        self.sums[level] = torch.where(stale[:, None], seeds * (total / size), self.sums[level])
        return stale.sum()


def _draw(vectors: Tensor, count: int) -> Tensor:
    return vectors[torch.randint(vectors.shape[0], (count,), device=vectors.device)]


def _shared(seeds: Tensor) -> Tensor:
    if dist.is_available() and dist.is_initialized():
        dist.broadcast(seeds, 0)
    return seeds
