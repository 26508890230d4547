"""Sounds that end within a few steps are exported, and the proof plays their ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from builders import small_codec, tone

from export import parity as parity_module
from export.codec.sound_bank import Entry, build_bank
from export.manifest import describe
from export.onnx.instrument_graph import export_onnx, parity
from synth.models.codec import PRESETS, Codec
from synth.models.codec.sampler import CodecSampler


def sampler(codec: Codec, *seconds: float) -> CodecSampler:
    rate = codec.config.sample_rate
    entries = []
    for number, length in enumerate(seconds):
        audio = tone(60 + number, length, rate) * np.exp(
            -6 * np.arange(round(length * rate)) / rate
        )
        with torch.inference_mode():
            latents = codec.encode(torch.from_numpy(audio.astype(np.float32))[None, None])[0].t()
        entries.append(Entry("pluck", 60 + number, latents.contiguous()))
    return CodecSampler(codec, {}, build_bank(entries, codec.hop / rate))


@pytest.mark.parametrize("preset", ["tiny", "small"])
@pytest.mark.parametrize("seconds", [(0.06, 0.1), (0.3,), (0.6,) * 4], ids=str)
def test_short_sounds_are_exported(preset: str, seconds: tuple[float, ...]) -> None:
    torch.manual_seed(0)
    instrument = sampler(Codec(PRESETS[preset]).eval(), *seconds)
    graph, manifest = export_onnx(instrument, describe(instrument, "short", "codec", {}))
    assert manifest.provenance["parity"] < 1e-5
    assert max(parity(instrument, graph, hops=h, seed=h) for h in (24, 61)) < 1e-4


def test_the_proof_hears_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sound that ends two frames early is found by the rows at the ends, and by no others."""
    instrument = sampler(small_codec(), 1.0, 0.02)
    graph, _ = export_onnx(instrument, describe(instrument, "short", "codec", {}))
    early = sampler(small_codec(), 1.0, 0.02)
    early.length = early.length - 2 * (early.length == early.length.min()).long()
    assert parity(early, graph) > 1e-3
    early.ends = ()
    monkeypatch.setattr(parity_module, "SPREAD_ROWS", 1)
    assert parity(early, graph) < 1e-4
