"""The exported SampleRNN: in plain onnxruntime the same samples as the model, and what it obeys."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile
import torch
from live_rig import (
    PLAIN,
    RATE,
    STEERED,
    small_instrument,
    small_model,
    write_live,
    write_scale,
)

from export.export_model import export_model
from export.manifest import describe
from export.samplernn import instrument_file as samplernn_module
from export.samplernn.instrument_file import export_live
from export.samplernn.live_graph import live_graph
from export.samplernn.prime_bank import even_places, excerpts, hear, read_material
from export.samplernn.proof import proof
from realtime.engine.settings import EngineSettings
from realtime.namespace.event import Event
from realtime.plugins.onnx.file import read_instrument
from realtime.plugins.onnx.plugin import OnnxPlugin
from realtime.plugins.rack import build_engine
from realtime.session.offline import render_events
from synth.contract import METADATA_KEY, ConfigError, DataError, ModelFileError
from synth.models.package import pack
from synth.models.samplernn import Drawing, SampleRNNConfig
from synth.models.samplernn.folding import FoldedSampleRNN
from synth.models.samplernn.instrument import NOISE
from synth.models.samplernn.live import bits_per_sample
from synth.models.samplernn.stepping import make_frames

HOPS = 6
CONFIGS = pytest.mark.parametrize("config", [PLAIN, STEERED], ids=["one tier", "three tiers"])


class Player:
    """Plays a file with nothing but onnxruntime and the JSON in it."""

    def __init__(self, path: Path, voices: int = 1) -> None:
        self.session = onnxruntime.InferenceSession(path)
        text = self.session.get_modelmeta().custom_metadata_map[METADATA_KEY]
        self.manifest = json.loads(text)
        self.voices, self.hop = voices, self.manifest["hop"]
        self.controls = {
            c["name"]: np.tile(np.float32(c["default"]), (voices, 1))
            for c in self.manifest["controls"]
        }
        self.controls["gate"][:] = 1
        self.state = {
            s["name"]: np.zeros((voices, *s["shape"]), s["dtype"]) for s in self.manifest["state"]
        }

    def play(self, noise: np.ndarray) -> np.ndarray:
        """`noise [voices, hops, hop]` to sound `[voices, samples]`."""
        feed = {"frames": np.array([noise.shape[1]]), NOISE: noise, **self.controls, **self.state}
        outputs = ["audio_out", *(f"{name}_out" for name in self.state)]
        audio, *new = self.session.run(outputs, feed)
        self.state = dict(zip(self.state, new, strict=True))
        return audio[:, 0]


def noise_for(player: Player, hops: int = HOPS, seed: int = 0) -> np.ndarray:
    """Noise of all voices."""
    generator = np.random.default_rng(seed)
    return generator.standard_normal((player.voices, hops, player.hop), np.float32)


@CONFIGS
def test_the_file_makes_the_samples_of_the_model(tmp_path: Path, config: SampleRNNConfig) -> None:
    """Against the model's own generation, from the same state with the same numbers."""
    instrument = small_instrument(tmp_path, config)
    player = Player(write_live(tmp_path, config))
    noise = noise_for(player)
    audio = player.play(noise)
    defaults = {c.name: torch.tensor([c.default]) for c in instrument.controls}
    with torch.inference_mode():
        given = {**defaults, **instrument.init_state(1), NOISE: torch.from_numpy(noise)}
        begun = instrument.begin(given)
        folded_state = {k: begun[k] for k in (*instrument.tier_keys, "history")}
        uniform = torch.tensor([[0.5 * (1 + math.erf(v / math.sqrt(2))) for v in noise.ravel()]])
        frames = uniform.shape[1] // config.hop
        features = None
        if config.feature_count:
            # Key 60; velocity 0.8 asks for the usual loudness; the first class.
            features = torch.tensor([60.0, -10.0, 1.0, 0.0]).expand(1, frames, -1)
        folded = FoldedSampleRNN(small_model(config))
        steered = folded.model.steer(features)
        draw = Drawing().rule(1, torch.device("cpu"))
        codes, _ = make_frames(folded, folded_state, uniform.float(), steered, draw)
        wanted = small_model(config).decode(codes)[0].numpy()
    envelope = 1 - np.exp(-np.log(1000) / (0.005 * RATE) * np.arange(1, audio.shape[1] + 1))
    gain = envelope * (1.0 if config.features else 0.8**2)
    assert np.abs(audio[0] - wanted * gain).max() < 1e-5
    assert len(np.unique(codes)) > 10


