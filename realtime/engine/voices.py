"""Which note sounds in which row: allocation, stealing, pedals, release."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

GHOSTS = 2  # rows in which stolen voices fade out


@dataclass
class Voice:
    """A note in a row.

    Args:
        slot: the row; key: 0 … 127; velocity: 0 … 1; age: counts notes.
        ident: tells notes of one key apart, 0 for none.
        held: its key is down; sustained: only the sustain pedal holds it; caught: the sostenuto
            pedal found its key down.
        quiet: hops of silence; ghost: it was stolen.
    """

    slot: int
    key: float
    velocity: float
    age: int
    ident: int = 0
    held: bool = True
    sustained: bool = False
    caught: bool = False
    quiet: int = 0
    ghost: bool = False

    @property
    def sounds(self) -> bool:
        """Whether its gate is open. A ghost's is: it is faded out, not released."""
        return self.held or self.sustained or self.caught or self.ghost

    def release(self) -> None:
        """Let go of it, whatever holds it."""
        self.held = self.sustained = self.caught = False


class Voices:
    """Allocator of `count` voices (plus `GHOSTS` rows for the fades of stolen ones).

    A note on a key that sounds releases the old voice, unless their `ident` differ. With all voices
    taken, the oldest released one is stolen, else the oldest.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.slots = count + GHOSTS
        self.active: list[Voice] = []
        self.sustain = self.sostenuto = False
        self.stolen = 0
        self.ghosts = 0
        self.gates_moved = False  # set here, cleared by who passes the gates on
        self._age = 0

    def note_on(self, key: float, velocity: float, ident: int = 0) -> Voice:
        """Start a note; its row must be reset before the next step."""
        self.gates_moved = True
        for voice in self.active:
            if voice.key == key and voice.ident == ident and not voice.ghost:
                voice.release()
        sounding = [v for v in self.active if not v.ghost]
        if len(sounding) >= self.count:
            victim = min(sounding, key=lambda v: (v.sounds, v.age))
            victim.release()
            victim.ghost = True
            self.ghosts += 1
            self.stolen += 1
        taken = {v.slot for v in self.active}
        free = [s for s in range(self.slots) if s not in taken]
        if not free:
            oldest = min((v for v in self.active if v.ghost), key=lambda v: v.age)
            self.free(oldest)
            free = [oldest.slot]
        self._age += 1
        voice = Voice(free[0], key, velocity, self._age, ident)
        self.active.append(voice)
        return voice

    def note_off(self, key: float, ident: int = 0) -> None:
        """Release a key, or keep it sounding while the sustain pedal is down.

        Args:
            ident: which of the notes of that key, 0 for all.
        """
        self.gates_moved = True
        for voice in self._named(key, ident):
            if voice.held:
                voice.held, voice.sustained = False, self.sustain

    def slots_of(self, key: float, ident: int = 0) -> list[int]:
        """Rows of the notes of a key that are held, by the key or a pedal."""
        return [voice.slot for voice in self._named(key, ident) if voice.sounds]

    def set_sustain(self, down: bool) -> None:
        """Move the sustain pedal; lifting it releases what it held."""
        self.sustain, self.gates_moved = down, True
        if not down:
            for voice in self.active:
                voice.sustained = False

    def set_sostenuto(self, down: bool) -> None:
        """Move the sostenuto pedal: pressed, it catches the keys that are down at that moment;
        lifted, it releases them, unless the sustain pedal holds them too."""
        self.gates_moved = True
        if down == self.sostenuto:
            return  # a pedal that says again that it is down catches nothing more
        self.sostenuto = down
        for voice in self.active:
            if not down and voice.caught and not voice.held:
                voice.sustained = self.sustain
            voice.caught = down and voice.held

    def release_all(self) -> None:
        """All keys up, pedals too."""
        self.sustain, self.sostenuto, self.gates_moved = False, False, True
        for voice in self.active:
            voice.release()

    def free(self, voice: Voice) -> None:
        """Give a voice's row back."""
        self.active.remove(voice)
        self.ghosts -= voice.ghost

    def _named(self, key: float, ident: int) -> Iterator[Voice]:
        for voice in self.active:
            if voice.key == key and ident in (0, voice.ident) and not voice.ghost:
                yield voice
