"""An exported voice plays the offline sound of its patches; a bank is taken whole, or refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from export.export_files import export_files
from export.onnx.instrument_graph import make_session
from realtime.plugins.onnx.file import read_instrument
from synth.contract import ConfigError, DataError, Manifest
from synth.models.inverse.voices import DURATION, HOP, KEY, VOICES, Note, Patch, make_voice
from synth.models.inverse.voices.sounds import knob_positions

Array = np.ndarray
RATE = 48_000
HELD, ALL = 300, 450  # hops


def patches(voice: str, count: int = 3) -> list[Patch]:
    made = make_voice(voice)
    units = knob_positions(made.names, range(count))
    return [Patch.of(made, row[None], f"Sound {i}") for i, row in enumerate(units)]


def write(folder: Path, voice: str, count: int = 3) -> list[Path]:
    paths = [folder / f"{voice}{i}.json" for i in range(count)]
    for path, patch in zip(paths, patches(voice, count), strict=True):
        patch.write(path)
    return paths


class Player:
    """Plays a file hop by hop; each row has the values of another patch."""

    def __init__(self, path: Path, seed: int = 0) -> None:
        data, self.manifest = read_instrument(path)
        self.session, self.rows = make_session(data), len(self.manifest.patches)
        self.controls = {
            c.name: np.tile(c.default_array, (self.rows, 1)) for c in self.manifest.controls
        }
        for name in self.manifest.patches[0].values:
            rows = [patch.values[name] for patch in self.manifest.patches]
            self.controls[name] = np.array(rows, np.float32)
        self.controls["velocity"][:] = 1
        self.controls["key"][:, 0] = np.linspace(45, 70, self.rows)
        self.state = {s.name: np.zeros((self.rows, *s.shape), s.dtype) for s in self.manifest.state}
        self.random = np.random.default_rng(seed)
        self.noise: list[Array] = []

    def play(self, hops: int, size: int = 1, **moved: float) -> Array:
        for name, value in moved.items():
            self.controls[name][:] = value
        pieces = []
        for _ in range(hops // size):
            drawn = self.random.standard_normal((self.rows, size, HOP), np.float32)
            self.noise.append(drawn.reshape(self.rows, -1))
            audio, *new = self.session.run(
                None,
                {"frames": np.array([size]), "noise_draws": drawn, **self.controls, **self.state},
            )
            self.state = dict(zip(self.state, new, strict=True))
            pieces.append(audio[:, 0])
        return np.concatenate(pieces, 1)


@pytest.fixture(scope="module", params=list(VOICES))
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("voice")
    (made,) = export_files(write(folder, request.param), name="three")
    return made.path


def test_a_note_is_the_offline_sound_of_its_patch(exported: Path) -> None:
    """Held as long as the sound's duration, at any block size; and then it ends."""
    player = Player(exported)
    live = np.concatenate([player.play(HELD, 3, gate=1), player.play(ALL - HELD, gate=0)], 1)
    voice = make_voice(player.manifest.provenance["voice"], RATE)
    values = {name: torch.tensor(x) for name, x in player.controls.items() if name in voice.names}
    time = torch.arange(ALL + 1, dtype=torch.float64)[None] * (HOP / RATE)
    held = torch.full((player.rows, 1), HELD * HOP / RATE, dtype=torch.float64)
    note = Note(
        torch.tensor(player.controls["key"]),
        torch.minimum(time, held),
        (time - held).clamp_min(0),
    )
    noise = torch.tensor(np.concatenate(player.noise, 1))
    with torch.no_grad():
        whole, _ = voice.step(values, note, noise, voice.init_state(player.rows))
        values |= {KEY: note.pitch, DURATION: held.float()}
        rendered = voice.render(voice.units(values), noise, ALL * HOP / RATE)
    assert float(whole.abs().max()) > 0.05
    assert np.abs(live - whole.numpy()).max() < 1e-4
    # Through the positions of knobs, a value comes back rounded, and a pitch with it.
    assert np.abs(live - rendered.numpy())[:, : RATE // 10].max() < 1e-3


def test_a_released_voice_ends(exported: Path) -> None:
    player = Player(exported)
    player.play(60, 10, gate=1)
    player.play(3750, 375, gate=0)  # five seconds
    assert np.abs(player.play(30, 10)).max() < 1e-6


def test_every_knob_at_either_end_gives_sound_within_full_scale(exported: Path) -> None:
    """One knob of the first patch in each row, at its minimum or maximum, held and released."""
    player = Player(exported)
    names = list(player.manifest.patches[0].values)
    player.rows = 2 * len(names)
    repeat = {name: np.repeat(x[:1], player.rows, 0) for name, x in player.controls.items()}
    player.controls = repeat
    player.state = {name: np.repeat(x[:1], player.rows, 0) for name, x in player.state.items()}
    for place, name in enumerate(names):
        control = player.manifest.control(name)
        assert control is not None
        repeat[name][2 * place] = control.minimum
        repeat[name][2 * place + 1] = control.maximum
    made = np.concatenate([player.play(30, 10, gate=1), player.play(30, 10, gate=0)], 1)
    assert np.isfinite(made).all()
    assert 0 < np.abs(made).max() <= 1


def test_morph_goes_from_the_knobs_to_the_patch(exported: Path) -> None:
    """The whole way is the very patch, and no step of a slow way is a click."""
    one, other = Player(exported), Player(exported)
    for name, values in other.manifest.patches[1].values.items():
        other.controls[name][:] = values
    ends = {"gate": 1.0, "morph_sound": 1.0}
    np.testing.assert_array_equal(one.play(40, **ends, morph=1.0), other.play(40, gate=1.0))
    still, moving = Player(exported), Player(exported)
    still.play(100, **ends)
    moving.play(100, **ends)
    same = moving.play(40, morph=0.0)
    np.testing.assert_array_equal(same, still.play(40))
    nearly = Player(exported).play(100, **ends, morph=1e-6)
    assert np.abs(nearly - Player(exported).play(100, **ends)).max() < 1e-2


def test_the_manifest_tells_of_knobs_and_bank(exported: Path) -> None:
    _, manifest = read_instrument(exported)
    voice = make_voice(manifest.provenance["voice"])
    assert manifest.provenance["parity"] < 1e-4
    assert (manifest.hop, manifest.sample_rate, manifest.format_version) == (HOP, RATE, 4)
    assert manifest.sounds == ("Sound 0", "Sound 1", "Sound 2")
    for parameter in voice.parameters_:
        control = manifest.control(parameter.name)
        if parameter.name in (KEY, DURATION):
            assert control is None
            continue
        assert control is not None
        assert (control.unit, control.description) == (parameter.unit, parameter.description)
        for at in (0.0, 0.2, 0.5, 0.9, 1.0):
            value = float(parameter.value(torch.tensor(at, dtype=torch.float64)))
            size = parameter.maximum - parameter.minimum
            assert control.from_unit(at)[0] == pytest.approx(value, abs=1e-6 * size)
    first = manifest.patches[0].values
    assert all(manifest.control(n).default[0] == pytest.approx(v[0]) for n, v in first.items())  # type: ignore[union-attr]
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_a_bank_is_of_one_voice_and_of_different_names(tmp_path: Path) -> None:
    first, second = write(tmp_path, "modular", 2)
    with pytest.raises(ConfigError, match="called 'Sound 0', too"):
        export_files([first, first])
    foreign = write(tmp_path, "fm", 1)
    with pytest.raises(ConfigError, match="an instrument has one voice"):
        export_files([first, *foreign])
    with pytest.raises(ConfigError, match=r"x\.pt.*no patch"):
        export_files([first, "x.pt"])
    with pytest.raises(ConfigError, match="as generator, not as matcher"):
        export_files([first], form="matcher", out=tmp_path)
    with pytest.raises(ConfigError, match="44100 or 48000"):
        export_files([first], sample_rate=46_000)
    with pytest.raises(ConfigError, match="leave it out"):
        export_files([first], weights="int8")
    for change, named in (
        ({"wobble": 1}, "wobble"), ({"mixer_noise": 2}, "0 to 1"), ({}, "lacks"),
    ):  # fmt: skip
        data = json.loads(second.read_text())
        data["values"] = data["values"] | change if change else {}
        second.write_text(json.dumps(data))
        with pytest.raises(DataError, match=named):
            export_files([first, second])
        write(tmp_path, "modular", 2)
    assert not list(tmp_path.glob("*.onnx"))
