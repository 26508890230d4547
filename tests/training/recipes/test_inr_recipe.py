"""The notes that coordinate networks learn from: named, in range, level, the same for a seed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from synth.contract import ConfigError, DataError, read_audio
from training.recipes.inr import (
    GUITARS,
    KEYBOARDS,
    MALLETS,
    RATE,
    SELECTIONS,
    choose,
    from_attack,
    level,
    main,
    render_notes,
)


def test_diverse_draws_evenly_from_its_families_and_reaches_its_bounds() -> None:
    notes = choose("diverse")
    assert len(notes) == len(set(notes)) == 1024
    assert {note.key for note in notes} == set(range(24, 85))
    assert {note.velocity for note in notes} == {25, 50, 75, 100, 127}
    for family in (MALLETS, GUITARS, KEYBOARDS):
        assert sum(note.instrument in family for note in notes) in (341, 342)
    assert len({note.instrument for note in notes}) == 24


def test_keyboard_keeps_to_five_keys() -> None:
    notes = choose("keyboard")
    assert len(notes) == len({note.name for note in notes}) == 1024
    assert {note.key for note in notes} == set(range(60, 65))
    assert {note.instrument for note in notes} == set(KEYBOARDS)


@pytest.mark.parametrize(("selection", "apart"), [("melodic", 3), ("bundled", 6)])
def test_each_instrument_has_keys_at_equal_distances_over_three_octaves(
    selection: str, apart: int
) -> None:
    notes = choose(selection)
    keys = list(range(48, 85, apart))
    assert keys[-1] - keys[0] == 36
    by_instrument = Counter(note.instrument for note in notes)
    assert set(by_instrument.values()) == {len(keys)}
    assert 2 <= len(by_instrument) <= 4
    for name in by_instrument:
        assert sorted(note.key for note in notes if note.instrument == name) == keys


def test_seed_and_count() -> None:
    assert choose("diverse", 30, 5) == choose("diverse", 30, 5)
    assert choose("diverse", 30, 5) != choose("diverse", 30, 6)
    # A larger draw holds the smaller one, so that figures on both can be compared.
    assert set(choose("diverse", 30)) < set(choose("diverse", 60))
    with pytest.raises(ConfigError, match=r"count is 1041; keyboard has 1 … 1040 notes"):
        choose("keyboard", 1041)
    with pytest.raises(ConfigError, match="selection is 'strings'; known are diverse"):
        choose("strings")
    with pytest.raises(ConfigError, match="seed is -1"):
        choose("diverse", seed=-1)


def test_a_note_begins_at_its_attack_and_ends_in_silence() -> None:
    late = np.zeros(20_000, np.float32)
    late[3_000:] = 0.5
    note = from_attack(late, "late")
    assert note.shape == (RATE,)
    assert np.abs(note[:16]).max() == 0.0
    assert note[16] == 0.5
    assert note[-1] == 0.0
    assert 0 < note[-40] < 0.5
    assert np.all(note[16:-80] == 0.5)
    with pytest.raises(DataError, match="bell_60_100 is silent"):
        from_attack(np.zeros(20_000, np.float32), "bell_60_100")


def test_level_is_one_factor_or_one_energy_and_never_too_loud() -> None:
    random = np.random.default_rng(0)
    notes = {str(n): (n * random.normal(0, 0.01, RATE)).astype(np.float32) for n in (1, 2, 3)}
    together = level(notes, 20.0, alike=False)
    ratios = [float(together[n][0] / notes[n][0]) for n in notes]
    assert np.ptp(ratios) < 1e-5 * ratios[0]
    assert np.mean([np.square(a).sum() for a in together.values()]) == pytest.approx(20.0, rel=1e-4)
    for audio in level(notes, 20.0, alike=True).values():
        assert np.square(audio).sum() == pytest.approx(20.0, rel=1e-4)
    loud = level(notes, 1e6, alike=False)
    assert max(np.abs(a).max() for a in loud.values()) == pytest.approx(10 ** (-1 / 20), rel=1e-5)


def test_a_folder_that_holds_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.wav").write_bytes(b"precious")
    assert main([str(tmp_path)]) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["mine.wav"]


@pytest.mark.peers
def test_what_is_rendered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "notes"
    assert main([str(out), "--count", "6", "--seed", "3"]) == 0
    assert "6 files" in capsys.readouterr().out
    files = sorted(out.glob("*.wav"))
    assert [path.stem for path in files] == [note.name for note in choose("diverse", 6, 3)]
    energies = []
    for path in files:
        audio, rate = read_audio(path, allow_silence=False)
        assert rate == RATE
        assert audio.shape == (1, RATE)
        assert np.abs(audio).max() < 10 ** (-1 / 20) + 1e-3
        assert abs(float(audio.mean())) < 2e-3
        assert audio[0, -1] == 0.0
        energies.append(float(np.square(audio).sum()))
    assert np.mean(energies) <= SELECTIONS["diverse"].energy * 1.01
    assert np.ptp(energies) > 1.0  # loudness keeps its meaning
    facts = json.loads((out / "provenance.json").read_text("utf-8"))
    assert (facts["selection"], facts["files"]) == ("diverse", 6)
    assert "MIT" in (out / "LICENSE.txt").read_text("utf-8")

    render_notes(tmp_path / "again", "diverse", count=6, seed=3)
    for path in files:
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
