"""A plugin in the rack: hops become a continuous signal at the device's rate.

A hop is made exactly when the sample after the last one available is asked for, so that what a
strip sounds like depends on events and their times alone, never on the size of the blocks.
"""

from __future__ import annotations

import math

import numpy as np

from realtime.engine.controls import ControlState
from realtime.engine.expression import Expression
from realtime.engine.plugin import Array, Plugin, Rows
from realtime.engine.resampler import StreamResampler
from realtime.engine.transport import BeatSync, Transport
from realtime.engine.voices import Voices

QUIET_PEAK = 1e-4  # -80 dBFS
QUIET_RELEASED_S = 0.03
QUIET_HELD_S = 2.0
DC_CUTOFF_HZ = 5.0
ERRORS_BEFORE_REST = 5
REST_S = 1.0


class Fifo:
    """Samples in order, `[channels, n]`."""

    def __init__(self, channels: int) -> None:
        self._data = np.zeros((channels, 0), np.float32)

    def __len__(self) -> int:
        return self._data.shape[1]

    def push(self, block: Array) -> None:
        """Append."""
        self._data = np.concatenate([self._data, block], axis=1) if len(self) else block

    def pop(self, count: int) -> Array:
        """Take the oldest `count`."""
        taken, self._data = self._data[:, :count], self._data[:, count:]
        return taken


class DcBlock:
    """First-order high-pass at 5 Hz over blocks of one fixed size, in double precision.

    y[n] = x[n] - x[n-1] + r·y[n-1], unrolled over the block by powers of r.
    """

    def __init__(self, channels: int, size: int, sample_rate: int) -> None:
        self._r = math.exp(-2 * math.pi * DC_CUTOFF_HZ / sample_rate)
        self._step = min(size, 4096)  # r^-4096 is still small
        self._up = self._r ** np.arange(1, self._step + 1)
        self._down = 1 / self._up
        self._last_in = np.zeros((channels, 1))
        self._last_out = np.zeros((channels, 1))

    def process(self, block: Array) -> Array:
        """`[channels, n]` in and out."""
        pieces = []
        for start in range(0, block.shape[1], self._step):
            x = block[:, start : start + self._step].astype(np.float64)
            change = x.copy()
            change[:, 1:] -= x[:, :-1]
            change[:, :1] -= self._last_in
            change *= self._down[: x.shape[1]]
            y = np.cumsum(change, axis=1)
            y += self._last_out
            y *= self._up[: x.shape[1]]
            self._last_in, self._last_out = x[:, -1:], y[:, -1:]
            pieces.append(y.astype(np.float32))
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)

    def reset(self) -> None:
        """Forget the past."""
        self._last_in[:] = 0
        self._last_out[:] = 0


