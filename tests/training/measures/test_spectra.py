"""Distance of spectra: levels right by hand, blind to phase, folded alike on a comb."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.measures.spectra import MultiScaleSTFT
from training.measures.torchaudio_loader import load_torchaudio


def noise(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


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
    assert (shifted - tone).square().sum() > 100


@pytest.mark.parametrize("size", [64, 512])
def test_magnitudes_are_those_of_torchaudio(size: int) -> None:
    load_torchaudio()
    from torchaudio.transforms import Spectrogram

    audio = noise(5, 2, 3_000).float()
    usual = Spectrogram(size, hop_length=size // 4, power=1.0, pad_mode="reflect")(audio)
    made = MultiScaleSTFT((size,)).magnitude(audio, size)
    assert torch.allclose(made, usual.transpose(1, 2) / math.sqrt(size), atol=1e-4)


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
