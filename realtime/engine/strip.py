"""A plugin in the rack: its hops become a continuous signal at the device's rate.

A hop is made exactly when the sample after the last one available is asked for, so that the sound
of a strip depends on events and their times alone, never on the size of the blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from realtime.engine.controls import ControlState
from realtime.engine.expression import Expression
from realtime.engine.part import Part
from realtime.engine.player import Note, Player
from realtime.engine.plugin import Array, Plugin, Rows
from realtime.engine.signal.dc_block import DcBlock
from realtime.engine.signal.mixer import VoiceMixer
from realtime.engine.signal.resampler import StreamResampler
from realtime.engine.transport import BeatSync, Transport
from realtime.engine.voices import CHANNELS, Voices

QUIET_PEAK = 1e-4  # -80 dBFS
QUIET_RELEASED_S = 0.03
QUIET_HELD_S = 2.0
ERRORS_BEFORE_REST = 5
REST_S = 1.0


class Fifo:
    """A queue of samples.

    Args:
        channels: rows of the signal.
    """

    def __init__(self, channels: int) -> None:
        self._data = np.zeros((channels, 0), np.float32)

    def __len__(self) -> int:
        return self._data.shape[1]

    def push(self, block: Array) -> None:
        """Append `[channels, n]`."""
        self._data = np.concatenate([self._data, block], axis=1) if len(self) else block

    def pop(self, count: int) -> Array:
        """Take the oldest `count` samples, `[channels, count]`."""
        taken, self._data = self._data[:, :count], self._data[:, count:]
        return taken


class Strip:
    """One plugin with its voices, controls and rate conversion.

    Args:
        plugin: the sound maker.
        sample_rate: of the device, Hz.
        voices: notes at a time, for generators.
        channels: of the device.
        transport: the beat that controls can follow; None for one of its own.

    Attributes:
        latency: device samples. For effects exact, from input to output. For generators the most
            from the event of a note to its first sample; what moves a voice that began within a hop
            can take one hop more, because that voice is computed ahead.
        muted: hops replaced by silence because they were not finite.
        errors: hops replaced by silence because the plugin failed.
    """

    def __init__(
        self,
        plugin: Plugin,
        sample_rate: int,
        voices: int,
        channels: int,
        transport: Transport | None = None,
    ) -> None:
        self.plugin, self.manifest = plugin, plugin.manifest
        manifest = self.manifest
        self.is_generator = manifest.kind == "generator"
        self.channels = channels
        self.voices = Voices(voices if self.is_generator else 1)
        slots = self.voices.slots if self.is_generator else 1
        self.hop_s = manifest.hop / manifest.sample_rate
        self.controls = ControlState(manifest.controls, slots, self.hop_s)
        self.expression = Expression(manifest.controls, slots, self.hop_s)
        self.beats = BeatSync(manifest.controls)
        self.part = Part(sample_rate, channels)
        self.player = Player(self)
        self.programs: dict[int, float] = {}  # of channels that have chosen one
        self._transport = transport or Transport(sample_rate)
        self._hops, self._hop_samples = 0, manifest.hop * sample_rate / manifest.sample_rate
        plugin.prepare(slots)
        self._only_row = np.zeros(1, np.int64)
        same = manifest.sample_rate == sample_rate
        width = manifest.channels_out
        self._out_rate = None if same else StreamResampler(manifest.sample_rate, sample_rate, width)
        self._in_rate = (
            None
            if same or self.is_generator
            else StreamResampler(sample_rate, manifest.sample_rate, manifest.channels_in)
        )
        self._in, self._out = Fifo(manifest.channels_in), Fifo(width)
        self._mixer = VoiceMixer(width, manifest.hop, manifest.sample_rate)
        self._dc = DcBlock(width, manifest.hop, manifest.sample_rate)
        self._used = 0  # samples of the model that the device's samples so far were made from
        self._beginning: list[int] = []  # rows of notes that begin at the next sample
        self._levels = np.ones(CHANNELS, np.float32)  # of channels, linear
        self._level_of = np.ones(slots, np.float32)  # of rows, so far
        self._levels_rest = True  # nobody has moved one
        self._silence = np.zeros((width, manifest.hop), np.float32)
        self._counting = False  # whether some voice has been quiet
        self.muted = self.errors = 0
        self._failures, self._rest_hops = 0, 0
        self.latency = self._prefill(sample_rate)

    def generate(self, count: int) -> Array:
        """Make the next `[channels, count]` of a generator."""
        if count and self._beginning:
            self._begin()
        needed = self._needed(count)
        while self._mixer.waiting < needed:
            self._make_hop()
        if self._out_rate is None:
            return self.part.mix(self._to_device(self._mixer.take(needed)))
        if needed:
            self._used += needed
            self._emit(self._mixer.take(needed))
        return self.part.mix(self._to_device(self._out.pop(count)))

    def _needed(self, count: int) -> int:
        """How many more samples of the model it takes until `count` of the device are there: no
        more, so that a note that begins next begins there."""
        if self._out_rate is None:
            return count
        missing = count - len(self._out)
        if missing <= 0:
            return 0
        up, down = self._out_rate.up, self._out_rate.down
        made = -(-self._used * up // down)
        return (made + missing - 1) * down // up + 1 - self._used

    def affect(self, audio: Array) -> Array:
        """Pass the next block, `[any channels, n]`, through an effect; returns `[channels, n]`."""
        audio = fit_channels(audio, self.manifest.channels_in)
        self._in.push(self._in_rate.process(audio) if self._in_rate else audio)
        while len(self._in) >= self.manifest.hop:
            self._emit(self._step(self._only_row, self._in.pop(self.manifest.hop)[None]))
        return self.part.mix(self._to_device(self._out.pop(audio.shape[1])))

    def _prefill(self, sample_rate: int) -> int:
        """Put enough silence before an effect's output for it never to run dry; returns the latency
        in device samples."""
        manifest = self.manifest
        through = self._out_rate.latency if self._out_rate else 0
        hop = math.ceil(manifest.hop * sample_rate / manifest.sample_rate)
        own = manifest.latency * sample_rate / manifest.sample_rate
        if self.is_generator:
            return math.ceil(hop + through * sample_rate + own)
        # One sample of slack on either side of the two rate changes, whose counts are rounded up.
        silence = hop - 1 + (2 if self._in_rate else 0)
        self._out.push(np.zeros((manifest.channels_out, silence), np.float32))
        through += self._in_rate.latency if self._in_rate else 0
        return round(silence + through * sample_rate + own)

    def _emit(self, hop: Array) -> None:
        self._out.push(self._out_rate.process(hop) if self._out_rate else hop)

    def _to_device(self, audio: Array) -> Array:
        return fit_channels(audio, self.channels)

    def _begin(self) -> None:
        """Make the first hop of notes that begin within a hop; others come with the next hop."""
        rows, self._beginning = self._beginning, []
        if not self._mixer.waiting:
            return
        active = {voice.slot for voice in self.voices.active}
        fresh = np.array([row for row in dict.fromkeys(rows) if row in active], np.int64)
        if not len(fresh) or self._rest_hops:
            return
        self._move_gates()
        made = self._run(fresh, None, begins=True)
        if made is not None:
            self._mixer.begin(fresh, self._weighed(fresh, made[0]))

    def _make_hop(self) -> None:
        """Make the next hop of all voices together."""
        active = self.voices.active
        made = None
        if active:
            self._move_gates()
            rows = np.array([v.slot for v in active])
            made = self._run(rows, None)
        self._hops += 1
        if made is None:
            self._mixer.push_silence()
            return
        hop, peaks = made
        hop = self._weighed(rows, hop)
        quiet = self._counting or self.voices.ghosts or peaks.min() < QUIET_PEAK
        self._mixer.push(rows, hop, self._retire(peaks) if quiet else ())

    def _move_gates(self) -> None:
        if self.voices.gates_moved:
            self.voices.gates_moved = False
            for voice in self.voices.active:
                self.controls.set_gate(voice.slot, float(voice.sounds))

    def _retire(self, peaks: Array) -> list[int]:
        """Free the rows of stolen voices and of voices that have fallen silent; returns them."""
        self._counting = False
        gone = []
        for row, voice in enumerate(list(self.voices.active)):
            if voice.ghost:
                gone.append(voice.slot)
                self.voices.free(voice)
                continue
            voice.quiet = voice.quiet + 1 if peaks[row] < QUIET_PEAK else 0
            self._counting |= voice.quiet > 0
            patience = QUIET_HELD_S if voice.sounds else QUIET_RELEASED_S
            if voice.quiet * self.hop_s > patience:
                gone.append(voice.slot)
                self.voices.free(voice)
        return gone

    def _step(self, rows: Rows, audio: Array) -> Array:
        made = self._run(rows, audio)
        self._hops += 1
        return self._dc.process(self._silence if made is None else made[0][0])

    def _weighed(self, rows: Rows, hops: Array) -> Array:
        """Voices `[r, channels, hop]` at the levels of their channels, in a straight line from
        where each was."""
        if self._levels_rest:
            return hops
        wanted = self._levels[self.expression.channel_of(rows)]
        before, self._level_of[rows] = self._level_of[rows], wanted
        if (before == 1.0).all() and (wanted == 1.0).all():
            return hops
        share = np.linspace(0, 1, hops.shape[2], endpoint=False, dtype=np.float32)
        gain = before[:, None] + (wanted - before)[:, None] * share
        return hops * gain[:, None]

    def _run(
        self, rows: Rows, audio: Array | None, *, begins: bool = False
    ) -> tuple[Array, Array] | None:
        """One hop of the plugin and its peaks, or None if it failed or is not finite.

        Args:
            rows: `[r]`.
            audio: input of an effect.
            begins: whether notes begin within a hop, so that the others' controls must not move.
        """
        if self._rest_hops:
            self._rest_hops -= 1
            return None
        try:
            made = self.plugin.process(rows, self._values(rows, begins), audio)
        except Exception:  # noqa: BLE001 - the boundary to foreign code; counted, muted, reset
            self.errors += 1
            self._fail(rows)
            return None
        # Half the swing: a constant that a model puts out in silence is no sound. A sample that
        # isn't finite makes the peak so, too.
        peaks = 0.5 * (made.max(axis=(1, 2)) - made.min(axis=(1, 2)))
        if np.isfinite(peaks).all():
            self._failures = 0
            return made, peaks
        self.muted += 1
        self._fail(rows)
        return None

    def _values(self, rows: Rows, begins: bool) -> dict[str, Array]:
        """The controls of these rows in the next hop."""
        values = self.controls.rows(rows, advance=not begins)
        self.expression.apply(rows, values, advance=not begins)
        if self.beats.used:
            sample = self._hops * self._hop_samples
            if begins:
                sample -= self._mixer.waiting / self.manifest.hop * self._hop_samples
            self.beats.apply(self._transport, sample, values)
        return values

    def _fail(self, rows: Rows) -> None:
        """Start over from a fresh state; after several failures in a row, rest for a second."""
        self._failures += 1
        self.plugin.reset(rows)
        self._dc.reset()
        self._mixer.reset()
        if self._failures >= ERRORS_BEFORE_REST:
            self._failures, self._rest_hops = 0, max(1, round(REST_S / self.hop_s))

    def start(self, note: Note, slide: float = 0.0) -> None:
        """Start a note in a fresh row, `slide` semitones off its pitch at first."""
        voice = self.voices.note_on(note.key, note.velocity, note.ident, note.channel)
        self.plugin.reset(np.array([voice.slot]))
        self._mixer.forget(voice.slot)
        self._beginning.append(voice.slot)
        self._level_of[voice.slot] = self._levels[note.channel]
        self.expression.begin(voice.slot, note.channel, slide, self.part.glide)
        told = {"key": self.part.key(note.key), "velocity": self.part.velocity(note.velocity)}
        sound = self.programs.get(note.channel)
        if sound is not None:
            told["sound"] = sound
        self.controls.set_note(voice.slot, gate=1.0, **told)

    def set_program(self, number: int, channel: int = 0) -> bool:
        """Choose the sound of the next notes of a channel; a patch is chosen for all channels.

        Args:
            number: index of the sound, from 0.
            channel: 1 … 16, or 0 for all.

        Returns:
            False if the instrument has no such sound.
        """
        if not self.has_sound(number):
            return False
        if self.manifest.patches:
            self._choose_patch(number)
        elif channel:
            self.programs[channel] = float(number)
        else:
            self.controls.set_role("sound", float(number))
            self.programs.clear()
        return True

    def has_sound(self, number: int) -> bool:
        """Whether a program change can choose this sound."""
        control = self.manifest.with_role("sound")
        return control is not None and number < max(len(self.manifest.sounds), 1)

    def _choose_patch(self, number: int) -> None:
        """Set all controls of a patch, whatever the channel: an instrument has one panel."""
        self.controls.set_role("sound", float(number))
        values = self.manifest.patches[number].values
        if self.is_generator:
            self.controls.begin_at(values)
            return
        for name, wanted in values.items():
            self.controls.set(name, wanted)

    def set_control(self, name: str, values: Sequence[float], element: int | None = None) -> None:
        """Set a control, or one element of it; a new sound holds for all channels.

        Args:
            name, values, element: see `ControlState.set`.
        """
        taken = self.controls.set(name, values, element)
        if self.controls.controls[name].role != "sound":
            return
        self.programs.clear()
        if taken and self.manifest.patches:
            chosen = round(float(self.controls.base[name][0]))
            self._choose_patch(min(max(chosen, 0), len(self.manifest.patches) - 1))

    def set_level(self, level: float, channel: int = 0) -> None:
        """Set the level of a channel's notes, to which they glide within a hop.

        Args:
            level: linear gain.
            channel: 1 … 16, or 0 for notes without one.
        """
        self._levels[channel] = level
        self._levels_rest = False

    def silence(self, channel: int) -> None:
        """End all notes of a channel at once, without their release, and lift its pedals."""
        self.voices.set_sustain(False, channel)
        self.voices.set_sostenuto(False, channel)
        self.voices.keys_up(channel)
        for voice in self.voices.active:
            if voice.channel == channel:
                self.voices.steal(voice)
        self.player.forget(channel)

    def panic(self) -> None:
        """Be silent at once: drop all voices and reset all state."""
        self.voices.release_all()
        self.player.forget()
        for voice in list(self.voices.active):
            self.voices.free(voice)
        self.plugin.reset(np.arange(self.voices.slots if self.is_generator else 1))
        self._dc.reset()
        self._mixer.reset()
        self._beginning.clear()


def fit_channels(audio: Array, channels: int) -> Array:
    """Change the number of channels: mono is copied to all, and several are mixed down to mono;
    otherwise missing channels are silent and surplus ones are cut.

    Args:
        audio: `[c, n]`.
        channels: of the result, `[channels, n]`.
    """
    if audio.shape[0] == channels:
        return audio
    if audio.shape[0] == 1:
        return np.repeat(audio, channels, axis=0)
    if channels == 1:
        mixed: Array = audio.mean(axis=0, keepdims=True, dtype=np.float32)
        return mixed
    missing = channels - audio.shape[0]
    return np.pad(audio, ((0, missing), (0, 0))) if missing > 0 else audio[:channels]