class Strip:
    """One plugin with its voices, controls and rate adaptation.

    Args:
        plugin: what makes the sound; sample_rate: of the device, Hz; voices: notes at a time
            (generators); channels: of the device; transport: the beat that controls can follow.

    Attributes:
        latency: device samples. Effects: exact, input to output. Generators: from an event to the
            first sample it can change, at most; up to one hop less.
        muted, errors: hops replaced by silence because they were not finite, or failed.
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
        self._dc = DcBlock(width, manifest.hop, manifest.sample_rate)
        self._fade = np.linspace(1, 0, manifest.hop, dtype=np.float32)
        self._silence = np.zeros((width, manifest.hop), np.float32)
        self._counting = False  # whether some voice has been quiet
        self.muted = self.errors = 0
        self._failures, self._rest_hops = 0, 0
        self.latency = self._prefill(sample_rate)

    def generate(self, count: int) -> Array:
        """The next `[channels, count]` of a generator."""
        while len(self._out) < count:
            self._emit(self._voices_hop())
        return self._to_device(self._out.pop(count))

    def affect(self, audio: Array) -> Array:
        """The next block of an effect: `[any channels, n]` to `[channels, n]`."""
        audio = fit_channels(audio, self.manifest.channels_in)
        self._in.push(self._in_rate.process(audio) if self._in_rate else audio)
        while len(self._in) >= self.manifest.hop:
            self._emit(self._step(self._only_row, self._in.pop(self.manifest.hop)[None]))
        return self._to_device(self._out.pop(audio.shape[1]))

    def _prefill(self, sample_rate: int) -> int:
        """Put as much silence before an effect's output that it never runs dry; the delay."""
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

    def _voices_hop(self) -> Array:
        active = self.voices.active
        made = None
        if active:
            rows = np.array([v.slot for v in active])
            if self.voices.gates_moved:
                self.voices.gates_moved = False
                for voice in active:
                    self.controls.set_gate(voice.slot, float(voice.sounds))
            made = self._run(rows, None)
        self._hops += 1
        if made is None:
            return self._dc.process(self._silence)
        hop, peaks = made
        if self._counting or self.voices.ghosts or peaks.min() < QUIET_PEAK:
            self._retire(hop, peaks)
        return self._dc.process(hop.sum(axis=0))

    def _retire(self, hop: Array, peaks: Array) -> None:
        """Fade stolen voices out, and give back the rows of those that have fallen silent."""
        self._counting = False
        for row, voice in enumerate(list(self.voices.active)):
            if voice.ghost:
                hop[row] *= self._fade
                self.voices.free(voice)
                continue
            voice.quiet = voice.quiet + 1 if peaks[row] < QUIET_PEAK else 0
            self._counting |= voice.quiet > 0
            patience = QUIET_HELD_S if voice.sounds else QUIET_RELEASED_S
            if voice.quiet * self.hop_s > patience:
                self.voices.free(voice)

    def _step(self, rows: Rows, audio: Array) -> Array:
        made = self._run(rows, audio)
        self._hops += 1
        return self._dc.process(self._silence if made is None else made[0][0])

    def _run(self, rows: Rows, audio: Array | None) -> tuple[Array, Array] | None:
        """One hop of the plugin and its peaks, or None where it failed or made what is no sound."""
        if self._rest_hops:
            self._rest_hops -= 1
            return None
        try:
            made = self.plugin.process(rows, self._values(rows), audio)
        except Exception:  # noqa: BLE001 - the boundary to foreign code; counted, muted, reset
            self.errors += 1
            self._fail(rows)
            return None
        # Half the swing: a constant that a model puts out in silence is no sound. What is not
        # finite shows in it.
        peaks = 0.5 * (made.max(axis=(1, 2)) - made.min(axis=(1, 2)))
        if np.isfinite(peaks).all():
            self._failures = 0
            return made, peaks
        self.muted += 1
        self._fail(rows)
        return None

    def _values(self, rows: Rows) -> dict[str, Array]:
        """What the controls of these rows are in the next hop."""
        values = self.controls.rows(rows)
        self.expression.apply(rows, values)
        if self.beats.used:
            self.beats.apply(self._transport, self._hops * self._hop_samples, values)
        return values

    def _fail(self, rows: Rows) -> None:
        """Start over from a fresh state; after several failures in a row, rest for a second."""
        self._failures += 1
        self.plugin.reset(rows)
        self._dc.reset()
        if self._failures >= ERRORS_BEFORE_REST:
            self._failures, self._rest_hops = 0, max(1, round(REST_S / self.hop_s))

    def note_on(self, key: float, velocity: float, ident: int = 0) -> None:
        """Start a note; velocity 0 … 1; `ident` tells notes of one key apart."""
        if self.is_generator:
            voice = self.voices.note_on(key, velocity, ident)
            self.plugin.reset(np.array([voice.slot]))
            self.expression.begin(voice.slot)
            self.controls.set_note(voice.slot, key=key, velocity=velocity, gate=1.0)

    def panic(self) -> None:
        """Silence at once: all voices are dropped and all state is reset."""
        self.voices.release_all()
        for voice in list(self.voices.active):
            self.voices.free(voice)
        self.plugin.reset(np.arange(self.voices.slots if self.is_generator else 1))
        self._dc.reset()


def fit_channels(audio: Array, channels: int) -> Array:
    """`[c, n]` to `[channels, n]`: mono is copied, more is mixed down to mono or cut."""
    if audio.shape[0] == channels:
        return audio
    if audio.shape[0] == 1:
        return np.repeat(audio, channels, axis=0)
    if channels == 1:
        mixed: Array = audio.mean(axis=0, keepdims=True, dtype=np.float32)
        return mixed
    missing = channels - audio.shape[0]
    return np.pad(audio, ((0, missing), (0, 0))) if missing > 0 else audio[:channels]
