"""The residual quantiser: its gradient, its codes in and out of use, its levels."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from synth.models.codec import ResidualVectorQuantizer

DIM, LEVELS, CODES = 4, 5, 16


def quantizer(**settings: float) -> ResidualVectorQuantizer:
    torch.manual_seed(0)
    return ResidualVectorQuantizer(DIM, LEVELS, CODES, level_dropout=0.0, **settings)


def latents(batch: int = 8, frames: int = 40, seed: int = 0) -> Tensor:
    return torch.randn(batch, DIM, frames, generator=torch.Generator().manual_seed(seed))


def fitted(steps: int = 60) -> ResidualVectorQuantizer:
    rvq = quantizer().train()
    for seed in range(steps):
        rvq(latents(seed=seed))
    return rvq.eval()


@pytest.mark.parametrize("levels", [1, 2, LEVELS])
def test_the_gradient_passes_as_through_a_wire(levels: int) -> None:
    rvq, x = quantizer().train(), latents().requires_grad_()
    weight = latents(seed=9)
    (rvq(x, levels).latent * weight).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, weight)


@pytest.mark.parametrize("levels", [1, LEVELS])
def test_commitment_pulls_each_vector_to_its_code(levels: int) -> None:
    rvq, x = fitted(), latents().requires_grad_()
    out = rvq(x, levels)
    out.commitment.backward()
    assert x.grad is not None
    expected = 2 * (x - rvq.decode(out.codes[:, :levels])) / x.numel()
    torch.testing.assert_close(x.grad, expected.detach(), atol=1e-7, rtol=1e-4)


def test_codes_are_the_nearest_and_sum_to_the_output() -> None:
    rvq, x = fitted(), latents(seed=7)
    out = rvq(x)
    residual = x.transpose(1, 2)
    for level in range(LEVELS):
        distance = torch.cdist(residual, rvq.codebooks[level].expand(8, -1, -1))
        chosen = distance.gather(2, out.codes[:, level, :, None]).squeeze(2)
        torch.testing.assert_close(chosen, distance.min(2).values, atol=1e-4, rtol=1e-4)
        residual = residual - rvq.codebooks[level][out.codes[:, level]]
    torch.testing.assert_close(out.latent, rvq.decode(out.codes), atol=1e-5, rtol=1e-5)


def test_more_levels_never_err_more() -> None:
    rvq, x = fitted(), latents(batch=32, seed=5)
    errors = [float((rvq(x, n).latent - x).square().mean()) for n in range(1, LEVELS + 1)]
    assert all(later <= earlier for earlier, later in pairwise(errors))
    assert errors[0] < float(x.square().mean())
    assert errors[-1] < 0.25 * errors[0]


def test_codes_are_centroids() -> None:
    """Fed the same batch for ever, the first level becomes a fixed point of Lloyd's algorithm."""
    rvq, x = quantizer(stale_usage=0.0, decay=0.5).train(), latents()
    for _ in range(80):
        index = rvq(x).codes[:, 0].reshape(-1)
    flat = x.transpose(1, 2).reshape(-1, DIM)
    for code in index.unique().tolist():
        mean = flat[index == code].mean(0)
        torch.testing.assert_close(rvq.codebooks[0, code], mean, atol=1e-3, rtol=1e-3)


