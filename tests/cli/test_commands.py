"""The commands that end by themselves: they write what plain tools make of the same file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mido
import numpy as np
import onnxruntime
import pytest
import soundfile
import torch
from builders import SMALL, small_codec, tone, write_effect, write_sampler
from cli_rig import Done, call, run
from scipy.signal import lfilter

from synth.models.package import pack

Synth = Callable[..., Done]
RATE = SMALL.sample_rate
HOP = SMALL.hop
FADE = round(0.01 * RATE)


@pytest.fixture
def synth(capsys: pytest.CaptureFixture[str]) -> Synth:
    """`synth(*ARGUMENTS)`, in this process."""
    return lambda *arguments: call(capsys, *arguments)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A `model.pt` of the small codec, in a run's folder named "mine"."""
    path = tmp_path / "mine" / "model.pt"
    path.parent.mkdir()
    torch.save(pack("codec", small_codec(), SMALL, {}, {"licence": "none"}), path)
    return path


def write_log(path: Path, *lines: tuple[float, str, list[float]]) -> Path:
    """An event log."""
    entries = [{"time": t, "address": address, "args": args} for t, address, args in lines]
    path.write_text("\n".join(json.dumps(entry) for entry in entries))
    return path


class Plain:
    """An instrument file in plain onnxruntime: one row, controls at their defaults."""

    def __init__(self, path: Path) -> None:
        self.session: Any = onnxruntime.InferenceSession(str(path))
        texts = self.session.get_modelmeta().custom_metadata_map
        self.manifest = json.loads(texts["synth.manifest"])
        self.controls = {
            c["name"]: np.array([c["default"]], np.float32) for c in self.manifest["controls"]
        }
        self.state = {
            s["name"]: np.zeros((1, *s["shape"]), s["dtype"]) for s in self.manifest["state"]
        }

    def step(self, feed: dict[str, np.ndarray], **moved: float) -> np.ndarray:
        """One hop, `[samples]`."""
        for name, value in moved.items():
            self.controls[name][:] = value
        names = [f"{name}_out" for name in self.state]
        given = {**feed, **self.controls, **self.state}
        audio, *new = self.session.run(["audio_out", *names], given)
        self.state = dict(zip(self.state, new, strict=True))
        return np.asarray(audio[0, 0])


def output_stage(sound: np.ndarray, gain: float) -> np.ndarray:
    """What the engine is documented to do behind an instrument that stays under the ceiling: a
    first-order high-pass at 5 Hz, 10 ms of rise to the gain, 10 ms of fall at the end."""
    pole = np.exp(-2 * np.pi * 5 / RATE)
    passed = lfilter([1, -1], [1, -pole], sound.astype(np.float64))
    ramp = np.minimum(np.arange(len(sound)) / FADE, 1.0)
    return gain * passed * ramp * np.minimum(np.arange(len(sound), 0, -1) / FADE, 1.0)


def test_plain_onnxruntime_plays_the_same_note(tmp_path: Path, synth: Synth) -> None:
    """A note of 0.3 s: voice, high-pass and fades by hand, equal to `synth render` to 1e-5."""
    path = write_sampler(tmp_path)
    frames = 32 * 300
    log = write_log(
        tmp_path / "log.jsonl",
        (0.0, "/gain", [0.0]),
        (0.0, "/note/on", [60, 100]),
        (200 * HOP / RATE, "/note/off", [60]),
    )
    out = tmp_path / "out.wav"
    tail = frames / RATE - 200 * HOP / RATE
    done = synth("render", path, "--osc", log, "-o", out, "--rate", RATE, "--tail", tail)
    assert done.code == 0, done.err
    plain = Plain(path)
    one = {"frames": np.ones(1, np.int64)}
    notes = [{"key": 60, "velocity": 100 / 127, "gate": float(i < 200)} for i in range(300)]
    wanted = output_stage(np.concatenate([plain.step(one, **note) for note in notes]), 1.0)
    assert 0.01 < np.abs(wanted).max() < 0.7  # sounds, and stays below the soft ceiling
    heard, rate = soundfile.read(out)
    assert rate == RATE
    assert heard.shape == (frames, 2)
    assert np.abs(heard - wanted[:, None]).max() < 1e-5


