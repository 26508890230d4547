"""Which note sounds in which row: allocation, stealing, sustain, release."""

from __future__ import annotations

from dataclasses import dataclass

GHOSTS = 2  # rows in which stolen voices fade out


@dataclass
class Voice:
    """A note in a row. `age` counts notes, `quiet` hops of silence; a `ghost` was stolen."""

    slot: int
    key: float
    velocity: float
    age: int
    held: bool = True
    sustained: bool = False
    quiet: int = 0
    ghost: bool = False

    @property
    def sounds(self) -> bool:
        """Whether its gate is open. A ghost's is: it is faded out, not released."""
        return self.held or self.sustained or self.ghost


class Voices:
    """Allocator of `count` voices (plus `GHOSTS` rows for the fades of stolen ones).

    A note on a key that sounds releases the old voice. With all voices taken, the oldest released
    one is stolen, else the oldest.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.slots = count + GHOSTS
        self.active: list[Voice] = []
        self.sustain = False
        self.stolen = 0
        self.ghosts = 0
        self.gates_moved = False  # set here, cleared by who passes the gates on
        self._age = 0

    def note_on(self, key: float, velocity: float) -> Voice:
        """Start a note; its row must be reset before the next step."""
        self.gates_moved = True
        for voice in self.active:
            if voice.key == key and (voice.held or voice.sustained) and not voice.ghost:
                voice.held = voice.sustained = False
        sounding = [v for v in self.active if not v.ghost]
        if len(sounding) >= self.count:
            victim = min(sounding, key=lambda v: (v.held or v.sustained, v.age))
            victim.ghost, victim.held, victim.sustained = True, False, False
            self.ghosts += 1
            self.stolen += 1
        taken = {v.slot for v in self.active}
        free = [s for s in range(self.slots) if s not in taken]
        if not free:
            oldest = min((v for v in self.active if v.ghost), key=lambda v: v.age)
            self.free(oldest)
            free = [oldest.slot]
        self._age += 1
        voice = Voice(free[0], key, velocity, self._age)
        self.active.append(voice)
        return voice

    def note_off(self, key: float) -> None:
        """Release a key, or keep it sounding while the sustain pedal is down."""
        self.gates_moved = True
        for voice in self.active:
            if voice.key == key and voice.held:
                voice.held, voice.sustained = False, self.sustain

    def set_sustain(self, down: bool) -> None:
        """Move the sustain pedal; lifting it releases what it held."""
        self.sustain, self.gates_moved = down, True
        if not down:
            for voice in self.active:
                voice.sustained = False

    def release_all(self) -> None:
        """All keys up, pedal too."""
        self.sustain, self.gates_moved = False, True
        for voice in self.active:
            voice.held = voice.sustained = False

    def free(self, voice: Voice) -> None:
        """Give a voice's row back."""
        self.active.remove(voice)
        self.ghosts -= voice.ghost