@CONFIGS
def test_blocks_of_any_size_and_voices_side_by_side(
    tmp_path: Path, config: SampleRNNConfig
) -> None:
    """Three different voices in one block, in blocks of 1, 2 and 3, and each one alone."""
    path = write_live(tmp_path, config)

    def different(player: Player, rows: slice) -> None:
        player.controls["key"][:] = np.array([[40], [60], [80]], np.float32)[rows]
        player.controls["temperature"][:] = np.array([[1.0], [0.7], [0.0]], np.float32)[rows]
        player.controls["top_k"][:] = np.array([[0], [5], [0]], np.float32)[rows]

    together = Player(path, 3)
    different(together, slice(0, 3))
    noise = noise_for(together)
    whole = together.play(noise)
    blocks = Player(path, 3)
    different(blocks, slice(0, 3))
    pieces = [blocks.play(noise[:, a:b]) for a, b in ((0, 1), (1, 3), (3, 6))]
    assert np.abs(np.concatenate(pieces, 1) - whole).max() < 1e-6
    for row in range(3):
        alone = Player(path)
        different(alone, slice(row, row + 1))
        assert np.abs(alone.play(noise[row : row + 1])[0] - whole[row]).max() < 1e-6
    assert np.abs(whole[0] - whole[1]).max() > 0.01


def test_temperature_zero_hears_no_noise(tmp_path: Path) -> None:
    path = write_live(tmp_path)
    sounds = []
    for seed in (0, 1):
        player = Player(path)
        player.controls["temperature"][:] = 0
        sounds.append(player.play(noise_for(player, seed=seed)))
    assert np.array_equal(*sounds)


def test_top_k_one_is_the_most_likely(tmp_path: Path) -> None:
    path = write_live(tmp_path)
    sounds = []
    for name, value in (("temperature", 0), ("top_k", 1)):
        player = Player(path)
        player.controls[name][:] = value
        sounds.append(player.play(noise_for(player)))
    assert np.array_equal(*sounds)


@CONFIGS
def test_freeze_holds_the_memory_and_not_the_sound(tmp_path: Path, config: SampleRNNConfig) -> None:
    player = Player(write_live(tmp_path, config))
    noise = noise_for(player)
    player.play(noise)
    memory = {k: v.copy() for k, v in player.state.items() if "tier" in k}
    player.controls["freeze"][:] = 1
    sound = player.play(noise)
    assert memory
    assert all(np.array_equal(player.state[k], v) for k, v in memory.items())
    assert sound.std() > 0.01
    player.controls["freeze"][:] = 0
    player.play(noise)
    assert not all(np.array_equal(player.state[k], v) for k, v in memory.items())


def test_a_change_of_reprime_starts_again(tmp_path: Path) -> None:
    """What follows is the beginning of the note, envelope apart; without it, it isn't."""
    player = Player(write_live(tmp_path))
    noise = noise_for(player, 2)
    player.controls["attack"][:] = 0.001
    first = player.play(noise)
    second = player.play(noise)
    player.controls["reprime"][:] = 1
    third = player.play(noise)
    settled = slice(200, None)
    assert np.abs(third - first)[:, settled].max() < 1e-4
    assert np.abs(second - first)[:, settled].max() > 0.01