def test_plain_onnxruntime_affects_the_same(tmp_path: Path, synth: Synth) -> None:
    """An effect, too, as late as one hop but a sample, at the gain of 0 dB it starts with."""
    path = write_effect(tmp_path)
    audio = np.random.default_rng(0).normal(0, 0.1, 100 * HOP).astype(np.float32)
    soundfile.write(tmp_path / "in.wav", audio, RATE, subtype="FLOAT")
    out = tmp_path / "out.wav"
    done = synth(
        "render", path, "--input", tmp_path / "in.wav", "-o", out, "--rate", RATE, "--tail", 0
    )
    assert done.code == 0, done.err
    plain = Plain(path)
    hops = [plain.step({"audio": hop[None, None]}) for hop in audio.reshape(-1, HOP)]
    late = np.concatenate([np.zeros(HOP - 1), *hops])[: len(audio)]
    wanted = output_stage(late, 1.0)
    heard, _ = soundfile.read(out)
    assert np.abs(wanted).max() > 0.01
    assert np.abs(heard - wanted[:, None]).max() < 1e-5


def write_song(path: Path) -> Path:
    """Overlapping notes with a moving wheel, 0.6 s."""
    track = mido.MidiTrack()
    for key in (60, 64, 55):
        track.append(mido.Message("note_on", note=key, velocity=90, time=97))
    for bend in range(0, 8000, 1000):
        track.append(mido.Message("pitchwheel", pitch=bend, time=23))
    for key in (64, 55, 60):
        track.append(mido.Message("note_off", note=key, time=31))
    mido.MidiFile(tracks=[track]).save(path)
    return path


def test_blocks_change_no_byte(tmp_path: Path, synth: Synth) -> None:
    """A MIDI file and a log together, not at the instrument's rate, in four block sizes."""
    path = write_sampler(tmp_path)
    song = write_song(tmp_path / "song.mid")
    moves = [(0.013 * i, "/small/latent/1", [0.02 * i]) for i in range(40)]
    log = write_log(tmp_path / "log.jsonl", *moves, (0.2, "/program", [1.0]))
    written = set()
    for block in (31, 480, 1024, 100_000):
        out = tmp_path / f"{block}.wav"
        done = synth(
            "render", path, "--midi", song, "--osc", log, "-o", out,
            "--block", block, "--rate", 44_100, "--tail", 0.2,
        )  # fmt: skip
        assert done.code == 0, done.err
        written.add(out.read_bytes())
    assert len(written) == 1
    heard, _ = soundfile.read(tmp_path / "31.wav")
    assert np.abs(heard).max() > 0.01


def test_a_moved_control_is_heard(tmp_path: Path, synth: Synth) -> None:
    path = write_sampler(tmp_path)
    heard = []
    for value in (0.0, 1.0):
        log = write_log(
            tmp_path / "log.jsonl",
            (0.0, "/note/on", [60, 100]),
            (0.1, "/small/latent/0", [value]),
        )
        out = tmp_path / "out.wav"
        assert synth("render", path, "--osc", log, "-o", out, "--tail", 0.2, "--force").code == 0
        heard.append(soundfile.read(out)[0])
    # One hop after the move at the latest, and not before it, but for the resampler's 24 samples.
    first = int(np.flatnonzero((heard[0] != heard[1]).any(1))[0])
    assert 4800 <= first <= 4800 + 2 * HOP + 2 * 24


def test_info_says_what_the_file_says(tmp_path: Path, synth: Synth) -> None:
    path = write_sampler(tmp_path)
    told = json.loads(synth("info", path, "--json").out)
    manifest = Plain(path).manifest
    assert told["bytes"] == path.stat().st_size
    for name in ("name", "kind", "sample_rate", "hop", "sounds", "key_range", "controls"):
        assert told[name] == manifest[name]
    text = synth("info", path).out
    for control in manifest["controls"]:
        assert control["name"] in text
        assert control["description"] in text


