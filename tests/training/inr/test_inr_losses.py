"""Losses of coordinate networks: zero at identity, right by hand, with right gradients."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from synth.contract import ConfigError
from training.inr.config import INRTrainConfig
from training.inr.losses import MultiScaleSTFT, derivative, inr_terms, per_sample
from training.measures.resampling import resample

SMALL = MultiScaleSTFT((64, 16))
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "per_sample": per_sample,
    "derivative": derivative,
    "stft": SMALL,
}


def noise(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("name", LOSSES)
def test_zero_at_identity_and_nowhere_else(name: str) -> None:
    sound = noise(0, 3, 200)
    assert LOSSES[name](sound, sound) == 0
    assert LOSSES[name](sound, 0.9 * sound) > 0


@pytest.mark.parametrize("name", LOSSES)
def test_gradient(name: str) -> None:
    made, meant = noise(1, 2, 80).requires_grad_(), noise(2, 2, 80)
    assert torch.autograd.gradcheck(lambda x: LOSSES[name](x, meant), made)


@pytest.mark.parametrize("name", LOSSES)
def test_batch_size_changes_nothing(name: str) -> None:
    made, meant = noise(1, 2, 80), noise(2, 2, 80)
    doubled = LOSSES[name](made.repeat(2, 1), meant.repeat(2, 1))
    assert torch.allclose(doubled, LOSSES[name](made, meant))


@pytest.mark.parametrize("name", LOSSES)
def test_low_precision_is_not_passed_on(name: str) -> None:
    made, meant = noise(1, 2, 80).bfloat16(), noise(2, 2, 80).float()
    loss = LOSSES[name](made, meant)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, LOSSES[name](made.float(), meant))


def test_by_hand() -> None:
    made = torch.tensor([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]])
    meant = torch.tensor([[0.0, 2.0, 2.0], [1.0, 1.0, 1.0]])
    assert per_sample(made, meant) == ((1 + 0 + 4) + 3) / 2
    # Errors 1, 0, 2 have the slopes -1 and 2; a constant error has none.
    assert derivative(made, meant) == ((1 + 4) + 0) / 2


def test_spectrum_of_a_tone_is_level_and_blind_to_phase() -> None:
    time = torch.arange(4_096, dtype=torch.float64)
    size, cycles, amplitude = 256, 32, 0.5
    tone = amplitude * torch.sin(2 * math.pi * cycles / size * time)[None]
    loss = MultiScaleSTFT((size,))
    # A Hann window adds up to size/2, half of which is the positive frequency's, over √size.
    middle = loss.magnitude(tone, size)[0, 4:-4, cycles]
    assert torch.allclose(middle, torch.tensor(amplitude * math.sqrt(size) / 4).double(), rtol=1e-5)
    shifted = amplitude * torch.sin(2 * math.pi * cycles / size * time + 1.0)[None]
    inner = (loss.magnitude(shifted, size) - loss.magnitude(tone, size))[:, 4:-4]
    assert inner.abs().max() < 1e-7
    assert per_sample(shifted, tone) > 100


def test_white_noise_has_the_same_level_at_every_size() -> None:
    loss = MultiScaleSTFT((2048, 512, 128))
    levels = [loss.magnitude(noise(3, 1, 60_000), size).mean() for size in loss.sizes]
    # Half-normal real and imaginary parts: √(3/8) (Hann's root mean square) times √(π/4).
    expected = math.sqrt(3 / 8) * math.sqrt(math.pi / 4)
    assert levels == pytest.approx([expected] * 3, rel=0.02)


def test_sizes_longer_than_the_sound_are_left_out() -> None:
    made, meant = noise(1, 1, 100), noise(2, 1, 100)
    assert torch.equal(MultiScaleSTFT((128, 64))(made, meant), MultiScaleSTFT((64,))(made, meant))


def test_on_a_comb_an_error_counts_as_its_image_does() -> None:
    time = torch.arange(0, 8_192, 4, dtype=torch.float64)  # every fourth sample
    silence = torch.zeros(1, len(time), dtype=torch.float64)
    loss = MultiScaleSTFT((512,))
    low, image = 0.01, 0.25 + 0.01  # cycles per sample
    errors = [loss(torch.sin(2 * math.pi * f * time)[None], silence) for f in (low, image)]
    assert errors[0] == pytest.approx(float(errors[1]), rel=1e-6)


def test_terms_are_those_with_a_weight() -> None:
    given = {"cdpam": 0.0, "per_sample": 2.0, "deriv_per_sample": 3.0, "multiscale_stft": 0.0}
    terms = inr_terms(INRTrainConfig(**given), 8_000, 1.0)
    assert [(t.name, t.weight) for t in terms] == [("per_sample", 2.0), ("deriv_per_sample", 3.0)]
    with pytest.raises(ConfigError, match="spectra of 128 points and more, and there are 100"):
        inr_terms(INRTrainConfig(cdpam=0.0), 100, 1.0)


def test_resampling_keeps_a_tone_and_drops_what_the_new_rate_has_no_room_for() -> None:
    def tone(hz: float, rate: int) -> Tensor:
        # A cosine of whole half-periods goes on smoothly in its mirror image.
        time = (torch.arange(rate, dtype=torch.float64) + 0.5) / rate
        return torch.cos(math.pi * hz * 2 * time)[None]

    for rate in (22_050, 12_345):
        made = resample(tone(1_000.0, 16_000), rate)
        time = torch.arange(rate, dtype=torch.float64) / rate + 0.5 / 16_000
        meant = torch.cos(2 * math.pi * 1_000.0 * time)[None]
        assert (made - meant).abs().max() < 1e-9
    assert resample(tone(5_000.0, 16_000), 8_000).abs().max() < 1e-9
    assert torch.equal(resample(tone(9.0, 100), 100), tone(9.0, 100))
    sound = noise(4, 2, 30).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: resample(x, 41), sound)
    assert torch.autograd.gradcheck(lambda x: resample(x, 19), sound)
