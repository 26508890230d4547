"""`Instrument`: a model as something that plays, the form in which it is exported.

An instrument is a pure step: controls, state and (for effects) audio in; audio and state out. Its
attributes say everything that the manifest of the exported file says.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from synth.contract import BankPatch, Control, Place, TensorSpec
from synth.nn import State

BEND_SEMITONES = 12.0


class Instrument(nn.Module):
    """Base of what can be exported and played.

    Attributes:
        kind: "effect" or "generator"; sample_rate: Hz; hop: samples per step.
        channels_in, channels_out: audio channels; latency: samples.
        controls: in the order of the graph inputs; random: noise inputs; sounds, key_range, map,
            patches: as in the manifest.
        ends: settings of controls, by name, with which a held sound comes to its end soon; the
            proof of an export plays these, too. Controls left out stand at their defaults.
    """

    kind: str = "effect"
    sample_rate: int
    hop: int
    channels_in: int = 1
    channels_out: int = 1
    latency: int = 0
    controls: tuple[Control, ...] = ()
    random: tuple[TensorSpec, ...] = ()
    ends: tuple[Mapping[str, float], ...] = ()
    sounds: tuple[str, ...] = ()
    key_range: tuple[int, int] | None = None
    map: tuple[Place, ...] = ()
    patches: tuple[BankPatch, ...] = ()

    def init_state(self, voices: int) -> State:
        """State of `voices` rows before the first step: zeros."""
        raise NotImplementedError

    def step(
        self, feed: Tensor, controls: Mapping[str, Tensor], state: State
    ) -> tuple[Tensor, State]:
        """Make `n >= 1` hops of audio.

        Args:
            feed: effects: audio `[voices, channels_in, n * hop]`; generators: n as int64 `[1]`.
            controls: every control, `[voices, size]`, and every noise input, `[voices, *shape]`.
            state: as `init_state` or the previous step returned it.

        Returns:
            audio `[voices, channels_out, n * hop]` and the next state.
        """
        raise NotImplementedError


def number(
    name: str,
    low: float,
    high: float,
    default: float,
    description: str,
    *,
    unit: str = "",
    curve: str = "linear",
    per_voice: bool = False,
    smoothing_ms: float = 0.0,
    role: str = "",
) -> Control:
    """A scalar control."""
    return Control(
        name,
        1,
        (float(low),),
        (float(high),),
        (float(default),),
        unit,
        curve,
        description,
        per_voice,
        smoothing_ms,
        role,
    )


def note_controls(key: str = "MIDI key") -> tuple[Control, Control, Control]:
    """Gate, key and velocity, which a note sets.

    Args:
        key: what the key does, for people.
    """
    return (
        number("gate", 0, 1, 0, "1 while the note is held", curve="toggle", per_voice=True,
               role="gate"),
        number("key", 0, 127, 60, key, unit="key", per_voice=True, role="key"),
        number("velocity", 0, 1, 0.8, "loudness of the note, squared", per_voice=True,
               role="velocity"),
    )  # fmt: skip


def bend_control() -> Control:
    """Bend, up to an octave either way, which the pitch wheel and each note's own bend move."""
    return number("bend", -BEND_SEMITONES, BEND_SEMITONES, 0, "transposition on top of the key",
                  unit="semitones", per_voice=True, smoothing_ms=5.0, role="bend")  # fmt: skip


def sound_control(last: int, description: str) -> Control:
    """The index of a sound, 0 … `last`, that a program change sets and a note keeps."""
    return number("sound", 0, last, 0, description, curve="integer", per_voice=True, role="sound")
