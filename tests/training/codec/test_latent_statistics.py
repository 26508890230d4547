"""Principal axes and ranges of latents with a known shape; the evaluation of a known model."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from matplotlib.image import imread
from torch import Tensor

from synth.models.codec import Codec, CodecConfig
from synth.models.codec.model import CodecOutput
from training.codec.evaluation import evaluate
from training.codec.latent_statistics import latent_statistics, principal_axes
from training.data.library import Clip, build_library
from training.measures.pictures import draw

CONFIG = CodecConfig(
    sample_rate=16_000, channels=4, strides=(2, 4), dilations=(1,), kernel=3, latent_dim=8,
    levels=2, codebook_size=16,
)  # fmt: skip


@pytest.fixture
def clips(tmp_path: Path) -> tuple[Clip, ...]:
    """Three noises of 1.5 s: every band of them is over the floor."""
    for number in range(3):
        noise = 0.1 * np.random.default_rng(number).standard_normal(24_000)
        soundfile.write(tmp_path / f"noise-{number}.wav", noise, 16_000)
    return build_library(tmp_path, 16_000, 1, cache=tmp_path / "cache").clips


def test_axes_of_a_gaussian_with_known_axes() -> None:
    generator = torch.Generator().manual_seed(0)
    turn, _ = torch.linalg.qr(torch.randn(4, 4, generator=generator))
    spread = torch.tensor([1.0, 5.0, 0.1, 2.0])
    vectors = (torch.randn(60_000, 4, generator=generator) * spread) @ turn + 3.0
    found = principal_axes(vectors)
    assert torch.allclose(found["mean"], torch.full((4,), 3.0), atol=0.1)
    order = [1, 3, 0, 2]
    for row, axis in zip(found["axes"], turn[order], strict=True):
        assert abs(float(row @ axis)) > 0.999
    # The 99th percentile of a normal distribution lies at 2.326 deviations.
    assert torch.allclose(found["high"], 2.326 * spread[order], rtol=0.05)
    assert torch.allclose(found["low"], -2.326 * spread[order], rtol=0.05)
    assert torch.allclose(found["axes"] @ found["axes"].t(), torch.eye(4), atol=1e-5)


def test_directions_do_not_flip() -> None:
    vectors = torch.randn(500, 3, generator=torch.Generator().manual_seed(1))
    axes = principal_axes(vectors)["axes"]
    assert torch.allclose(axes, principal_axes(vectors.flip(0))["axes"], atol=1e-4)


@pytest.mark.parametrize("count", [1, 3])
def test_few_or_equal_vectors_still_give_a_range(count: int) -> None:
    found = principal_axes(torch.ones(count, 4))
    assert all(torch.isfinite(t).all() for t in found.values())
    assert (found["low"] < 0).all()
    assert (found["high"] > 0).all()


def test_statistics_are_of_the_models_latents(clips: tuple[Clip, ...]) -> None:
    torch.manual_seed(0)
    model = Codec(CONFIG).eval()
    found = latent_statistics(model, clips, 100.0)
    with torch.no_grad():
        latents = torch.cat(
            [model.encode(torch.from_numpy(np.array(c.open()))[None])[0].t() for c in clips]
        )
    assert torch.allclose(found["mean"], latents.mean(0), atol=1e-5)
    along = (latents - found["mean"]) @ found["axes"].t()
    inside = ((along >= found["low"]) & (along <= found["high"])).float().mean()
    assert float(inside) == pytest.approx(0.98, abs=0.01)
    assert torch.equal(latent_statistics(model, clips, 100.0)["axes"], found["axes"])


def test_how_much_is_looked_at(clips: tuple[Clip, ...]) -> None:
    torch.manual_seed(0)
    model = Codec(CONFIG).eval()
    one, all_three = (latent_statistics(model, clips, s)["mean"] for s in (4.0, 12.0))
    assert not torch.equal(one, all_three)
    assert [len(evaluate(model, clips, s).pairs) for s in (1.0, 8.0, 100.0)] == [1, 2, 3]


class Known(Codec):
    """Gives back its input times a factor."""

    factor = 1.0

    def forward(self, audio: Tensor, levels: int | None = None) -> CodecOutput:
        out = super().forward(audio, levels)
        return out._replace(audio=self.factor * audio)


def test_a_perfect_model_has_perfect_figures(clips: tuple[Clip, ...]) -> None:
    model = Known(CONFIG).eval()
    found = evaluate(model, clips, 100.0)
    assert found.figures.mel_db == 0
    assert found.figures.si_sdr_db > 100
    assert len(found.pairs) == 3
    np.testing.assert_array_equal(*found.pairs[0])


def test_a_model_that_halves_is_6_db_off(clips: tuple[Clip, ...]) -> None:
    model = Known(CONFIG).eval()
    model.factor = 0.5
    figures = evaluate(model, clips, 100.0).figures
    assert figures.mel_db == pytest.approx(6.02, abs=0.05)
    assert figures.si_sdr_db > 100
    assert 0 < figures.used_codes <= 1


def test_the_picture_shows_input_over_output() -> None:
    """A noise over silence: the lower spectrogram is black, the upper is not."""
    loud = np.random.default_rng(0).standard_normal((1, 16_000)).astype(np.float32) / 10
    picture = imread(io.BytesIO(draw(loud, 0 * loud, 16_000, "title")))
    height, width = picture.shape[:2]
    black = picture[..., :3].max(-1) < 0.1
    assert black[: height // 2].sum() < 0.05 * height * width
    assert black[height // 2 :].sum() > 0.2 * height * width
