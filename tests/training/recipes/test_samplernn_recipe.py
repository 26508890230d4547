"""The material of the bundled SampleRNN: one voice, in range, level, the same for the same seed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from synth.contract import ConfigError, read_audio
from training.recipes.samplernn import (
    HIGH,
    LOW,
    PHRASE_MS,
    RATE,
    main,
    material_entropies,
    phrase_slots,
    render_material,
)


def test_one_voice_that_reaches_every_key() -> None:
    reached: set[int] = set()
    for slot in phrase_slots(18, (0, 0), "phrases"):
        ends = 0
        for note in slot.notes:
            assert note.start_ms >= ends  # the one before has ended
            assert note.length_ms > 0
            assert 0 < note.velocity < 128
            ends = note.start_ms + note.length_ms
            reached.add(note.key)
        assert ends < slot.length_ms
        assert [note.channel for note in slot.notes[:4]] == [0, 1, 0, 1]
    assert reached == set(range(LOW, HIGH + 1))


def test_bends_stay_within_the_range_and_begin_anew() -> None:
    bent = 0
    for slot in phrase_slots(18, (0, 0), "phrases"):
        assert all(0 <= time <= slot.length_ms for time, _ in slot.moves)
        wheel = [(t, m) for t, m in slot.moves if m.type == "pitchwheel"]
        for note in slot.notes:
            own = [m.pitch for t, m in wheel if t == note.start_ms and m.channel == note.channel]
            assert own == [0]
            during = [
                m.pitch / 8191 * 2
                for t, m in wheel
                if m.channel == note.channel and 0 <= t - note.start_ms < note.length_ms
            ]
            bent += any(during)
            assert all(LOW - 0.5 <= note.key + semitones <= HIGH + 0.5 for semitones in during)
    assert bent > 50


def test_same_seed_same_score_other_seed_or_stream_other_music() -> None:
    first = list(phrase_slots(2, (0, 0), "x"))
    assert first == list(phrase_slots(2, (0, 0), "x"))
    assert first != list(phrase_slots(2, (1, 0), "x"))
    assert first != list(phrase_slots(2, (0, 1), "x"))


def test_limits(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"minutes is 0\.0; 0\.3 … 600"):
        render_material(tmp_path / "new", minutes=0.0)
    with pytest.raises(ConfigError, match="seed is -1"):
        render_material(tmp_path / "new", seed=-1)
    (tmp_path / "mine.wav").write_bytes(b"precious")
    assert main([str(tmp_path)]) == 3
    assert (tmp_path / "mine.wav").read_bytes() == b"precious"


@pytest.mark.peers
def test_what_is_rendered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "material"
    assert main([str(out), "--seed", "3", "--minutes", "0.3"]) == 0
    assert "bits per sample" in capsys.readouterr().out
    files = [out / "phrases" / "000.wav", out / "held" / "000.wav"]
    assert sorted(out.rglob("*.wav")) == sorted(files)
    clips = [read_audio(path, allow_silence=False) for path in files]
    for audio, rate in clips:
        assert rate == RATE
        assert audio.shape == (1, PHRASE_MS * RATE // 1000)
        assert abs(float(audio.mean())) < 1e-3
        assert np.abs(audio[0, : RATE // 10]).max() < 1e-3  # it begins in silence
        assert np.abs(audio[0, -100:]).max() < 1e-3  # and the last note has ended
    loudest = max(float(np.abs(audio).max()) for audio, _ in clips)
    assert loudest == pytest.approx(10 ** (-1 / 20), abs=1e-3)
    provenance = json.loads((out / "provenance.json").read_text("utf-8"))
    assert provenance["files"] == {"phrases": 1, "held": 1}
    assert "MIT" in (out / "LICENSE.txt").read_text("utf-8")

    entropies = material_entropies(out / "phrases")
    assert 0 < entropies[1] < entropies[0] <= 8

    render_material(tmp_path / "again", seed=3, minutes=0.3)
    for path in files:
        again = tmp_path / "again" / path.relative_to(out)
        assert path.read_bytes() == again.read_bytes()
