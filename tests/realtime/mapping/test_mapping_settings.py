"""What a map sets when it is taken: depths of pressure and timbre, what follows the beat."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from realtime.mapping.control_map import ControlMap, changed_settings
from realtime.mapping.file import read_mapping, write_mapping
from realtime.namespace.event import NOW, Event
from realtime.namespace.namespace import Namespace
from realtime.session.offline import render_files
from synth.contract import ConfigError, Control
from tests.realtime.sine_instrument import LEVEL, write_sine

CONTROLS = (
    Control("position", 1, (0.0,), (2.0,), (0.5,), "s"),
    Control("latent", 4, (-2.0,), (3.0,), (0.0,), role="latent"),
)
TEXT = """
mpe: 7
set:
  /tempo: 90
  /codec/latent/2/pressure: -1.5
  /codec/latent/3/timbre: 2
  /codec/position/sync: [4, 0, 1]
"""


@pytest.fixture
def namespace() -> Namespace:
    return Namespace({"codec": CONTROLS})


def read(folder: Path, namespace: Namespace, text: str) -> ControlMap:
    path = folder / "map.yaml"
    path.write_text(text)
    return read_mapping(path, namespace)


def test_settings_are_events_and_are_written_back(tmp_path: Path, namespace: Namespace) -> None:
    mapping = read(tmp_path, namespace, TEXT)
    assert mapping.mpe == 7
    assert mapping.settings == (
        Event(NOW, "/tempo", (90.0,)),
        Event(NOW, "/codec/latent/2/pressure", (-1.5,)),
        Event(NOW, "/codec/latent/3/timbre", (2.0,)),
        Event(NOW, "/codec/position/sync", (4.0, 0.0, 1.0)),
    )
    path = tmp_path / "again.yaml"
    write_mapping(path, mapping, namespace)
    assert read_mapping(path, namespace) == mapping


def test_another_map_ends_what_only_the_first_one_let_follow(
    tmp_path: Path, namespace: Namespace
) -> None:
    before = read(tmp_path, namespace, TEXT)
    after = read(tmp_path, namespace, "set: {/codec/latent/3/timbre: 1}")
    assert changed_settings(before, after) == [
        Event(NOW, "/codec/latent/2/pressure", (0.0,)),
        Event(NOW, "/codec/position/sync", (0.0,)),
        Event(NOW, "/codec/latent/3/timbre", (1.0,)),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("mpe: 16", "mpe is 16; 0 … 15"),
        ("mpe: true", "mpe is True"),
        ("set: [1]", "set needs 'name: …' lines"),
        ("set: {/codec/nothing: 1}", "nothing has the address /codec/nothing"),
        ("set: {/codec/latent/2/pressure: 9}", "out of range; the nearest is 5"),
        ("set: {/codec/position: loud}", "is 'loud'; the numbers of a control"),
        ("set: {/codec/position: []}", r"is \[\]; the numbers of a control"),
        ("set: {/note/on: [60, 100]}", "the numbers of a control"),
        ("set: {/panic: 1}", "the numbers of a control"),
        ("set: {/transport/position: 4}", "the numbers of a control"),
        ("set: {/codec/position/sync: [1, 2]}", "needs 1 or 3 numbers, got 2"),
    ],
)
def test_mistakes_are_named_with_their_line(
    tmp_path: Path, namespace: Namespace, line: str, problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        read(tmp_path, namespace, f"# a map\n{line}\n")
    assert "map.yaml: line 2: " in str(caught.value)


def test_a_map_makes_a_file_without_configuration_mpe(tmp_path: Path) -> None:
    """Pressure on one of two notes: with the map it doubles that note alone, and by its depth."""
    file, track = mido.MidiFile(ticks_per_beat=480), mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.Message("note_on", channel=1, note=60, velocity=100))
    track.append(mido.Message("aftertouch", channel=1, value=127))
    track.append(mido.Message("note_off", channel=1, note=60, time=960))
    song, out, mapping = tmp_path / "song.mid", tmp_path / "out.wav", tmp_path / "map.yaml"
    file.save(song)
    mapping.write_text("mpe: 15\nset: {/sine/pressure/pressure: 0.5}\n")
    instrument = write_sine(tmp_path)
    render_files([instrument], out, midi=song, mapping=mapping, tail_s=0.1)
    heard = soundfile.read(out)[0][12_000:36_000, 0]
    assert np.abs(heard).max() == pytest.approx(1.5 * LEVEL, rel=0.02)
