"""The exported file: played by plain onnxruntime, equal to the model, and says what it is."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from builders import (
    PLACES,
    SMALL,
    small_codec,
    small_sampler,
    tone,
    write_effect,
    write_mapped,
    write_sampler,
)

from export.codec.sound_bank import Entry, build_bank
from export.manifest import describe
from export.onnx import instrument_graph as graph_module
from export.onnx.instrument_graph import export_onnx
from realtime.plugins.onnx.file import read_instrument
from synth.contract import METADATA_KEY, ModelFileError
from synth.models.codec import Codec
from synth.models.codec.effect import CodecEffect
from synth.models.codec.sampler import CodecSampler
from synth.models.instrument import Instrument
from synth.nn import State, StreamingLayer


def _play(path: Path, feed: dict[str, np.ndarray], hops: int) -> np.ndarray:
    """Play a file with nothing but onnxruntime and the manifest's JSON, one hop at a time."""
    session = onnxruntime.InferenceSession(str(path))
    manifest = json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
    controls = {
        c["name"]: np.array([c["default"]], np.float32).reshape(1, c["size"])
        for c in manifest["controls"]
    }
    controls |= {k: v for k, v in feed.items() if k in controls}
    state = {s["name"]: np.zeros((1, *s["shape"]), s["dtype"]) for s in manifest["state"]}
    hop, pieces = manifest["hop"], []
    for i in range(hops):
        given = (
            {"audio": feed["audio"][:, :, i * hop : (i + 1) * hop]}
            if manifest["kind"] == "effect"
            else {"frames": np.ones(1, np.int64)}
        )
        out, *new = session.run(None, {**given, **controls, **state})
        names = [o.name for o in session.get_outputs()][1:]
        state = {n.removesuffix("_out"): v for n, v in zip(names, new, strict=True)}
        pieces.append(out)
    return np.concatenate(pieces, 2)


def test_effect_alone_is_the_codec(tmp_path: Path) -> None:
    """At the defaults the file plays decode(encode(x)) of the model, to 1e-5."""
    path = write_effect(tmp_path)
    hops = 40
    audio = np.random.default_rng(0).normal(0, 0.3, (1, 1, hops * SMALL.hop)).astype(np.float32)
    with torch.inference_mode():
        model = small_codec()
        wanted = model.decode(model.encode(torch.from_numpy(audio))).numpy()
    assert np.abs(_play(path, {"audio": audio}, hops) - wanted).max() < 1e-5


@pytest.mark.parametrize("levels", [1, 3])
def test_levels_quantise(tmp_path: Path, levels: int) -> None:
    """The control `levels` plays what the model does with so many levels."""
    path = write_effect(tmp_path)
    hops = 20
    audio = np.random.default_rng(1).normal(0, 0.3, (1, 1, hops * SMALL.hop)).astype(np.float32)
    feed = {"audio": audio, "levels": np.array([[levels]], np.float32)}
    with torch.inference_mode():
        wanted = small_codec()(torch.from_numpy(audio), levels).audio.numpy()
    assert np.abs(_play(path, feed, hops) - wanted).max() < 1e-5


def test_mix_zero_is_dry_at_once(tmp_path: Path) -> None:
    """The effect adds no delay: dry input passes through sample for sample."""
    path = write_effect(tmp_path)
    audio = np.random.default_rng(2).normal(0, 0.3, (1, 1, 10 * SMALL.hop)).astype(np.float32)
    out = _play(path, {"audio": audio, "mix": np.zeros((1, 1), np.float32)}, 10)
    assert np.array_equal(out, audio)


def test_sampler_at_the_recorded_key_decodes_the_bank(tmp_path: Path) -> None:
    """A held note at its own pitch is the decoder on the encoded sound, times the envelope."""
    path = write_sampler(tmp_path)
    gate = {"gate": np.ones((1, 1), np.float32), "velocity": np.ones((1, 1), np.float32)}
    feed = {**gate, "key": np.full((1, 1), 60.0, np.float32), "loop": np.zeros((1, 1), np.float32)}
    hops = 60
    out = _play(path, feed, hops)[0, 0]
    model = small_codec()
    with torch.inference_mode():
        audio = torch.from_numpy(tone(60, 1.0, SMALL.sample_rate))[None, None]
        latent = model.encode(audio).half().float()
        wanted = model.decode(latent)[0, 0, : len(out)].numpy()
    settled = slice(600, None)  # after the 3 ms attack
    assert np.abs(out[settled] - wanted[settled]).max() < 1e-4


class _Oscillator(StreamingLayer):
    """Stands in for a decoder: a sine that goes on for as many frames as a row takes up."""

    def __init__(self, frequency: float, hop: int) -> None:
        super().__init__()
        self.frequency, self.hop = frequency, hop

    def init_state(self, batch: int) -> State:
        return {"at": torch.zeros(batch, 1, dtype=torch.int64)}

    def step(
        self, x: torch.Tensor, state: State, advance: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, State]:
        assert advance is not None
        at = state["at"] + torch.arange(x.shape[2] * self.hop)
        y = torch.sin(2 * math.pi * self.frequency * at.double()).float()
        return y[:, None], {"at": state["at"] + (advance * self.hop)[:, None]}