def test_bench_measures_what_is_declared(tmp_path: Path, synth: Synth) -> None:
    """Rows for steps and blocks, and a measured latency within a hop below the declared one."""
    path = write_sampler(tmp_path)
    done = synth(
        "bench", path, "--json", "--seconds", 0.05, "--rate", RATE, "--block", 300, "--voices", 2
    )
    report = json.loads(done.out)
    assert [row["voices"] for row in report["steps"]] == [1, 2]
    assert [row["block"] for row in report["blocks"]] == [64, 128, 256, 300, 512, 1024]
    for row in report["steps"] + report["blocks"]:
        assert 0 < row["p50_ms"] <= row["p99_ms"] <= row["max_ms"]
        assert row["load"] * row["realtime_factor"] == pytest.approx(1)
    hop_ms = 1000 * HOP / RATE
    declared = report["declared_latency_ms"]
    assert declared == pytest.approx(hop_ms)
    assert declared - hop_ms <= report["measured_latency_ms"] <= declared


def test_what_plays_needs_no_torch(tmp_path: Path) -> None:
    """In processes that can't import it."""
    path = write_sampler(tmp_path)
    log = write_log(tmp_path / "log.jsonl", (0.0, "/note/on", [60, 100]))
    for arguments in (
        ("render", path, "--osc", log, "-o", "out.wav", "--tail", 0.1),
        ("info", path, "--json"),
        ("devices", "--json"),
        ("doctor", "--json"),
        ("play", path, "--driver", "null", "--no-osc", "--seconds", 0.2),
    ):
        done = run(tmp_path, *arguments)
        assert done.code == 0, done.err
        assert "torch-free code imports" not in done.err + done.out
        if "--json" in arguments:
            assert json.loads(done.out)
    assert (tmp_path / "out.wav").stat().st_size > 1000


def test_devices_and_doctor_speak_json(synth: Synth) -> None:
    parts = {"audio", "midi", "midi_out", "problems"}
    assert set(json.loads(synth("devices", "--json").out)) == parts
    checks = json.loads(synth("doctor", "--json").out)
    assert {"name", "ok", "detail", "remedy", "needed"} == set(checks[0])
    assert all(check["remedy"] for check in checks if check["needed"] and not check["ok"])
    text = synth("doctor").out
    for check in checks:
        assert check["name"] in text


def test_a_model_becomes_an_effect(model: Path, synth: Synth) -> None:
    """From model.pt to a file named after the run that info knows and render plays."""
    done = synth("export", model)
    assert done.code == 0, done.err
    path = model.with_name("mine.onnx")
    assert str(path) in done.out
    told = json.loads(synth("info", path, "--json").out)
    assert (told["name"], told["kind"], told["sample_rate"]) == ("mine", "effect", RATE)
    assert told["provenance"]["licence"] == "none"
    assert 0 <= told["provenance"]["parity"] <= 1e-4


def test_a_model_and_recordings_become_a_sampler(model: Path, tmp_path: Path, synth: Synth) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for key in (50, 57):
        soundfile.write(sounds / f"pipe_{key:03d}.wav", tone(key, 0.7, 44_100), 44_100)
    done = synth(
        "export", model, "--as", "sampler", "--sounds", sounds, "--out", tmp_path / "new",
        "--name", "Pipe organ", "--max-seconds", 0.5,
    )  # fmt: skip
    assert done.code == 0, done.err
    path = tmp_path / "new" / "Pipe organ.onnx"
    told = json.loads(synth("info", path, "--json").out)
    assert (told["sounds"], told["key_range"]) == (["pipe"], [44, 63])
    out = tmp_path / "demo.flac"
    assert synth("render", path, "-o", out, "--tail", 0, "--rate", 24_000).code == 0
    assert np.abs(soundfile.read(out)[0]).max() > 0.01