def test_keys_and_position_choose_the_place(tmp_path: Path) -> None:
    """The history that a note goes on from is that of another place."""
    path = write_live(tmp_path)
    starts = []
    for key, position in ((30, 0.0), (90, 0.0), (30, 0.5)):
        player = Player(path)
        player.controls["key"][:], player.controls["position"][:] = key, position
        player.controls["temperature"][:] = 0
        starts.append(player.play(noise_for(player, 1)))
    assert not np.array_equal(starts[0], starts[1])
    assert not np.array_equal(starts[0], starts[2])


def test_a_note_starts_where_its_pitch_was_heard(tmp_path: Path) -> None:
    """The scale rises from key 48 to 62: low keys start early in it, high ones late."""
    instrument = small_instrument(tmp_path, STEERED)
    place = instrument.place
    assert bool((place[1:] >= place[:-1]).all())
    assert int(place[48]) < 16 < int(place[62])


@pytest.mark.parametrize(
    ("name", "value"), [("pitch", 12), ("loudness", -20), ("bend", 2), ("sound", 1)]
)
def test_every_feature_steers(tmp_path: Path, name: str, value: float) -> None:
    path = write_live(tmp_path, STEERED)
    plain, moved = Player(path), Player(path)
    moved.controls[name][:] = value
    noise = noise_for(plain)
    assert not np.array_equal(plain.play(noise), moved.play(noise))


def test_pitch_adds_to_the_key(tmp_path: Path) -> None:
    """Key 60, key 58 with bend 2 and key 55 with pitch 5 ask the model for the same."""
    path = write_live(tmp_path, STEERED)
    sounds = []
    for key, bend, pitch in ((60, 0, 0), (58, 2, 0), (55, 0, 5)):
        player = Player(path)
        player.controls["key"][:] = 60
        noise = noise_for(player)
        player.play(noise[:, :1])  # started at the same place
        player.controls["key"][:], player.controls["bend"][:] = key, bend
        player.controls["pitch"][:] = pitch
        sounds.append(player.play(noise))
    assert np.array_equal(sounds[0], sounds[1])
    assert np.array_equal(sounds[0], sounds[2])


def test_gain_and_release(tmp_path: Path) -> None:
    path = write_live(tmp_path)
    loud, soft = Player(path), Player(path)
    soft.controls["gain"][:] = -20
    noise = noise_for(loud)
    assert np.allclose(loud.play(noise), 10 * soft.play(noise), atol=1e-6)
    loud.controls["gate"][:], loud.controls["release"][:] = 0, 0.02
    fading = np.abs(loud.play(noise))[0]
    assert fading[: loud.hop].max() > 0.01
    assert fading[-loud.hop :].max() < 1e-3


@CONFIGS
def test_bits_per_sample_are_those_of_the_model(tmp_path: Path, config: SampleRNNConfig) -> None:
    """The parts, fed with known sound, are as surprised as the model in one pass."""
    model, instrument = small_model(config), small_instrument(tmp_path, config)
    material = read_material(model, [write_scale(tmp_path)], 600.0)
    starts = even_places(material, config, 512, 3)
    codes, steering = excerpts(material, config, starts, 512)
    with torch.inference_mode():
        logits, _ = model(codes, None, steering)
        wanted = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), codes[:, config.context :].flatten()
        ) / math.log(2)
        steered = instrument.steering.steer(steering)
        _, state = hear(model, codes[:, : config.context], None)
        bits, _ = bits_per_sample(instrument.live, codes, steered, state)
    assert bits == pytest.approx(float(wanted), abs=1e-4)


