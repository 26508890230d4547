"""What comes on one channel acts on that channel, an MPE member's on its note: heard in what
`synth render` writes with the bundled strings.

Key 64 begins at 0 s (MPE files: 0.1 s) unless a name says otherwise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime.session.offline import render_files

RATE = 24_000
FOLDER = Path(__file__).parent / "midi_channels"
E4, A4 = 329.63, 440.0
# Until when it sounds, and the pitch at 2 s (None: nothing is asked).
RIGHT = {
    "pedal": (3.0, E4),
    "roland": (3.0, E4),
    "roland2": (3.0, None),
    "other_channel": (3.0, E4),
    "panic_other": (3.0, E4),
    "reset_other": (3.0, E4 * 2 ** (2 / 12)),
    "wheel_other": (3.0, E4),
    "same_key": (3.0, E4),
    "same_key1": (3.0, E4),
    "cc121_member": (2.0, A4),
    "cc121_pedal": (2.0, E4),
    "cc123_member": (2.0, E4),
}
OTHERS = {"drums", "far"}


def play(name: str, folder: Path, *channels: str) -> tuple[np.ndarray, list[str]]:
    """The sound, `[samples]`, and what was said."""
    said: list[str] = []
    out = folder / "out.wav"
    render_files(
        [], out, midi=FOLDER / f"{name}.mid", sample_rate=RATE, channels=channels, say=said.append
    )
    return soundfile.read(out)[0][:, 0], said


def sounds_until(sound: np.ndarray) -> float:
    """The last second in which it is louder than a twentieth of its peak."""
    return float(np.flatnonzero(np.abs(sound) > 0.05 * np.abs(sound).max())[-1] / RATE)


def pitch_at(sound: np.ndarray, second: float, near: float) -> float:
    """The strongest line within a third of `near`, Hz."""
    part = sound[round((second - 0.5) * RATE) : round((second + 0.5) * RATE)]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 8 * len(part)))
    frequency = np.fft.rfftfreq(8 * len(part), 1 / RATE)
    spectrum[np.abs(frequency / near - 1) > 0.33] = 0
    return float(frequency[spectrum.argmax()])


def test_all_files_are_judged() -> None:
    assert {f.stem for f in FOLDER.glob("*.mid")} == RIGHT.keys() | OTHERS


@pytest.mark.parametrize(("name", "end", "pitch"), [(n, *r) for n, r in RIGHT.items()], ids=RIGHT)
def test_only_what_is_meant_is_acted_on(
    tmp_path: Path, name: str, end: float, pitch: float | None
) -> None:
    sound, said = play(name, tmp_path)
    assert said == []
    assert end <= sounds_until(sound) < end + 0.35
    if pitch is not None:
        found = pitch_at(sound, min(2.0, end - 0.5), pitch)
        assert abs(1200 * np.log2(found / pitch)) < 25


def test_a_melodic_instrument_leaves_the_drums_alone_unless_asked(tmp_path: Path) -> None:
    sound, said = play("drums", tmp_path)
    assert np.abs(sound).max() == 0
    assert len(said) == 1
    assert "channel 10" in said[0]
    sound, said = play("drums", tmp_path, "10")
    assert np.abs(sound).max() > 0.01
    assert said == []


def test_a_bend_that_goes_too_far_is_told(tmp_path: Path) -> None:
    """Two octaves, where this instrument can be bent by one."""
    _, said = play("far", tmp_path)
    assert [text for text in said if "bent farther" in text]
