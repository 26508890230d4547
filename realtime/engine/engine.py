"""`Engine`: a plain function of state and due events. No thread, no device, no clock inside.

Device, null and offline drivers all call `render`; its output depends on the events and their
times, not on the size of the blocks.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from realtime.engine.glides import Found, Glides
from realtime.engine.player import Note
from realtime.engine.plugin import Array, Plugin
from realtime.engine.settings import EngineSettings
from realtime.engine.signal.flush_to_zero import flush_to_zero
from realtime.engine.signal.guard import Guard
from realtime.engine.strip import Strip
from realtime.engine.transport import Transport
from realtime.engine.voices import CHANNELS
from realtime.namespace.address import Address
from realtime.namespace.event import Event
from realtime.namespace.glide import PREFIX, goal, is_glide
from realtime.namespace.global_addresses import CLEAR_SCHEDULED, GLOBAL_EVENTS
from realtime.namespace.parts import part_name
from synth.contract import Control

MAX_EVENTS = 65_536
SOFTNESS = 2 / 3  # of the velocity, while the soft pedal is down
KEY, VELOCITY = GLOBAL_EVENTS["/note/on"].arguments
Handler = Callable[[tuple[float, ...], int], None]
GAIN = GLOBAL_EVENTS["/gain"].control  # its lowest value is silence


class Engine:
    """A rack of plugins in series, played by events.

    Args:
        plugins: in the order of the rack; generators add to the signal, effects change it.
        settings: sample rate, channels and number of voices.
    """

    def __init__(self, plugins: Sequence[Plugin], settings: EngineSettings) -> None:
        self.settings = settings
        self.sample_rate, self.channels = settings.sample_rate, settings.channels
        self.transport = Transport(settings.sample_rate)
        self.strips: dict[str, Strip] = {}
        for plugin in plugins:
            plugin.name = _unique(plugin.name, self.strips)
            strip = Strip(
                plugin, settings.sample_rate, settings.voices, settings.channels, self.transport
            )
            self.strips[plugin.name] = strip
        first = next(iter(self.strips.values()), None)
        # Nothing listens to the input behind a generator.
        self.channels_in = 0 if first is None or first.is_generator else first.manifest.channels_in
        self.guard = Guard(settings.sample_rate)
        self.now = 0
        self.dropped = self.unknown = self.late = 0
        self._queue: list[tuple[int, int, Event]] = []
        self._order = 0
        self._gain_db = GAIN.default[0]
        self._soft = [False] * CHANNELS
        self._volume, self._pedal = [1.0] * CHANNELS, [1.0] * CHANNELS
        self.unheard = self.unheard_channel = self.unknown_programs = 0
        self._parts = {part_name(name): strip for name, strip in self.strips.items()}
        self.guard.set_gain(_linear(self._gain_db))
        self._glides = Glides(settings.sample_rate, self._find)
        self._handlers = self._bound(
            {
                "/note/on": self._note_on,
                "/note/off": self._note_off,
                "/note/bend": partial(self._express, "bend"),
                "/note/pressure": partial(self._express, "pressure"),
                "/note/timbre": partial(self._express, "timbre"),
                "/sustain": self._sustain,
                "/sostenuto": self._sostenuto,
                "/soft": self._soft_pedal,
                "/pitch_bend": partial(self._express_channel, "bend"),
                "/pressure": partial(self._express_channel, "pressure"),
                "/timbre": partial(self._express_channel, "timbre"),
                "/volume": partial(self._level, self._volume),
                "/expression": partial(self._level, self._pedal),
                "/program": self._program,
                "/all_notes_off": self._all_notes_off,
                "/panic": self._panic,
                "/gain": self._gain,
                "/tempo": lambda value, _: self.transport.set_tempo(self.now, value[0]),
                "/transport/start": self._start,
                "/transport/stop": lambda *_: self.transport.run(self.now, False),
                "/transport/continue": lambda *_: self.transport.run(self.now, True),
                "/transport/position": lambda value, _: self.transport.locate(self.now, value[0]),
            }
        )

    @staticmethod
    def _bound(handlers: Mapping[str, Handler]) -> dict[str, tuple[Handler, int]]:
        """The handler of each global address, and the channel that the address is about."""
        return {a: (handlers[e.base], e.channel) for a, e in GLOBAL_EVENTS.items()}

    @property
    def latency(self) -> int:
        """Device samples: the largest latency of the generators, plus those of the effects after
        it."""
        total = 0
        for strip in self.strips.values():
            total = max(total, strip.latency) if strip.is_generator else total + strip.latency
        return total

    def schedule(self, event: Event) -> None:
        """Queue an event. When 65 536 already wait, it is dropped and counted.

        An event whose time has passed takes effect at the next sample and is counted as late. The
        end of a note is never dropped.
        """
        if event.target == CLEAR_SCHEDULED:
            self._clear_scheduled()
            return
        self.late += 0 <= event.time < self.now
        if len(self._queue) >= MAX_EVENTS:
            if _ends_a_note(event):
                self._apply(event)
            else:
                self.dropped += 1
            return
        self._order += 1
        heapq.heappush(self._queue, (max(event.time, self.now), self._order, event))

    @flush_to_zero()  # here and not in a driver: live and offline make the same samples
    def render(self, frames: int, audio_in: Array | None = None) -> Array:
        """Render the next `[channels, frames]`.

        Args:
            frames: how many.
            audio_in: `[channels_in, frames]`, or None without an input.
        """
        pieces = []
        done = 0
        while done < frames:
            self._apply_due()
            count = min(frames - done, self.guard.samples_to_watch)
            if self._queue:
                count = min(count, self._queue[0][0] - self.now)
            part = None if audio_in is None else audio_in[:, done : done + count]
            pieces.append(self.guard.process(self._mix(count, part)))
            self.now += count
            done += count
        if len(pieces) == 1:
            return pieces[0]
        return np.concatenate(pieces, axis=1) if pieces else self._silence(0)

    def _mix(self, count: int, audio_in: Array | None) -> Array:
        signal = audio_in if self.channels_in else None
        for strip in self.strips.values():
            if strip.is_generator:
                made = strip.generate(count)
                signal = made if signal is None else signal + made
            else:
                signal = strip.affect(self._silence(count) if signal is None else signal)
        return self._silence(count) if signal is None else signal

    def _silence(self, count: int) -> Array:
        return np.zeros((self.channels, count), np.float32)

    def _clear_scheduled(self) -> None:
        """Forget all events of the future, but end now the notes that were to end then."""
        kept = []
        for time, order, event in self._queue:
            if time <= self.now or event.target == PREFIX:
                kept.append((time, order, event))
            elif _ends_a_note(event):
                kept.append((self.now, order, event))
        self._queue = kept
        heapq.heapify(self._queue)

    def _apply_due(self) -> None:
        while self._queue and self._queue[0][0] <= self.now:
            self._apply(heapq.heappop(self._queue)[2])

    def _apply(self, event: Event) -> None:
        if not all(math.isfinite(v) for v in event.value):
            self.dropped += 1
            return
        if is_glide(event.target):
            self._glide(event)
            return
        if self._glides:
            self._glides.forget(event.target)
        self._set(event)

    def _set(self, event: Event) -> None:
        found = self._handlers.get(event.target)
        if found is None:
            self._set_control(event)
            return
        handler, channel = found
        try:
            handler(event.value, channel)
        except (IndexError, ValueError):
            self.unknown += 1

    def _glide(self, event: Event) -> None:
        """Begin a glide; or, for an event without an address, let all glides take a step."""
        idle = not self._glides
        try:
            if event.target == PREFIX:
                events, idle = self._glides.steps(self.now), True
            else:
                events = self._glides.begin(self.now, goal(event.target), event.value)
        except ValueError:
            self.unknown += 1
            return
        for step in events:
            self._set(step)
        if idle and self._glides:
            self._order += 1
            later = self.now + self._glides.step
            heapq.heappush(self._queue, (later, self._order, Event(later, PREFIX)))

    def _find(self, address: str) -> Found | None:
        """The control at an address and its values, or None if nothing there can glide."""
        if address == "/gain":
            return GAIN, (self._gain_db,)
        parsed = Address.match(address)
        if parsed is None or parsed.element is not None or parsed.modulation:
            return None
        part = self._parts.get(parsed.plugin)
        if part is not None:
            return part.part.find(parsed.control)
        strip = self.strips.get(parsed.plugin)
        if strip is None or parsed.control not in strip.controls.controls:
            return None
        controls = strip.controls
        return controls.controls[parsed.control], controls.base[parsed.control].tolist()

    def _set_control(self, event: Event) -> None:
        address = Address.match(event.target)
        if address is not None and address.plugin in self._parts:
            self._set_part(address, event.value)
            return
        strip = self.strips.get(address.plugin) if address is not None else None
        control = strip.controls.controls.get(address.control) if address and strip else None
        if address is None or strip is None or control is None:
            self.unknown += 1
            return
        element = address.element
        if element is not None and element >= control.size:
            self.unknown += 1
        elif not address.modulation:
            strip.set_control(address.control, event.value, element)
            if control.role == "sound":
                self._end_glides(strip)
        elif (element is None and control.size > 1) or not _modulate(
            strip, address.modulation, control, element or 0, event.value
        ):
            self.unknown += 1

    def _set_part(self, address: Address, value: tuple[float, ...]) -> None:
        strip = self._parts[address.plugin]
        found = strip.part.find(address.control)
        if found is None or address.modulation or (address.element or 0) >= found[0].size:
            self.unknown += 1
        elif strip.part.set(address.control, value, address.element):
            strip.expression.tune(strip.part.tuning)

    def _note_on(self, value: tuple[float, ...], channel: int) -> None:
        key = value[0]
        velocity = value[1] if len(value) > 1 else VELOCITY.default[0]
        ident = _ident(value, 2)
        if velocity <= 0:
            self._note_off((key, ident), channel)
            return
        soft = SOFTNESS if self._soft[channel] else 1.0
        velocity = min(velocity / VELOCITY.maximum[0], 1.0) * soft
        note = Note(min(max(key, KEY.minimum[0]), KEY.maximum[0]), velocity, ident, channel)
        players = [strip.player for strip in self.strips.values() if strip.is_generator]
        heard = [player.note_on(note) for player in players]
        if players and not any(heard):
            self.unheard += 1
            self.unheard_channel = channel

    def _note_off(self, value: tuple[float, ...], channel: int) -> None:
        for strip in self.strips.values():
            strip.player.note_off(value[0], _ident(value, 1), channel)

    def _express(self, source: str, value: tuple[float, ...], channel: int) -> None:
        key, amount, ident = value[0], value[1], _ident(value, 2)
        for strip in self.strips.values():
            strip.expression.set(source, strip.voices.slots_of(key, ident, channel), amount)

    def _express_channel(self, source: str, value: tuple[float, ...], channel: int) -> None:
        for strip in self.strips.values():
            strip.expression.set_channel(source, channel, value[0])

    def _level(self, kept: list[float], value: tuple[float, ...], channel: int) -> None:
        """Set volume or expression of a channel: 40 dB for a factor of 10, as in General MIDI."""
        for number in (channel,) if channel else range(CHANNELS):
            kept[number] = min(max(value[0], 0.0), 1.0)
            for strip in self.strips.values():
                strip.set_level((self._volume[number] * self._pedal[number]) ** 2, number)

    def _sustain(self, value: tuple[float, ...], channel: int) -> None:
        for strip in self.strips.values():
            strip.voices.set_sustain(value[0] >= 0.5, channel)

    def _sostenuto(self, value: tuple[float, ...], channel: int) -> None:
        for strip in self.strips.values():
            strip.voices.set_sostenuto(value[0] >= 0.5, channel)

    def _soft_pedal(self, value: tuple[float, ...], channel: int) -> None:
        for number in (channel,) if channel else range(len(self._soft)):
            self._soft[number] = value[0] >= 0.5

    def _start(self, value: tuple[float, ...], channel: int) -> None:
        self.transport.locate(self.now, 0.0)
        self.transport.run(self.now, True)

    def _program(self, value: tuple[float, ...], channel: int) -> None:
        """Choose a sound for the instruments that hear the channel; count one that none has."""
        hearing = [s for s in self.strips.values() if s.part.hears_channel(channel)]
        chosen = [s for s in hearing if s.set_program(round(value[0]), channel)]
        for strip in chosen:
            self._end_glides(strip)
        self.unknown_programs += bool(hearing) and not chosen

    def _end_glides(self, strip: Strip) -> None:
        """Forget the glides of the controls that a patch has set."""
        for control in strip.manifest.patches[0].values if strip.manifest.patches else ():
            self._glides.forget(str(Address(strip.plugin.name, control)))

    def _gain(self, value: tuple[float, ...], channel: int) -> None:
        self._gain_db = min(max(value[0], GAIN.minimum[0]), GAIN.maximum[0])
        self.guard.set_gain(_linear(self._gain_db))

    def _all_notes_off(self, value: tuple[float, ...], channel: int) -> None:
        """End a channel's notes that no pedal holds; without one, all notes, and lift pedals."""
        for strip in self.strips.values():
            if channel:
                strip.player.keys_up(channel)
            else:
                strip.player.forget()
                strip.voices.release_all()

    def _panic(self, value: tuple[float, ...], channel: int) -> None:
        for strip in self.strips.values():
            if channel:
                strip.silence(channel)
            else:
                strip.panic()

    def stats(self) -> dict[str, float | int]:
        """Current levels, and counters since the start."""
        strips = self.strips.values()
        return {
            "peak": self.guard.peak,
            "rms_db": 20 * math.log10(max(self.guard.rms, 1e-6)),
            "active_voices": sum(len(s.voices.active) for s in strips if s.is_generator),
            "stolen_voices": sum(s.voices.stolen for s in strips),
            "muted_hops": sum(s.muted for s in strips) + self.guard.muted,
            "plugin_errors": sum(s.errors for s in strips),
            "limited_samples": self.guard.limited,
            "ducked": self.guard.ducked,
            "clamped": sum(s.controls.clamped + s.part.clamped for s in strips),
            "refused": sum(s.controls.refused + s.part.refused for s in strips),
            "unknown_events": self.unknown,
            "unheard_notes": self.unheard,
            "unheard_channel": self.unheard_channel,
            "unknown_programs": self.unknown_programs,
            "limited_bends": sum(s.expression.limited for s in strips if s.expression.reach),
            "dropped_events": self.dropped,
            "late_events": self.late,
            "tempo": self.transport.tempo,
            "beat": self.transport.beat_at(self.now),
        }

    def describe(self) -> dict[str, Any]:
        """The rack, JSON-ready."""
        return {
            "sample_rate": self.sample_rate,
            "channels": self.channels,
            "channels_in": self.channels_in,
            "latency": self.latency,
            "plugins": [
                {
                    "name": name,
                    "title": strip.manifest.name,
                    "family": strip.manifest.family,
                    "kind": strip.manifest.kind,
                    "sample_rate": strip.manifest.sample_rate,
                    "hop": strip.manifest.hop,
                    "latency": strip.latency,
                    "controls": [c.to_dict() for c in strip.manifest.controls],
                    "sounds": list(strip.manifest.sounds),
                    "key_range": strip.manifest.key_range,
                    "map": [asdict(place) for place in strip.manifest.map],
                    "patches": [asdict(patch) for patch in strip.manifest.patches],
                }
                for name, strip in self.strips.items()
            ],
        }

    def close(self) -> None:
        """Close all plugins. May be called twice."""
        for strip in self.strips.values():
            strip.plugin.close()


def _ends_a_note(event: Event) -> bool:
    known = GLOBAL_EVENTS.get(event.target)
    return known is not None and known.base == "/note/off"


def _ident(value: tuple[float, ...], place: int) -> int:
    return int(value[place]) if len(value) > place else 0


def _modulate(
    strip: Strip, what: str, control: Control, element: int, value: tuple[float, ...]
) -> bool:
    """Let an element follow the beat, or the pressure or timbre of each note; False if there are
    too few or too many numbers."""
    low, high = control.minimum[element], control.maximum[element]
    if what == "sync" and len(value) in (1, 3):
        ends = value[1:] or (low, high)
        first, last = (min(max(end, low), high) for end in ends)
        strip.beats.follow(control.name, element, value[0], first, last)
    elif what != "sync" and len(value) == 1:
        depth = min(max(value[0], low - high), high - low)
        strip.expression.route(what, control.name, element, depth)
    else:
        return False
    return True


def _linear(db: float) -> float:
    return 10 ** (db / 20) if db > GAIN.minimum[0] else 0.0


def _unique(name: str, taken: Mapping[str, Any]) -> str:
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    return unique
