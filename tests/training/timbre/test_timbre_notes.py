"""What a note is: from a table, its name, its folder, or its sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synth.contract import DataError, write_audio
from training.data.library import Clip, build_library
from training.timbre.names import DYNAMICS, Told, dynamics_of, told_by_name
from training.timbre.notes import NoteLabel, labels_of
from training.timbre.tables import find_table

RATE = 16_000


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("English-Horn_66_112", ("English-Horn", 66, "ff")),
        ("nylon_guitar_60_33", ("nylon_guitar", 60, "pp")),
        ("guitar_acoustic_010-060-100", ("guitar_acoustic_010", 60, "f")),
        ("flute_C4", ("flute", 60, "")),
        ("gong_048", ("gong", 48, "")),
        ("cello_A2_80", ("cello", 45, "mf")),
        ("violin_A4_pp", ("violin", 69, "pp")),
        ("violin_pp_A4", ("violin", 69, "pp")),
        ("Flute F#4 mf", ("Flute", 66, "mf")),
        ("flute_f_60_33", ("flute", 60, "f")),
        ("organ_Bb-1", ("organ", 10, "")),
        ("violin/A4", ("violin", 69, "")),
        ("violin/A4_100", ("violin", 69, "f")),
        ("violin/pp_A4", ("violin", 69, "pp")),
        ("violin/01", ("violin", None, "")),
        ("take_2", ("take", None, "")),
        ("A4", ("A4", 69, "")),
        ("7", ("7", None, "")),
        ("ff", ("ff", None, "ff")),
        ("Brass/Bass_Tuba/ordinario/BTb-ord-A#1-ff-N-N", ("Bass_Tuba", 34, "ff")),
        ("Winds/Clarinet_Bb/ordinario/ClBb-ord-D3-mf-N-T17d", ("Clarinet_Bb", 50, "mf")),
        ("Vn-ord-G#6-pp-1c-R100u", ("Vn", 92, "pp")),
    ],
)  # fmt: skip
def test_names(name: str, told: tuple[str, float | None, str]) -> None:
    assert told_by_name(Path("/data", f"{name}.wav"), Path("/data")) == Told(*told)


def test_velocities_become_the_nearest_dynamics() -> None:
    assert [dynamics_of(velocity) for velocity in DYNAMICS.values()] == list(DYNAMICS)
    found = [dynamics_of(velocity) for velocity in range(1, 128)]
    places = [list(DYNAMICS).index(name) for name in found]
    assert places == sorted(places)
    assert set(found) == set(DYNAMICS)


def clips(folder: Path, *names: str) -> list[Clip]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(RATE) / RATE
        tone = sum(0.3 / n * np.sin(2 * np.pi * 440 * n * time) for n in range(1, 6))
        write_audio(folder / name, tone.astype(np.float32)[None], RATE)
    return list(build_library(folder, RATE, 1, cache=folder / ".cache", workers=1).clips)


def test_labels_by_name(tmp_path: Path) -> None:
    found = labels_of(clips(tmp_path, "flute_60_33.wav", "oboe_C5_ff.wav"), str(tmp_path))
    assert found == [NoteLabel("flute", 60.0, "pp"), NoteLabel("oboe", 72.0, "ff")]


def test_a_pitch_that_no_name_tells_is_measured_if_there_is_a_rate(tmp_path: Path) -> None:
    notes = clips(tmp_path, "flute/one.wav")
    (measured,) = labels_of(notes, str(tmp_path), RATE)
    assert (measured.instrument, measured.dynamics) == ("flute", "")
    assert measured.key == pytest.approx(69, abs=0.1)
    assert labels_of(notes, str(tmp_path)) == [NoteLabel("flute", -1, "")]


def test_a_sound_without_pitch_has_no_key(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (1, RATE)).astype(np.float32)
    write_audio(tmp_path / "wind.wav", noise, RATE)
    notes = build_library(tmp_path, RATE, 1, cache=tmp_path / ".cache", workers=1).clips
    assert labels_of(notes, str(tmp_path), RATE) == [NoteLabel("wind", -1, "")]


@pytest.mark.parametrize(
    ("head", "row", "label"),
    [
        ("file,instrument,pitch,octave,dynamics", "a.wav,tuba,A,4,ff", ("tuba", 69, "ff")),
        ("file,instrument,pitch,octave,dynamics", "a.wav,tuba,9,4,100", ("tuba", 69, "f")),
        ("file,instrument,pitch,octave", "a.wav,tuba,Bb,3", ("tuba", 58, "")),
        ("file,instrument,pitch,octave", "a.wav,tuba,69,4", ("tuba", 69, "")),
        ("file,instrument,pitch,octave", "a.wav,tuba,A4,4", ("tuba", 69, "")),
        ("file,pitch", "a.wav,Bb2", ("a", 46, "")),
        ("file,pitch", "a.wav,60.5", ("a", 60.5, "")),
        ("file,pitch", "a.wav,", ("a", -1, "")),
        ("File, Instrument", "a.wav, tuba", ("tuba", -1, "")),
        ("dynamics,file", "soft,./a.wav", ("a", -1, "soft")),
        ("dynamics,file", "MF,a.wav", ("a", -1, "mf")),
        ("dynamics,file", "With Mute,a.wav", ("a", -1, "With Mute")),
    ],
)
def test_labels_by_table(
    tmp_path: Path, head: str, row: str, label: tuple[str, float, str]
) -> None:
    (tmp_path / "notes.csv").write_text(f"{head}\n{row}\n", "utf-8")
    assert labels_of(clips(tmp_path, "a.wav"), str(tmp_path)) == [NoteLabel(*label)]


def test_a_table_comes_before_a_name_and_leaves_the_rest_to_it(tmp_path: Path) -> None:
    table = "file,instrument,dynamics\nflute_60_33.wav,piccolo,\nsub/flute_61_33.wav,,ff\n"
    (tmp_path / "notes.csv").write_text(table, "utf-8")
    found = labels_of(clips(tmp_path, "flute_60_33.wav", "sub/flute_61_33.wav"), str(tmp_path))
    assert found == [NoteLabel("piccolo", 60, "pp"), NoteLabel("flute", 61, "ff")]


TINYSOL = (
    "Path,Fold,Family,Instrument (abbr.),Instrument (in full),Technique (abbr.),"
    "Technique (in full),Pitch,Pitch ID,Dynamics,Dynamics ID,Instance ID,String ID (if applicable),"
    "Needed digital retuning\n"
    "Brass/Horn/ordinario/Hn-ord-A#1-ff-N-N.wav,0,Brass,Hn,French Horn,ord,ordinario,A#1,34,ff,4,0,"
    ",False\n"
)


@pytest.mark.parametrize("place", ["", ".."])
def test_tinysol(tmp_path: Path, place: str) -> None:
    root = tmp_path / "TinySOL"
    notes = clips(root, "Brass/Horn/ordinario/Hn-ord-A#1-ff-N-N.wav")
    assert labels_of(notes, str(root)) == [NoteLabel("Horn", 34, "ff")]
    (root / place / "TinySOL_metadata.csv").write_text(TINYSOL, "utf-8")
    assert labels_of(notes, str(root)) == [NoteLabel("French Horn", 34, "ff")]


def test_a_part_of_tinysol_is_found_in_its_table(tmp_path: Path) -> None:
    root = tmp_path / "Horn"
    notes = clips(root, "ordinario/Hn-ord-A#1-ff-N-N.wav")
    (root / "TinySOL_metadata.csv").write_text(TINYSOL.replace("Brass/Horn/", ""), "utf-8")
    assert labels_of(notes, str(root)) == [NoteLabel("French Horn", 34, "ff")]


def test_a_table_in_the_folder_above_is_another_sets(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("file\nother.wav\n", "utf-8")
    root = tmp_path / "set"
    assert labels_of(clips(root, "flute_60_33.wav"), str(root)) == [NoteLabel("flute", 60, "pp")]


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ("instrument,pitch\ntuba,60\n", "notes.csv: the column file is missing"),
        ("", "notes.csv: the column file is missing"),
        ("file,pitch\na.wav,60\na.wav,61\n", "line 3: a.wav has a row already"),
        ("file,pitch\n,60\n", "line 2: names no file"),
        ("file,pitch\nb.wav,60\n", "notes.csv: a.wav has no row; add one"),
        ("file,pitch\na.wav,high\n", "line 2: pitch is high; a MIDI key of 0 … 127"),
        ("file,pitch\na.wav,128\n", "line 2: pitch is 128"),
        ("file,pitch\na.wav,-3\n", "line 2: pitch is -3"),
        ("file,pitch\na.wav,nan\n", "line 2: pitch is nan"),
        ("file,pitch,octave\na.wav,inf,4\n", "line 2: pitch inf, octave 4 is no key"),
        ("file,pitch\na.wav,60,5\n", "line 2: has more values than there are columns"),
        ("file;pitch\na.wav;60\n", "with commas between them instead of semicolons"),
        ("file,pitch\na.wav,A\n", "line 2: pitch is A"),
        ("file,pitch,octave\na.wav,9,high\n", "line 2: pitch 9, octave high is no key"),
        ("file,pitch,octave\na.wav,H,4\n", "line 2: pitch H, octave 4 is no key"),
        ("file,pitch,octave\na.wav,69,3\n", "line 2: pitch 69 is in octave 4, and octave is 3"),
        ("file,pitch,octave\na.wav,A4,5\n", "line 2: pitch A4 is in octave 4, and octave is 5"),
        ("file,pitch,octave\na.wav,A,12\n", "line 2: pitch is A"),
        ("file,dynamics\na.wav,128\n", "line 2: dynamics is 128; write a velocity"),
        ("file,dynamics\na.wav,0\n", "line 2: dynamics is 0"),
    ],
)
def test_a_wrong_table_is_refused_by_line(tmp_path: Path, table: str, match: str) -> None:
    notes = clips(tmp_path, "a.wav")
    (tmp_path / "notes.csv").write_text(table, "utf-8")
    with pytest.raises(DataError, match=match):
        labels_of(notes, str(tmp_path))


def test_a_table_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_bytes(b"file\n\xff\xfe\n")
    with pytest.raises(DataError, match=r"notes\.csv: isn't written in UTF-8; save it so"):
        find_table(tmp_path)
