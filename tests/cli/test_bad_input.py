"""Bad input is said in one line that names it, with the exit code of its kind, and nothing else."""

from __future__ import annotations

import json
import os
import pickle
import re
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile
import torch
from builders import SMALL, effect_bytes, sampler_bytes, small_codec, tone, write_sampler
from cli_rig import Done, call

from synth.models.package import pack

USAGE, ENVIRONMENT = 2, 3
Complaint = Callable[..., str]
KEY = "synth.manifest"


@pytest.fixture
def complaint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Complaint:
    """`complaint(CODE, *ARGUMENTS)`: runs the command in a folder of its own and returns the one
    line that it says."""
    monkeypatch.chdir(tmp_path)
    write_sampler(tmp_path)

    def take(code: int, *arguments: object) -> str:
        before = sorted(p for p in Path().rglob("*") if p.is_file())
        done: Done = call(capsys, *arguments)
        assert done.code == code, done
        lines = done.err.splitlines()
        assert len(lines) == 1, done.err
        assert lines[0].startswith("synth: ")
        assert "Traceback" not in done.err
        after = sorted(p for p in Path().rglob("*") if p.is_file())
        assert after == before, "something was written all the same"
        return lines[0]

    return take


# ---- instrument files --------------------------------------------------------------------------


def changed(change: Callable[[Any], object], data: bytes | None = None) -> bytes:
    """The small sampler after `change(model)`."""
    model = onnx.load_from_string(sampler_bytes() if data is None else data)
    change(model)
    return bytes(model.SerializeToString())


def manifest_with(**fields: Any) -> bytes:
    """The small sampler with other fields in its manifest."""

    def change(model: Any) -> None:
        (entry,) = [p for p in model.metadata_props if p.key == KEY]
        entry.value = json.dumps({**json.loads(entry.value), **fields})

    return changed(change)


def without_manifest() -> bytes:
    return changed(lambda model: model.ClearField("metadata_props"))


def outside_data() -> bytes:
    def change(model: Any) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../secret.bin")

    return changed(change)


def custom_operator() -> bytes:
    def change(model: Any) -> None:
        model.opset_import.add(domain="com.example", version=1)
        model.graph.node[0].domain = "com.example"

    return changed(change)


def nan_weights() -> bytes:
    def change(model: Any) -> None:
        weights = [w for w in model.graph.initializer if w.data_type == onnx.TensorProto.FLOAT]
        values = np.full(list(weights[0].dims), np.nan, np.float32)
        weights[0].CopyFrom(onnx.numpy_helper.from_array(values, weights[0].name))

    return changed(change)


def foreign() -> bytes:
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    x, y = (onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1]) for n in "xy")
    return bytes(
        onnx.helper.make_model(onnx.helper.make_graph([node], "g", [x], [y])).SerializeToString()
    )


def renamed_input() -> bytes:
    def change(model: Any) -> None:
        (gate,) = [i for i in model.graph.input if i.name == "gate"]
        gate.name = "door"

    return changed(change)


INSTRUMENTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "not an ONNX file"),
    "truncated": (lambda: sampler_bytes()[:-1000], "truncated"),
    "half": (lambda: sampler_bytes()[: len(sampler_bytes()) // 2], "truncated"),
    "text": (lambda: b"hello " * 100, "not an ONNX file"),
    "foreign": (foreign, "no manifest inside"),
    "without manifest": (without_manifest, "no manifest inside"),
    "newer": (lambda: manifest_with(format_version=99), "newer.*update synth"),
    "version text": (lambda: manifest_with(format_version="x"), "damaged|format_version"),
    "unknown field": (lambda: manifest_with(colour=1), "unknown field .*colour"),
    "rate": (lambda: manifest_with(sample_rate=-5), "sample_rate"),
    "hop": (lambda: manifest_with(hop=0), "hop"),
    "controls": (lambda: manifest_with(controls=[{"name": "UP"}]), "control name 'UP'"),
    "no controls": (lambda: manifest_with(controls=[]), "disagree"),
    "outside data": (outside_data, "is in another file"),
    "custom operator": (custom_operator, "com.example"),
    "nan": (nan_weights, "not finite"),
    "renamed input": (renamed_input, "disagree about door|truncated|refuses"),
}


@pytest.mark.parametrize("case", INSTRUMENTS)
def test_instruments_that_are_refused(complaint: Complaint, case: str) -> None:
    make, problem = INSTRUMENTS[case]
    Path("bad.onnx").write_bytes(make())
    for command in (("info", "bad.onnx"), ("render", "bad.onnx", "-o", "out.wav")):
        said = complaint(ENVIRONMENT, *command)
        assert said.startswith("synth: bad.onnx: ")
        assert re.search(problem, said), said


def test_a_refused_instrument_is_no_reason_for_a_demo(complaint: Complaint) -> None:
    Path("bad.onnx").write_bytes(without_manifest())
    said = complaint(ENVIRONMENT, "play", "bad.onnx", "--driver", "null", "--no-osc")
    assert "bad.onnx: no manifest inside" in said


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("executed",)


@pytest.mark.parametrize("wrapped", [True, False], ids=["in a package", "bare pickle"])
def test_no_pickle_is_executed(complaint: Complaint, wrapped: bool) -> None:
    if wrapped:
        torch.save(
            {**pack("codec", small_codec(), SMALL, {}, {}), "provenance": _Bomb()}, "model.pt"
        )
    else:
        Path("model.pt").write_bytes(pickle.dumps(_Bomb()))
    assert "model.pt: not a readable model.pt" in complaint(ENVIRONMENT, "export", "model.pt")
    for command in (("info", "model.pt"), ("render", "model.pt", "-o", "out.wav")):
        assert "synth export model.pt" in complaint(ENVIRONMENT, *command)
    assert not Path("executed").exists()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format": 2}, "update synth"),
        ({"family": "organ"}, "known are codec"),
        ({"config": {"colour": 1}}, "colour"),
        ({"config": {"sample_rate": 1}}, "sample_rate"),
        ({"weights": {}}, "needs shape"),
        ({"latent": {"mean": torch.zeros(3)}}, "latent"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_models_that_are_refused(
    complaint: Complaint, change: dict[str, Any], problem: str
) -> None:
    torch.save({**pack("codec", small_codec(), SMALL, {}, {}), **change}, "model.pt")
    said = complaint(ENVIRONMENT, "export", "model.pt")
    assert said.startswith("synth: model.pt: ")
    assert problem in said


def test_a_model_of_nan_is_refused(complaint: Complaint) -> None:
    codec = small_codec()
    with torch.no_grad():
        next(codec.decoder.parameters()).fill_(float("nan"))
    torch.save(pack("codec", codec, SMALL, {}, {}), "model.pt")
    assert "not finite; train again" in complaint(ENVIRONMENT, "export", "model.pt")


def test_a_truncated_model_is_refused(complaint: Complaint) -> None:
    torch.save(pack("codec", small_codec(), SMALL, {}, {}), "whole")
    Path("model.pt").write_bytes(Path("whole").read_bytes()[:-500])
    assert "not a readable model.pt" in complaint(ENVIRONMENT, "export", "model.pt")


def test_torchscript_needs_trust(complaint: Complaint) -> None:
    """It is a program, so it is not even opened."""
    with zipfile.ZipFile("effect.ts", "w") as archive:
        archive.writestr("effect/code/__torch__.py", "raise SystemExit('executed')")
    for command in (("render", "effect.ts", "-o", "out.wav"), ("bench", "effect.ts")):
        said = complaint(ENVIRONMENT, *command)
        assert "effect.ts" in said
        assert "--trust" in said
    assert "--trust" in complaint(ENVIRONMENT, "info", "effect.ts")
    Path("broken.ts").write_bytes(b"PK")
    assert "broken.ts" in complaint(ENVIRONMENT, "render", "broken.ts", "-o", "x.wav", "--trust")


# ---- scores, mappings and audio ----------------------------------------------------------------

MIDI = b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\x0c\0\x90\x3c\x64\x60\x80\x3c\0\0\xff\x2f\0"
FILES: dict[str, tuple[str, bytes, int, str]] = {
    "midi empty": ("--midi", b"", ENVIRONMENT, "Standard MIDI File"),
    "midi truncated": ("--midi", MIDI[:20], ENVIRONMENT, "nothing would sound"),
    "midi text": ("--midi", b"hello", ENVIRONMENT, "Standard MIDI File"),
    "midi type 2": ("--midi", MIDI.replace(b"\6\0\0", b"\6\0\2"), ENVIRONMENT, "types 0 and 1"),
    "log no json": ("--osc", b"hello", ENVIRONMENT, ":1: not JSON"),
    "log binary": ("--osc", b"\xff\xfe\0", ENVIRONMENT, "event log"),
    "log unknown control": (
        "--osc", b'{"time": 0, "address": "/small/positoin", "args": [1]}', ENVIRONMENT,
        "/small/position",
    ),
    "log unknown plugin": (
        "--osc", b'{"time": 0, "address": "/big/position", "args": [1]}', ENVIRONMENT, "/small",
    ),
    "log nan": (
        "--osc", b'{"time": 0, "address": "/small/position", "args": [NaN]}', ENVIRONMENT, "finite",
    ),
    "log wrong time": ("--osc", b'{"time": -1, "address": "/panic"}', ENVIRONMENT, "0 … 86400"),
    "map unknown key": ("--map", b"colour: 1", USAGE, "known are cc"),
    "map unknown control": (
        "--map", b"cc:\n  1: {target: /small/positoin}", USAGE, "try /small/position",
    ),
    "map out of range": (
        "--map", b"cc:\n  1: {target: /small/position, max: 7}", USAGE, "max is 7; 0 … 1",
    ),
    "map controller": ("--map", b"cc:\n  300: {target: /small/position}", USAGE, "0 … 119"),
    "map no yaml": ("--map", b"cc: [", USAGE, "not YAML"),
    "map alias": ("--map", b"a: &a [1]\nb: *a", USAGE, "alias"),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_files_of_a_score_that_are_refused(complaint: Complaint, case: str) -> None:
    option, content, code, problem = FILES[case]
    Path("given").write_bytes(content)
    said = complaint(code, "render", "small.onnx", option, "given", "-o", "out.wav")
    assert said.startswith("synth: given")
    assert problem in said


@pytest.mark.parametrize("option", ["--midi", "--osc", "--input", "--map"])
def test_files_that_are_not_there_are_named(complaint: Complaint, option: str) -> None:
    code = USAGE if option == "--map" else ENVIRONMENT
    said = complaint(code, "render", "small.onnx", option, "nowhere", "-o", "out.wav")
    assert said.startswith("synth: nowhere: ")


def _wav(audio: np.ndarray, subtype: str = "FLOAT", rate: int = 24_000) -> Callable[[Path], None]:
    return lambda path: soundfile.write(path, audio, rate, subtype=subtype, format="WAV")


TONE = tone(60, 0.5, 24_000)
AUDIO: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda path: path.write_text("no audio at all"), "can't be read as audio"),
    "nothing": (lambda path: path.write_bytes(b""), "can't be read as audio"),
    "empty": (_wav(TONE[:0]), "no audio"),
    "nan": (_wav(np.where(np.arange(len(TONE)) == 7, np.nan, TONE)), "1 samples are NaN"),
    "adpcm": (_wav(TONE, "IMA_ADPCM"), "IMA_ADPCM is refused"),
    "slow": (_wav(TONE, rate=4_000), "8000 to 192000 Hz"),
}


@pytest.mark.parametrize("case", AUDIO)
def test_audio_that_is_refused(complaint: Complaint, case: str) -> None:
    """As the input of an effect and as the recording of a sampler."""
    write, problem = AUDIO[case]
    write(Path("given.wav"))
    Path("effect.onnx").write_bytes(effect_bytes())
    said = complaint(ENVIRONMENT, "render", "effect.onnx", "--input", "given.wav", "-o", "o.wav")
    assert said.startswith("synth: given.wav: ")
    assert problem in said
    torch.save(pack("codec", small_codec(), SMALL, {}, {}), "model.pt")
    export = ("export", "model.pt", "--as", "sampler", "--sounds", "given.wav")
    assert problem in complaint(ENVIRONMENT, *export)


def test_silent_recordings_and_folders_without_any(complaint: Complaint) -> None:
    torch.save(pack("codec", small_codec(), SMALL, {}, {}), "model.pt")
    export = ("export", "model.pt", "--as", "sampler")
    _wav(np.zeros(24_000, np.float32))(Path("still.wav"))
    assert "still.wav: silent" in complaint(ENVIRONMENT, *export, "--sounds", "still.wav")
    Path("empty").mkdir()
    assert "empty: no audio files" in complaint(ENVIRONMENT, *export, "--sounds", "empty")
    assert "nowhere: no such" in complaint(ENVIRONMENT, *export, "--sounds", "nowhere")
    assert "give --sounds FOLDER" in complaint(USAGE, *export)


# ---- numbers and names -------------------------------------------------------------------------

RENDER = ("render", "small.onnx", "-o", "out.wav")
PLAY = ("play", "small.onnx", "--driver", "null", "--osc-port", "0", "--seconds", "0.1")
SETTINGS: dict[str, tuple[int, tuple[object, ...], str]] = {
    "rate": (USAGE, (*RENDER, "--rate", 7), "8000 … 192000"),
    "voices": (USAGE, (*RENDER, "--voices", 0), "1 … 64"),
    "tail": (USAGE, (*RENDER, "--tail", "nan"), "--tail is nan; 0.0 … 600.0"),
    "block": (USAGE, (*RENDER, "--block", 0), "--block is 0; 1 …"),
    "input of a generator": (USAGE, (*RENDER, "--input", "given.wav"), "leave it out"),
    "kind of output": (USAGE, ("render", "small.onnx", "-o", "out.mp3"), ".wav or .flac"),
    "output folder": (ENVIRONMENT, ("render", "small.onnx", "-o", "no/o.wav"), "no folder no"),
    "play voices": (USAGE, (*PLAY, "--voices", 65), "1 … 64"),
    "play block": (USAGE, (*PLAY, "--block", -5), "16 … 8192"),
    "play look-ahead": (USAGE, (*PLAY, "--lookahead", 99), "1 … 64"),
    "play rate": (USAGE, (*PLAY, "--rate", 5), "8000 … 192000"),
    "play seconds": (USAGE, (*PLAY, "--seconds", "nan"), "--seconds is nan; 0 …"),
    "play port": (USAGE, (*PLAY, "--osc-port", 99999), "0 … 65535"),
    "play map": (USAGE, (*PLAY, "--map", "nowhere.yaml"), "nowhere.yaml"),
    "play host": (ENVIRONMENT, (*PLAY, "--osc-host", "192.0.2.1"), "--osc-host"),
    "play nothing": (ENVIRONMENT, ("play", "nowhere.onnx", "--driver", "null"), "nowhere.onnx"),
    "device": (
        ENVIRONMENT, ("play", "small.onnx", "--no-osc", "--device", "no such thing"),
        "'no such thing' is not there; choose from",
    ),
    "bench seconds": (USAGE, ("bench", "small.onnx", "--seconds", 0), "0.05 … 600"),
    "bench block": (USAGE, ("bench", "small.onnx", "--block", 0), "16 … 8192"),
    "export form": (USAGE, ("export", "model.pt", "--as", "song"), "effect, sampler"),
    "export format": (USAGE, ("export", "model.pt", "--format", "vst"), "onnx, torchscript, all"),
    "export seconds": (USAGE, ("export", "model.pt", "--max-seconds", "nan"), "0.1 … 600"),
    "export name": (USAGE, ("export", "model.pt", "--name", "../a"), "--name is '../a'"),
    "export nothing": (ENVIRONMENT, ("export", "model.pt"), "model.pt: no such file"),
}  # fmt: skip


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_that_are_refused(complaint: Complaint, case: str) -> None:
    code, arguments, problem = SETTINGS[case]
    _wav(TONE)(Path("given.wav"))
    assert problem in complaint(code, *arguments)


def test_an_occupied_port_is_no_reason_for_a_demo(complaint: Complaint) -> None:
    """Not even where there is no device to play on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        said = complaint(ENVIRONMENT, "play", "small.onnx", "--osc-port", port)
    assert f"port {port}" in said
    assert "--osc-port" in said


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("colour: 1", "colour"),
        ("steps: many", "steps"),
        ("steps: -1", "steps"),
        ("learning_rate: .nan", "learning_rate"),
        ("sample_rate: 1", "sample_rate"),
        ("- 1", "name: value"),
    ],
)
def test_configs_that_are_refused(complaint: Complaint, settings: str, problem: str) -> None:
    Path("data").mkdir()
    _wav(TONE)(Path("data/a.wav"))
    Path("config.yaml").write_text(settings)
    dry = ("train", "codec", "data", "--preset", "tiny", "--dry-run", "--cache", "cache")
    assert problem in complaint(USAGE, *dry, "--config", "config.yaml")


def test_what_is_written_stays_when_a_command_fails(complaint: Complaint) -> None:
    Path("out.wav").write_bytes(b"an older take")
    Path("given").write_bytes(b"hello")
    complaint(ENVIRONMENT, *RENDER, "--midi", "given")
    assert Path("out.wav").read_bytes() == b"an older take"


@pytest.mark.parametrize("arguments", [["paly"], ["play", "--colour"], ["render", "a.onnx"]])
def test_usage_is_explained(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    done = call(capsys, *arguments)
    assert done.code == USAGE
    assert "Error: " in done.err
    assert "--help" in done.err
