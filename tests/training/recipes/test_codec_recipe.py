"""The recipe's audio: in tune, clean, prompt, and the same for the same seed (real FluidSynth)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from synth.contract import ConfigError, DataError, read_audio
from training.recipes.codec import (
    INSTRUMENTS,
    PHRASE_MS,
    main,
    note_name,
    phrase_slots,
    render_recipe,
)
from training.recipes.soundfont import RATE, find_soundfont, without_offset

pytestmark = pytest.mark.peers
TWO = (INSTRUMENTS[0], INSTRUMENTS[4])  # one that decays, one that is held


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("recipe") / "out"
    render_recipe(out, seed=3, minutes=0.5, instruments=TWO)
    return out


def cents_off(audio: np.ndarray, key: int) -> float:
    """How far the energy round the first partials lies from the key's pitch, in cents."""
    pitch, size = 440.0 * 2 ** ((key - 69) / 12), 1 << 15
    segment = audio[RATE // 4 : RATE // 4 + size] * np.hanning(size)
    energy = np.abs(np.fft.rfft(segment, 16 * size)) ** 2
    frequency = np.fft.rfftfreq(16 * size, 1 / RATE)
    weighted = total = 0.0
    for partial in range(1, 7):
        near = np.abs(frequency / (partial * pitch) - 1) < 0.04
        weighted += float(
            (1200 * np.log2(frequency[near] / (partial * pitch)) * energy[near]).sum()
        )
        total += float(energy[near].sum())
    return weighted / total


def test_notes_are_in_tune_prompt_and_clean(rendered: Path) -> None:
    for instrument in TWO:
        for key in range(instrument.low, instrument.high + 1, 3):
            path = rendered / "notes" / f"{instrument.name}_{note_name(key)}.wav"
            audio, rate = read_audio(path, allow_silence=False)
            assert audio.shape == (1, 60_000)
            assert rate == RATE
            mono = audio[0].astype(np.float64)
            peak = np.abs(mono).max()
            assert 0.05 < peak < 0.8  # -26 … -2 dBFS
            assert abs(mono.mean()) < 2e-4
            assert np.argmax(np.abs(mono) > 0.006 * peak) <= 0.005 * RATE
            assert abs(cents_off(mono, key)) <= 11


def test_phrases_are_level_and_do_not_clip(rendered: Path) -> None:
    files = sorted((rendered / "phrases").iterdir()) + sorted((rendered / "held").iterdir())
    assert len(files) == 3
    for path in files:
        audio, _ = read_audio(path, allow_silence=False)
        assert audio.shape == (1, PHRASE_MS * RATE // 1000)
        assert 10 ** (-14.1 / 20) < np.abs(audio).max() < 10 ** (-1.9 / 20)
        assert abs(float(audio.mean())) < 1e-3
    first, held = (read_audio(rendered / folder / "000.wav")[0] for folder in ("phrases", "held"))
    assert np.abs(first - held).max() > 0.05  # what is held out is other music


def test_same_seed_same_bytes_other_seed_other_music(rendered: Path, tmp_path: Path) -> None:
    render_recipe(tmp_path / "again", seed=3, minutes=0.5, instruments=TWO)
    names = sorted(p.relative_to(rendered) for p in rendered.rglob("*.wav"))
    assert len(names) == 26 + 3
    for name in names:
        assert (rendered / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    same, other = (list(phrase_slots(TWO, 4, (seed, 0))) for seed in (3, 4))
    assert same == list(phrase_slots(TWO, 4, (3, 0)))
    assert same != other


def test_says_where_it_comes_from(rendered: Path) -> None:
    provenance = json.loads((rendered / "provenance.json").read_text("utf-8"))
    assert provenance["seed"] == 3
    assert provenance["files"] == {"notes": 26, "phrases": 2, "held": 1}
    assert len(provenance["soundfont_sha256"]) == 64
    assert "MIT" in (rendered / "LICENSE.txt").read_text("utf-8")


def test_phrases_reach_every_key_within_the_range() -> None:
    slots = list(phrase_slots(INSTRUMENTS, 40, (0, 0)))
    reached: dict[int, set[int]] = {}
    for slot in slots:
        for note in slot.notes:
            reached.setdefault(slot.programs[note.channel], set()).add(note.key)
            assert note.start_ms + note.length_ms < slot.length_ms
    for instrument in INSTRUMENTS:
        keys = set(range(instrument.low, instrument.high + 1))
        assert reached[instrument.program] <= keys
        assert len(reached[instrument.program]) > 0.9 * len(keys)


def test_offset_goes_and_tones_stay() -> None:
    time = np.arange(2 * RATE) / RATE
    tone = np.sin(2 * np.pi * 110 * time)
    clean = without_offset((0.5 + tone).astype(np.float32))[RATE:]
    assert abs(clean.mean()) < 1e-3
    # A first-order high-pass at 12 Hz passes 110 Hz with 1 / sqrt(1 + (12/110)²) = 0.9941.
    assert np.sqrt(2 * np.mean(clean**2)) == pytest.approx(0.9941, abs=1e-3)


def test_clear_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="apt-get install fluid-soundfont-gm"):
        find_soundfont([str(tmp_path)])
    with pytest.raises(ConfigError, match=r"minutes is 0\.0; 0\.4 … 600"):
        render_recipe(tmp_path / "new", minutes=0.0)
    (tmp_path / "mine.wav").write_bytes(b"precious")
    assert main([str(tmp_path)]) == 3
    assert "not an empty folder" in capsys.readouterr().err
    assert (tmp_path / "mine.wav").read_bytes() == b"precious"
    (tmp_path / "not.sf2").write_bytes(b"RIFF....WAVE")
    with pytest.raises(DataError, match="is not a soundfont"):
        render_recipe(tmp_path / "new", soundfont=tmp_path / "not.sf2")
    with find_soundfont().open("rb") as whole:
        (tmp_path / "cut.sf2").write_bytes(whole.read(2000))
    with pytest.raises(DataError, match=r"can't render with .*cut\.sf2"):
        render_recipe(tmp_path / "new", soundfont=tmp_path / "cut.sf2")
