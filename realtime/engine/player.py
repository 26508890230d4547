"""`Player`: turns keys into the notes of a strip, polyphonic or in mono."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from realtime.engine.expression import Expression
from realtime.engine.part import Part
from realtime.engine.voices import Voice, Voices


class Note(NamedTuple):
    """A key that went down.

    Args:
        key: 0 … 127.
        velocity: 0 … 1.
        ident: tells notes of one key apart, 0 for none.
        channel: 1 … 16, or 0 for none.
    """

    key: float
    velocity: float
    ident: int = 0
    channel: int = 0


class Instrument(Protocol):
    """The interface of a strip as a player uses it."""

    part: Part
    voices: Voices
    expression: Expression

    def start(self, note: Note, slide: float = 0.0) -> None:
        """Start a note in a fresh row, `slide` semitones off its pitch at first."""


class Player:
    """Plays the keys of all channels on one instrument.

    In mono each channel plays the last key that is down and, when that is released, the one before
    it again. With legato the sounding note goes on at the new pitch, as far as the instrument can
    be bent; without it, a new note begins. In both cases the pitch glides if a time is set.

    Args:
        strip: the instrument.
    """

    def __init__(self, strip: Instrument) -> None:
        self._strip = strip
        self._down: dict[int, list[Note]] = {}  # of channels in mono, oldest first

    def note_on(self, note: Note) -> bool:
        """Play a key; False if this instrument doesn't listen to its channel or key."""
        if not self._strip.part.hears(note.channel, note.key):
            return False
        if not self._strip.part.mono:
            self._strip.start(note)
            return True
        down = self._down.setdefault(note.channel, [])
        down[:] = [n for n in down if (n.key, n.ident) != (note.key, note.ident)]
        self._move(note)
        down.append(note)
        return True

    def note_off(self, key: float, ident: int = 0, channel: int = 0) -> None:
        """End the notes of a key.

        Args:
            key: 0 … 127.
            ident: which of the key's notes, 0 for all.
            channel: 1 … 16, or 0 for notes without one.
        """
        down = self._down.get(channel)
        if not down:
            self._strip.voices.note_off(key, ident, channel)
            return
        left = [n for n in down if n.key != key or ident not in (0, n.ident)]
        last = down[-1]
        down[:] = left
        if left and last not in left:
            self._move(left[-1])
        elif not left:
            self._strip.voices.note_off(last.key, last.ident, channel)

    def keys_up(self, channel: int) -> None:
        """Release all keys of a channel; notes that a pedal holds go on."""
        self.forget(channel)
        self._strip.voices.keys_up(channel)

    def forget(self, channel: int = 0) -> None:
        """Forget the keys that are down on a channel; 0: on all channels."""
        if channel:
            self._down.pop(channel, None)
        else:
            self._down.clear()

    def _move(self, note: Note) -> None:
        """Go over to another note on its channel, from the one that sounds there, if any."""
        part, expression = self._strip.part, self._strip.expression
        sounding = self._strip.voices.held(note.channel)
        if not sounding:
            self._strip.start(note)
            return
        voice = sounding[-1]
        base = part.key(voice.base)
        semitones = part.key(note.key) - base
        if part.legato and abs(semitones) <= expression.reach:
            voice.key, voice.ident = note.key, note.ident
            expression.slide(voice.slot, semitones, part.glide)
            return
        pitch = base + expression.slid(voice.slot)
        self._end(sounding)
        slide = pitch - part.key(note.key) if part.glide else 0.0
        self._strip.start(note, min(max(slide, -expression.reach), expression.reach))

    def _end(self, voices: list[Voice]) -> None:
        for voice in voices:
            self._strip.voices.steal(voice)