def test_stale_codes_are_reseeded_and_become_few() -> None:
    """Half of the first codebook is put where no sound is; the half comes back into use."""
    rvq = fitted().train()
    rvq.codebooks[0, : CODES // 2] += 1000.0
    rvq.sums[0, : CODES // 2] += 1000.0 * rvq.counts[0, : CODES // 2, None]
    stale = [int(rvq(latents(seed=seed)).stale) for seed in range(200)]
    assert sum(stale[:100]) >= CODES // 2
    assert sum(stale[100:]) < sum(stale[:100]) / 4
    assert float(rvq.codebooks[0].abs().max()) < 10
    used = torch.cat([rvq.eval()(latents(seed=s)).codes[:, 0].reshape(-1) for s in range(5)])
    assert used.unique().numel() == CODES


def test_without_reseeding_they_stay_lost() -> None:
    rvq = quantizer(stale_usage=0.0).train()
    rvq(latents())
    rvq.codebooks[0, 0] += 1000.0
    rvq.sums[0, 0] += 1000.0 * rvq.counts[0, 0]
    assert all(int(rvq(latents(seed=s)).stale) == 0 for s in range(50))
    assert float(rvq.codebooks[0, 0].abs().max()) > 100


def test_first_batch_seeds_every_level_from_what_is_left() -> None:
    """However loud or quiet the latents are, the codes start at their size."""
    for scale in (1e-3, 1e3):
        rvq, x = quantizer().train(), latents() * scale
        rvq(x)
        error = (rvq.eval()(x).latent - x).square().mean() / x.square().mean()
        assert float(error) < 0.5


@pytest.mark.parametrize("levels", range(1, LEVELS + 1))
def test_levels_as_a_tensor_are_the_levels_as_a_number(levels: int) -> None:
    rvq, x = fitted(), latents(batch=3)
    torch.testing.assert_close(
        rvq.quantise(x, torch.full((3, 1), float(levels))), rvq(x, levels).latent
    )


def test_each_row_has_its_own_levels_and_none_passes_through() -> None:
    rvq, x = fitted(), latents(batch=3)
    mixed = rvq.quantise(x, torch.tensor([[0.0], [2.0], [5.0]]))
    assert torch.equal(mixed[0], x[0])
    torch.testing.assert_close(mixed[1], rvq(x, 2).latent[1])
    torch.testing.assert_close(mixed[2], rvq(x, 5).latent[2])


def test_evaluation_repeats_itself_and_changes_nothing() -> None:
    rvq, x = quantizer(bypass=1.0).eval(), latents()
    before = {k: v.clone() for k, v in rvq.state_dict().items()}
    a, b = rvq(x), rvq(x)
    assert torch.equal(a.latent, b.latent)
    assert torch.equal(a.codes, b.codes)
    assert all(torch.equal(v, before[k]) for k, v in rvq.state_dict().items())


def test_bypass_takes_its_share_of_clips() -> None:
    x = latents(batch=400, frames=2)
    passed = (quantizer(bypass=0.25).train()(x).latent == x).flatten(1).all(1).float().mean()
    assert 0.15 < float(passed) < 0.35


def test_level_dropout_takes_its_share_of_clips_and_every_number_of_levels() -> None:
    torch.manual_seed(0)
    still = {"decay": 0.9999, "stale_usage": 0.0}
    rvq = ResidualVectorQuantizer(DIM, LEVELS, CODES, level_dropout=0.5, **still).train()
    rvq(latents())
    out = rvq(latents(batch=1000, frames=4))
    partial = torch.stack([rvq.decode(out.codes[:, :n]) for n in range(1, LEVELS + 1)])
    drawn = (partial - out.latent).square().flatten(2).sum(2).argmin(0) + 1
    assert set(drawn.tolist()) == set(range(1, LEVELS + 1))
    assert 0.5 < float((drawn == LEVELS).float().mean()) < 0.7


def test_half_precision_does_not_blur_the_choice_of_codes() -> None:
    rvq, x = fitted(), latents(batch=32)
    with torch.autocast("cpu", torch.bfloat16):
        out = rvq(x)
    assert torch.equal(out.codes, rvq(x).codes)
    assert out.latent.dtype == x.dtype


@pytest.mark.parametrize("levels", [0, -1, LEVELS + 1])
def test_levels_that_are_not_there_are_refused(levels: int) -> None:
    with pytest.raises(ValueError, match=f"1 to {LEVELS} are there"):
        quantizer()(latents(), levels)
