"""Statistics of a codec's latents; the evaluation of a known model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from synth.models.codec import Codec, CodecConfig
from synth.models.codec.model import CodecOutput
from training.codec.evaluation import evaluate
from training.codec.latent_statistics import latent_statistics
from training.data.library import Clip, build_library

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