@pytest.mark.parametrize(("key", "bend"), [(54, 0.0), (57, 0.0), (61, 0.0), (68, 0.0), (60, 1.37)])
def test_transposition_is_exact(key: int, bend: float) -> None:
    """A sine in the bank comes out transposed to the key and the bend, within 0.1 cent.

    All hops come in steps of one, so this also shows that no frame is lost or played twice.
    """
    sampler = small_sampler()
    frequency = 0.02
    sampler.decoder = _Oscillator(frequency, SMALL.hop)
    defaults = {c.name: torch.tensor([c.default]) for c in sampler.controls}
    gate = torch.ones(1, 1)
    pitch = {"key": gate * key, "bend": gate * bend, "sound": gate * 1}
    controls = {**defaults, "gate": gate, "velocity": gate, **pitch}
    with torch.inference_mode():
        out, _ = _blocks(sampler, controls, [1] * 400)
    sound = out[0, 0, 1000:].double().numpy()
    root = min((54, 60, 66), key=lambda k: abs(k - key))
    wanted = frequency * 2 ** ((key - root + bend) / 12)
    assert 1200 * abs(math.log2(_frequency(sound) / wanted)) < 0.1


def _frequency(sound: np.ndarray) -> float:
    """Cycles per sample of a sine, from its zero crossings, interpolated."""
    up = np.flatnonzero((sound[:-1] < 0) & (sound[1:] >= 0))
    crossings = up + sound[up] / (sound[up] - sound[up + 1])
    return float((len(crossings) - 1) / (crossings[-1] - crossings[0]))


def test_rows_of_different_pitch_do_not_disturb_each_other() -> None:
    """A voice sounds the same alone and beside voices that consume frames at other rates."""
    sampler = small_sampler()
    rng = np.random.default_rng(3)
    rows = 4
    controls = {
        c.name: torch.from_numpy(
            np.stack([c.from_unit(rng.random(c.size).astype(np.float32)) for _ in range(rows)])
        )
        for c in sampler.controls
    }
    controls["gate"][:] = 1
    with torch.inference_mode():
        together, _ = _blocks(sampler, controls, [1, 2, 1, 3, 1, 1, 2])
        for row in range(rows):
            alone, _ = _blocks(sampler, {k: v[row : row + 1] for k, v in controls.items()}, [11])
            assert float((together[row] - alone[0]).abs().max()) < 1e-4


def _blocks(instrument, controls, sizes):  # type: ignore[no-untyped-def]
    state = instrument.init_state(controls["gate"].shape[0])
    pieces = []
    for size in sizes:
        out, state = instrument.step(torch.tensor([size]), controls, state)
        pieces.append(out)
    return torch.cat(pieces, 2), state


def test_the_map_of_an_instrument_is_in_its_file(tmp_path: Path) -> None:
    assert read_instrument(write_mapped(tmp_path))[1].map == PLACES
    assert read_instrument(write_sampler(tmp_path))[1].map == ()


def test_manifest_travels_in_the_file(tmp_path: Path) -> None:
    """What `read_instrument` finds is what was exported, parity figure included."""
    _, manifest = read_instrument(write_sampler(tmp_path))
    assert manifest.kind == "generator"
    assert manifest.sounds == ("bell", "reed")
    assert manifest.key_range == (54, 72)
    assert 0 <= manifest.provenance["parity"] <= 1e-4


def test_a_graph_that_differs_is_not_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    """An export whose file plays something else fails instead of writing it."""
    real = graph_module.trace

    def sabotaged(instrument):  # type: ignore[no-untyped-def]
        model = real(instrument)
        for weight in model.graph.initializer:
            if weight.data_type == onnx.TensorProto.FLOAT and len(weight.dims) == 3:
                values = onnx.numpy_helper.to_array(weight) * 1.01
                weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
        return model

    monkeypatch.setattr(graph_module, "trace", sabotaged)
    effect = CodecEffect(Codec(SMALL).eval(), {})
    with pytest.raises(ModelFileError, match="differs from the model"):
        export_onnx(effect, describe(effect, "x", "codec", {}))


@pytest.mark.parametrize("kind", ["effect", "sampler"])
def test_stereo_codecs_are_exported_in_stereo(kind: str) -> None:
    """Two channels in, two out; the proof passes and the manifest says so."""
    codec = small_codec(config=dataclasses.replace(SMALL, audio_channels=2))
    if kind == "effect":
        instrument: Instrument = CodecEffect(codec, {})
    else:
        left = torch.from_numpy(np.stack([tone(60, 0.5, 24_000), tone(67, 0.5, 24_000)]))[None]
        with torch.inference_mode():
            entry = Entry("pair", 60, codec.encode(left)[0].t().contiguous())
        instrument = CodecSampler(codec, {}, build_bank([entry], codec.hop / 24_000))
    _, manifest = export_onnx(instrument, describe(instrument, "stereo", "codec", {}))
    assert manifest.channels_out == 2
    assert manifest.channels_in == (2 if kind == "effect" else 0)
