"""The rows in which notes sound: allocation, stealing, pedals, release."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

GHOSTS = 2  # rows in which stolen voices fade out
CHANNELS = 17  # 0 for notes that came without a channel, then 1 … 16


@dataclass
class Voice:
    """A note in a row.

    Args:
        slot: the row.
        key: 0 … 127.
        velocity: 0 … 1.
        age: number of the note; the oldest has the lowest.
        ident: tells notes of one key apart, 0 for none.
        channel: 1 … 16, or 0 for none.
        held: whether its key is down.
        sustained: whether the sustain pedal alone holds it.
        caught: whether the sostenuto pedal holds it.
        base: the key it began with; `key` changes when legato moves it on to another.
        quiet: hops of silence so far.
        ghost: whether it was stolen and fades out.
    """

    slot: int
    key: float
    velocity: float
    age: int
    ident: int = 0
    channel: int = 0
    held: bool = True
    sustained: bool = False
    caught: bool = False
    base: float = 0.0
    quiet: int = 0
    ghost: bool = False

    @property
    def sounds(self) -> bool:
        """Whether its gate is open. A ghost's gate is: it is faded out, not released."""
        return self.held or self.sustained or self.caught or self.ghost

    def release(self) -> None:
        """End whatever holds it: key and pedals."""
        self.held = self.sustained = self.caught = False


class Voices:
    """Allocates voices to rows.

    Channel, key and id identify a note: a second note with the same three replaces the first. The
    MIDI channel still sends an end for each of them, and only the last one ends the note. When all
    voices are taken, the oldest released one is stolen, else the oldest. Pedals act on their
    channel; a pedal without a channel (0) acts on all.

    Args:
        count: voices; `GHOSTS` further rows serve for the fades of stolen ones.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.slots = count + GHOSTS
        self.active: list[Voice] = []
        self.stolen = 0
        self.ghosts = 0
        self.gates_moved = False  # set here, cleared by the strip when it passes the gates on
        self._age = 0
        self._sustain = [False] * CHANNELS
        self._sostenuto = [False] * CHANNELS
        self._owed: dict[tuple[int, float, int], int] = {}  # ends still to come of replaced notes

    def note_on(self, key: float, velocity: float, ident: int = 0, channel: int = 0) -> Voice:
        """Start a note and return its voice, whose row must be reset before the next step.

        Args:
            key: 0 … 127.
            velocity: 0 … 1.
            ident: tells notes of one key apart, 0 for none.
            channel: 1 … 16, or 0 for none.
        """
        self.gates_moved = True
        note = (channel, key, ident)
        same = list(self._named(key, ident, channel, exactly=True))
        if channel and any(voice.held for voice in same):
            self._owed[note] = self._owed.get(note, 0) + 1
        else:
            self._owed.pop(note, None)
        for voice in same:
            voice.release()
        sounding = [v for v in self.active if not v.ghost]
        if len(sounding) >= self.count:
            self.steal(min(sounding, key=lambda v: (v.sounds, v.age)))
            self.stolen += 1
        taken = {v.slot for v in self.active}
        free = [s for s in range(self.slots) if s not in taken]
        if not free:
            oldest = min((v for v in self.active if v.ghost), key=lambda v: v.age)
            self.free(oldest)
            free = [oldest.slot]
        self._age += 1
        voice = Voice(free[0], key, velocity, self._age, ident, channel, base=key)
        self.active.append(voice)
        return voice

    def note_off(self, key: float, ident: int = 0, channel: int = 0) -> None:
        """Release a key, or keep it sounding while the sustain pedal is down.

        Args:
            key: 0 … 127.
            ident: which of the key's notes on that channel, 0 for all.
            channel: 1 … 16, or 0 for notes without one.
        """
        self.gates_moved = True
        for voice in list(self._named(key, ident, channel)):
            note = (channel, key, voice.ident)
            if self._owed.get(note):
                self._owed[note] -= 1
            elif voice.held:
                voice.held, voice.sustained = False, self._sustain[channel]

    def steal(self, voice: Voice) -> None:
        """Fade a voice out at once, to make room for another."""
        voice.release()
        if not voice.ghost:
            voice.ghost = True
            self.ghosts += 1

    def slots_of(self, key: float, ident: int = 0, channel: int = 0) -> list[int]:
        """Rows of a key's notes that the key or a pedal still holds; see `note_off`."""
        return [voice.slot for voice in self._named(key, ident, channel) if voice.sounds]

    def held(self, channel: int) -> list[Voice]:
        """The notes of a channel whose keys are down, oldest first."""
        return [v for v in self.active if v.channel == channel and v.held and not v.ghost]

    def set_sustain(self, down: bool, channel: int = 0) -> None:
        """Move the sustain pedal; lifting it releases the notes that it held.

        Args:
            down: whether it is pressed.
            channel: 1 … 16, or 0 for all.
        """
        self.gates_moved = True
        for number in _of(channel):
            self._sustain[number] = down
        if not down:
            for voice in self._on(channel):
                voice.sustained = False

    def set_sostenuto(self, down: bool, channel: int = 0) -> None:
        """Move the sostenuto pedal: pressed, it catches the keys that are down at that moment;
        lifted, it releases them, unless the sustain pedal holds them too.

        Args:
            down: whether it is pressed.
            channel: 1 … 16, or 0 for all.
        """
        self.gates_moved = True
        # A pedal that is reported down twice catches nothing the second time.
        moved = [number for number in _of(channel) if self._sostenuto[number] != down]
        for number in moved:
            self._sostenuto[number] = down
        for voice in self.active:
            if voice.channel in moved:
                if not down and voice.caught and not voice.held:
                    voice.sustained = self._sustain[voice.channel]
                voice.caught = down and voice.held

    def keys_up(self, channel: int) -> None:
        """Release all keys of a channel; notes that its pedals hold go on."""
        self.gates_moved = True
        self._owed = {note: n for note, n in self._owed.items() if note[0] != channel}
        for voice in self._on(channel):
            if voice.held:
                voice.held, voice.sustained = False, self._sustain[voice.channel]

    def release_all(self) -> None:
        """Release all keys and lift all pedals, on all channels."""
        self.gates_moved = True
        self._sustain, self._sostenuto = [False] * CHANNELS, [False] * CHANNELS
        self._owed.clear()
        for voice in self.active:
            voice.release()

    def free(self, voice: Voice) -> None:
        """Free a voice's row."""
        self.active.remove(voice)
        self.ghosts -= voice.ghost

    def _on(self, channel: int) -> Iterator[Voice]:
        """The voices of a channel (0: of all channels)."""
        return (v for v in self.active if channel in (0, v.channel) and not v.ghost)

    def _named(
        self, key: float, ident: int, channel: int, *, exactly: bool = False
    ) -> Iterator[Voice]:
        """A key's notes on a channel that have this id; for id 0 all of them, unless `exactly`."""
        for voice in self.active:
            fits = voice.ident == ident or (ident == 0 and not exactly)
            if voice.key == key and voice.channel == channel and fits and not voice.ghost:
                yield voice


def _of(channel: int) -> range:
    """The channels that a message of `channel` acts on."""
    return range(channel, channel + 1) if channel else range(CHANNELS)