@CONFIGS
def test_int8_is_smaller_proved_and_says_what_it_costs(
    tmp_path: Path, config: SampleRNNConfig
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    told = {"data": {"path": str(write_scale(tmp_path))}}
    torch.save(pack("samplernn", small_model(config), config, {}, told), folder / "model.pt")
    files = {w: export_model(folder / "model.pt", weights=w, name=w)[0] for w in ("fp32", "int8")}
    small = files["int8"].manifest.provenance
    assert files["int8"].size < 0.9 * files["fp32"].size
    bits = small["bits_per_sample"]
    assert bits["int8"] == pytest.approx(bits["fp32"], rel=0.05)
    assert bits["int8"] != bits["fp32"]
    assert small["graph_parity"] < 0.05
    assert 0.0 < small["codes_differing"] < 1.0
    assert "codes_differing" not in files["fp32"].manifest.provenance
    assert f"in {100 * small['codes_differing']:.1f} % of" in files["int8"].difference
    assert files["fp32"].manifest.provenance["parity"] < 1e-4
    assert "path" not in small["data"]
    player = Player(files["int8"].path)
    assert player.play(noise_for(player)).std() > 0.01


def test_rows_of_int8_do_not_hear_each_other(tmp_path: Path) -> None:
    """Integers have one range for all rows, fixed at the export: a loud row coarsens no other."""
    instrument = small_instrument(tmp_path, PLAIN, "int8")
    path = tmp_path / "int8.onnx"
    path.write_bytes(export_live(instrument, describe(instrument, "x", "samplernn", {}))[0])
    both, alone = Player(path, 2), Player(path)
    both.controls["key"][1] = 90
    noise = noise_for(both)
    assert np.array_equal(both.play(noise)[:1], alone.play(noise[:1]))


def test_a_graph_that_differs_is_not_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instrument = small_instrument(tmp_path)
    real = live_graph

    def sabotaged(given):  # type: ignore[no-untyped-def]
        with torch.no_grad():
            given.live.output.bias[10] += 0.5
            graph = real(given)
            given.live.output.bias[10] -= 0.5
        return graph

    monkeypatch.setattr(samplernn_module, "live_graph", sabotaged)
    with pytest.raises(ModelFileError, match="differs from the model"):
        export_live(instrument, describe(instrument, "x", "samplernn", {}))


def _plugin(path: Path) -> tuple[OnnxPlugin, Callable[..., np.ndarray]]:
    plugin = OnnxPlugin(path)
    plugin.prepare(3)
    defaults = {c.name: c.default_array for c in plugin.manifest.controls}

    def hop(rows: list[int], **values: float) -> np.ndarray:
        controls = {k: np.tile(v, (len(rows), 1)) for k, v in defaults.items()}
        controls["gate"][:] = 1
        for name, value in values.items():
            controls[name][:] = value
        return plugin.process(np.array(rows), controls, None)

    return plugin, hop


def test_a_note_and_a_seed_begin_the_noise_anew(tmp_path: Path) -> None:
    """A row's chance comes from its seed alone: not from its number, its neighbours or the past."""
    plugin, hop = _plugin(write_live(tmp_path))
    first = np.concatenate([hop([0]), hop([0])], 2)
    other = np.concatenate([hop([2]), hop([1, 2])[1:]], 2)
    assert np.array_equal(first, other)
    hop([0])
    plugin.reset(np.array([0]))
    assert np.array_equal(hop([0]), first[:, :, : plugin.manifest.hop])
    plugin.reset(np.array([0]))
    assert not np.array_equal(hop([0], seed=5), first[:, :, : plugin.manifest.hop])


def test_a_moved_seed_repeats_what_follows(tmp_path: Path) -> None:
    """From the same state, going to seed 7 gives the same samples each time."""
    plugin, hop = _plugin(write_live(tmp_path))
    sounds = []
    for _ in range(2):
        plugin.reset(np.array([0]))
        hop([0], seed=3)
        sounds.append(hop([0], seed=7))
    assert np.array_equal(*sounds)
    plugin.reset(np.array([0]))
    hop([0], seed=3)
    assert not np.array_equal(hop([0], seed=3), sounds[0])


def test_it_plays_in_the_engine(tmp_path: Path) -> None:
    """A score through the engine: sound, the same twice, and no complaint of the loader."""
    path = write_live(tmp_path)
    _, manifest = read_instrument(path)
    assert manifest.family == "samplernn"
    assert manifest.kind == "generator"
    sounds = []
    for block in (256, 1000):
        engine = build_engine(EngineSettings((str(path),), sample_rate=48_000, voices=2))
        events = [
            Event(0, "/note/on", (60.0, 100.0)),
            Event(5_000, "/note/on", (72.0, 60.0)),
            Event(12_000, "/small/seed", (3.0,)),
            Event(15_000, "/note/off", (60.0,)),
        ]
        sounds.append(render_events(engine, events, 24_000, block))
        assert engine.stats()["plugin_errors"] == engine.stats()["muted_hops"] == 0
        engine.close()
    assert sounds[0].std() > 0.001
    assert np.array_equal(*sounds)


def test_what_cannot_be_exported_is_refused(tmp_path: Path) -> None:
    told = {"data": {"path": str(tmp_path / "gone")}}
    path = tmp_path / "model.pt"
    torch.save(pack("samplernn", small_model(), PLAIN, {}, told), path)
    with pytest.raises(ConfigError, match="--sounds"):
        export_model(path)
    with pytest.raises(ModelFileError, match="generator"):
        export_model(path, form="sampler", sounds=write_scale(tmp_path))
    with pytest.raises(ConfigError, match="int4"):
        export_model(path, weights="int4", sounds=write_scale(tmp_path))
    with pytest.raises(ConfigError, match="torchscript"):
        export_model(path, format="torchscript", sounds=write_scale(tmp_path))
    with pytest.raises(DataError, match="longer --sounds"):
        export_model(path, sounds=write_scale(tmp_path), max_seconds=0.5)


def test_what_training_leaves_out_the_prime_bank_leaves_out(tmp_path: Path) -> None:
    """A file that can't be read and a silent one change nothing, and are told."""
    scale, model = write_scale(tmp_path), small_model()
    bad, silent = tmp_path / "bad.wav", tmp_path / "silent.wav"
    bad.write_bytes(b"no audio")
    soundfile.write(silent, np.zeros(RATE), RATE)
    told: list[str] = []
    material = read_material(model, [bad, scale, silent], 600.0, told.append)
    assert torch.equal(material.codes, read_material(model, [scale], 600.0).codes)
    assert [line.split(": ")[:2] for line in told] == [
        ["left out", str(bad)],
        ["left out", str(silent)],
    ]
    with pytest.raises(DataError, match=r"none of 2 .*bad\.wav.*silent\.wav: silent"):
        read_material(model, [bad, silent], 600.0)


def test_the_share_of_other_codes_is_counted(tmp_path: Path) -> None:
    """None against the model itself, all against one whose levels are others."""
    instrument = small_instrument(tmp_path)
    graph = live_graph(instrument).SerializeToString()
    same = proof(instrument, graph, 4, exact=instrument)
    assert same.codes_differing == 0.0
    assert same.exact_difference < 1e-4
    other = copy.deepcopy(instrument)
    other.levels += 0.01
    moved = proof(instrument, graph, 4, exact=other)
    assert moved.codes_differing == 1.0
    assert moved.difference == same.difference


def test_what_is_softer_than_the_material_is_made_so_by_the_gain(tmp_path: Path) -> None:
    """Below one deviation under the mean (-15 dB here) the level follows velocity exactly, and the
    model is asked for the same; above it, the model is asked for the level."""
    path = write_live(tmp_path, STEERED)
    sounds = []
    for velocity in (1.0, 0.8, 0.5, 0.25):
        player = Player(path)
        player.controls["velocity"][:] = velocity
        sounds.append(player.play(noise_for(player)))
    usual = 20 * math.log10((0.5 / 0.8) ** 2)
    assert usual < -5.0  # from -10 dB, the mean
    assert np.abs(sounds[2] - 4.0 * sounds[3]).max() < 1e-4
    assert sounds[3].std() > 1e-3
    assert not np.allclose(sounds[0], sounds[1], atol=0.01)
