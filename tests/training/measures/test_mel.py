"""The multi-scale mel spectrogram, its distance and the other figures, by what they must obey."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.codec.losses import MelLoss
from training.measures.mel import FLOOR, Magnitude, MelScale, mel_filters
from training.measures.metrics import make_metric_mel, mel_distance_db, si_sdr_db
from training.measures.torchaudio_loader import load_torchaudio

RATE = 24_000
WINDOWS = (32, 64, 128, 256, 512, 1024, 2048)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def sine(frequency: float, samples: int = 24_000) -> torch.Tensor:
    return torch.sin(2 * math.pi * frequency * torch.arange(samples) / RATE)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_no_band_is_empty_and_no_bin_is_lost(window: int, rate: int) -> None:
    filters = mel_filters(rate, window, min(64, window // 4))
    assert torch.allclose(filters.sum(0), torch.ones(filters.shape[1]))
    heard = filters.sum(1)
    assert (heard[1:-1] > 0).all(), "every frequency between 0 and half the rate counts"


def test_long_windows_agree_with_torchaudio() -> None:
    """Where every triangle is wider than a bin, these are the usual (HTK) mel filters."""
    load_torchaudio()
    from torchaudio.functional import melscale_fbanks

    usual = melscale_fbanks(4097, 0.0, RATE / 2, 32, RATE)
    assert torch.allclose(mel_filters(RATE, 8192, 32), usual / usual.sum(0), atol=1e-5)


@pytest.mark.filterwarnings("ignore:At least one mel filterbank has all zero values")
def test_short_windows_leave_bands_of_torchaudio_empty() -> None:
    """Why these filters are made here."""
    load_torchaudio()
    from torchaudio.functional import melscale_fbanks

    usual = melscale_fbanks(65, 0.0, RATE / 2, 32, RATE)
    assert (usual.sum(0) == 0).any()
    assert (mel_filters(RATE, 128, 32).sum(0) > 0).all()


@pytest.mark.parametrize("window", WINDOWS)
def test_a_sine_is_loud_in_its_own_band(window: int) -> None:
    scale = MelScale(RATE, window, 64)
    frequency = RATE / window * (window // 8)
    levels = scale(sine(frequency)[None])[0].mean(0)
    expected = (scale.filters * torch.nn.functional.one_hot(
        torch.tensor(window // 8), window // 2 + 1
    )[:, None]).sum(0).argmax()  # fmt: skip
    assert abs(int(levels.argmax()) - int(expected)) <= 1


@pytest.mark.parametrize("window", WINDOWS)
def test_the_spectrum_is_torchs(window: int) -> None:
    """The magnitudes are those of torch.stft."""
    scale = MelScale(RATE, window, 64)
    audio = noise(2, 6000)
    taper = torch.hann_window(window)
    spectrum = torch.stft(
        audio, window, window // 4, window=taper, center=False, return_complex=True
    )
    usual = (spectrum.abs() * (2 / taper.sum())).transpose(1, 2) @ scale.filters
    made = scale(audio)
    assert torch.allclose(made, usual[:, : made.shape[1]], atol=2e-6)
    assert made.shape[1] == 6000 // (window // 4) - 3


@pytest.mark.parametrize("samples", [64, 300])
def test_the_gradient_of_magnitudes(samples: int) -> None:
    taper = torch.hann_window(64, dtype=torch.float64)
    audio = noise(2, samples).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: Magnitude.apply(x, taper), (audio,))


@given(gain=st.floats(0.01, 10), seed=st.integers(0, 5))
@settings(max_examples=15, deadline=None)
def test_magnitudes_are_proportional(gain: float, seed: int) -> None:
    scale = MelScale(RATE, 256, 64)
    audio = noise(1, 4000, seed=seed)
    assert torch.allclose(scale(gain * audio), gain * scale(audio), rtol=1e-3, atol=1e-6)


class TestLoss:
    loss = MelLoss(RATE, WINDOWS, 64)

    def test_it_is_zero_for_the_same(self) -> None:
        audio = noise(2, 1, 6000)
        assert float(self.loss.between(audio, audio)) == pytest.approx(0, abs=1e-6)

    @pytest.mark.parametrize("factor", [0.25, 0.5, 2.0, 8.0])
    def test_a_gain_costs_its_nepers(self, factor: float) -> None:
        audio = noise(1, 1, 12_000)
        linear = sum(
            float((m * abs(factor - 1)).mean()) for m in self.loss.mel(audio)
        ) / sum(self.loss.weights)  # fmt: skip
        expected = abs(math.log(factor)) + linear
        assert float(self.loss.between(factor * audio, audio)) == pytest.approx(expected, rel=1e-3)

    def test_silence_against_silence_is_nothing_and_has_a_gradient(self) -> None:
        made = torch.zeros(1, 1, 4000, requires_grad=True)
        value = self.loss.between(made, torch.zeros(1, 1, 4000))
        value.backward()
        assert float(value.detach()) == pytest.approx(0, abs=1e-6)
        assert made.grad is not None
        assert torch.isfinite(made.grad).all()

    def test_the_gradient_is_the_slope(self) -> None:
        audio, target = noise(1, 1, 4096).double(), noise(1, 1, 4096, seed=1)
        audio = audio.float().requires_grad_()
        self.loss.between(audio, target).backward()
        assert audio.grad is not None
        way = noise(1, 1, 4096, seed=2)
        step = 1e-2
        up = float(self.loss.between(audio.detach() + step * way, target))
        down = float(self.loss.between(audio.detach() - step * way, target))
        assert (up - down) / (2 * step) == pytest.approx(float((audio.grad * way).sum()), rel=0.05)

    def test_descending_it_leads_to_the_target(self) -> None:
        target = 0.5 * sine(500, 4096)[None, None] + noise(1, 1, 4096)
        made = noise(1, 1, 4096, seed=1).requires_grad_()
        optimizer = torch.optim.Adam([made], lr=0.02)
        first = float(self.loss.between(made.detach(), target))
        for _ in range(80):
            optimizer.zero_grad()
            value = self.loss.between(made, target)
            value.backward()
            optimizer.step()
        assert float(value.detach()) < 0.5 * first

    def test_clips_shorter_than_the_longest_window_count(self) -> None:
        assert float(self.loss.between(noise(1, 1, 500), torch.zeros(1, 1, 500))) > 1

    def test_each_channel_counts(self) -> None:
        audio = noise(1, 2, 4000)
        wrong = audio.clone()
        wrong[:, 1] = 0
        one = float(self.loss.between(wrong, audio))
        assert one == pytest.approx(
            float(self.loss.between(torch.zeros(1, 1, 4000), audio[:, 1:])) / 2, rel=1e-3
        )


class TestFigures:
    def test_mel_distance_of_a_gain_is_its_decibels(self) -> None:
        mel = make_metric_mel(RATE)
        audio = noise(1, 1, 24_000)
        assert mel_distance_db(mel(0.5 * audio), mel(audio)) == pytest.approx(6.02, abs=0.02)
        assert mel_distance_db(mel(audio), mel(audio)) == 0

    def test_mel_distance_has_a_floor(self) -> None:
        mel = make_metric_mel(RATE)
        silence = torch.zeros(1, 1, 24_000)
        assert mel_distance_db(mel(silence + FLOOR / 1000), mel(silence)) == 0

    @pytest.mark.parametrize("ratio_db", [-10.0, 0.0, 20.0])
    def test_si_sdr_of_noise_at_a_known_level(self, ratio_db: float) -> None:
        target, disturbance = noise(1, 200_000), noise(1, 200_000, seed=1)
        made = target + disturbance * 10 ** (-ratio_db / 20)
        assert si_sdr_db(made, target) == pytest.approx(ratio_db, abs=0.1)
        assert si_sdr_db(3 * made, target) == pytest.approx(si_sdr_db(made, target), abs=1e-4)

    def test_si_sdr_leaves_silent_rows_out(self) -> None:
        target = torch.cat([noise(1, 1000), torch.zeros(1, 1000)])
        made = target + 0.01 * noise(2, 1000, seed=1)
        assert si_sdr_db(made, target) == pytest.approx(si_sdr_db(made[:1], target[:1]))
        assert math.isnan(si_sdr_db(made[1:], target[1:]))
