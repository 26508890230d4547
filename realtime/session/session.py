"""A playing session (`synth play`): the supervised engine and all its inputs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from realtime.desk.desk import Desk, Places, check_free
from realtime.device.driver import DriverSettings
from realtime.device.listing import list_devices
from realtime.engine.settings import EngineSettings
from realtime.mapping.mapper import is_own
from realtime.match.matcher import Doors, Matcher
from realtime.midi.session import MidiSettings, SessionMidi
from realtime.namespace.address import Address
from realtime.namespace.commands import Commands
from realtime.namespace.event import NOW, Event
from realtime.namespace.glide import landed
from realtime.namespace.global_addresses import DRIVER_METERS, ENGINE_METERS, GLOBAL_EVENTS
from realtime.namespace.namespace import Namespace
from realtime.namespace.parts import channel_events, part_name
from realtime.namespace.values import Values
from realtime.osc.server import OscServer
from realtime.plugins.bundled import instrument_path
from realtime.protocol.osc_decode import OscArg
from realtime.session.numbers import status_numbers
from realtime.session.overload import Overload
from realtime.session.rack import rack_namespace
from realtime.session.score import demo_score
from realtime.supervisor.status import ENDS, Status
from realtime.supervisor.supervisor import Supervisor
from synth.contract import DeviceError

if TYPE_CHECKING:
    from realtime.oscquery.service import OscQuery

LAST_EVENTS = 6
DEMO_RATE = 48_000  # Hz, unless the settings name another rate


class NoOutputError(DeviceError):
    """This machine has no audio output at all, and none was asked for by name."""


@dataclass(frozen=True)
class SessionSettings:
    """The settings of a session.

    Args:
        instruments: files in series, empty for the bundled one; voices: notes at a time.
        driver: device, block, look-ahead.
        midi: the ports, and the delay of their messages.
        osc_host, osc_port: where to receive OSC; port None for no OSC.
        oscquery, oscquery_port: whether OSCQuery is served beside OSC, and on which port (None: the
            one after OSC's); a taken one is replaced by a free one.
        osc_reply_port: UDP port for answers; 0 for the port that the question came from.
        timetags: how to use the time of a bundle: "trust", "clamp" or "immediate".
        mapping: YAML file of a map, the name of a saved one, or None for the default map.
        channels: MIDI channels of each instrument, see `channel_events`.
        record: file to record to from the first sample on, or None.
        snapshots, recordings: folders; "" for those in the user's data folder.
        matcher: file of a matching model for `/match`; "" for the bundled one.
        trust: whether TorchScript files may be opened.
    """

    instruments: tuple[str, ...] = ()
    voices: int = 8
    driver: DriverSettings = field(default_factory=DriverSettings)
    midi: MidiSettings = field(default_factory=MidiSettings)
    osc_host: str = "127.0.0.1"
    osc_port: int | None = 9000
    oscquery: bool = True
    oscquery_port: int | None = None
    osc_reply_port: int = 0
    timetags: str = "trust"
    mapping: str | None = None
    channels: tuple[str, ...] = ()
    record: str | None = None
    snapshots: str = ""
    recordings: str = ""
    matcher: str = ""
    trust: bool = False


class Session:
    """Engine process, OSC and MIDI, from `__enter__` to `__exit__`.

    Args:
        settings: what to play, and how.

    Attributes:
        clock: maps `time.monotonic()` to the samples of the engine; values: the last value of
            every control and meter, with the subscribers to changes; notices: sentences that
            people should read although the session plays; overload: see there.

    Raises (on entering):
        NoOutputError: this machine has no audio output; see `demo_instead`.
        SynthError: a file, device, port or mapping can't be used.
    """

    def __init__(self, settings: SessionSettings) -> None:
        self.settings = settings
        paths = tuple(str(instrument_path(p)) for p in (settings.instruments or (None,)))
        self._paths = paths
        engine = EngineSettings(paths, voices=settings.voices, trust=settings.trust)
        self._stack = contextlib.ExitStack()
        self.values = Values()
        self.supervisor = Supervisor(engine.to_dict(), settings.driver, heard=self._meter)
        self.clock = self.supervisor.clock
        self.osc: OscServer | None = None
        self.oscquery: OscQuery | None = None
        self.notices: list[str] = []
        self.midi: SessionMidi | None = None
        self.commands = Commands()
        self.desk: Desk | None = None
        self.matcher: Matcher | None = None
        self.events: deque[Event] = deque(maxlen=LAST_EVENTS)
        self.taken = 0
        self.overload = Overload(settings.voices, settings.driver.lookahead)
        self._recording_problem = ""
        self._phase = ""
        self._device_losses = 0
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        settings = self.settings
        with self._stack:
            # The port comes first, so that an occupied one is found before the engine has started.
            if settings.osc_port is not None:
                self.osc = self._stack.enter_context(
                    OscServer(
                        Namespace({}),
                        self.take,
                        settings.osc_host,
                        settings.osc_port,
                        self.osc_status,
                        group=self.take_all,
                        clock=self.clock,
                        timetags=settings.timetags,
                        values=self.values,
                        reply_port=settings.osc_reply_port,
                        commands=self.commands,
                    )
                )
            if settings.record is not None:
                check_free(Path(settings.record))
                self.supervisor.record(Path(settings.record).absolute())
            self._start_engine()
            self._notice_input()
            self.desk = self._make_desk()
            self.matcher = self._make_matcher()
            self._publish()
            self.take_all(self.desk.mapper.mapping.settings, "map")
            self.take_all(channel_events(settings.channels, self._generators()), "start")
            self.midi = SessionMidi(
                settings.midi,
                self.desk.mapper,
                lambda event: self.take(event, "midi"),
                self.values.get,
                self.clock,
                lambda: self.status().driver,
            )
            self._stack.callback(self.midi.close)
            self._start_oscquery(self.namespace())
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self.oscquery is not None:
            self.oscquery.leave()
        self._stack.close()

    def take(self, event: Event, source: str = "") -> None:
        """Pass an event on to the engine; any thread, never waits.

        Args:
            event: for a control, a note, the transport or the map; source: the sender, which
                subscribers see: "midi", "osc <client>" …; "" if unknown.
        """
        self.take_all((event,), source)

    def take_all(self, events: Sequence[Event], source: str = "") -> None:
        """Pass on events in their order; those for now take effect at the same sample."""
        self.taken += len(events)
        self.events.extend(events)
        if self.desk is not None:
            events = [each for event in events for each in self.desk.mapper.outcome(event)]
        self.supervisor.send_group([event for event in events if not is_own(event)])
        for event in events:
            self.values.observe(event, source)
            for moved in self._moved_with(landed(event)):
                self.values.observe(moved, source)

    def _moved_with(self, event: Event) -> list[Event]:
        """The controls that a choice of a sound sets, as events, so that clients see them."""
        known = GLOBAL_EVENTS.get(event.target)
        if self.desk is None or (known is not None and known.base != "/program"):
            return []
        namespace = self.desk.mapper.namespace
        if known is None:
            return namespace.set_by(event)
        moved: list[Event] = []
        for plugin in namespace.sounds.having(event.value[0]):
            hears = self.values.get(str(Address(part_name(plugin), "channels", known.channel)))
            if not known.channel or (hears is not None and hears[0] > 0.5):
                chosen = [Event(NOW, a, event.value) for a in namespace.with_role(plugin, "sound")]
                moved += chosen
                moved += [each for sound in chosen for each in namespace.set_by(sound)]
        return moved

    def sound_of(self, plugin: str) -> str:
        """The name of the sound that an instrument plays, or "" if its sounds have no names; the
        name of a patch with a star where a control has been moved since."""
        namespace = self.namespace()
        for address in namespace.with_role(plugin, "sound"):
            value = self.values.get(address)
            if plugin not in namespace.patches:
                return namespace.sounds.name(plugin, value[0]) if value else ""
            chosen = Event(NOW, address, value or namespace.controls[address].default)
            patch = namespace.set_by(chosen)
            kept = all(self.values.get(e.target) in (None, e.value) for e in patch)
            return namespace.sounds.name(plugin, chosen.value[0]) + ("" if kept else "*")
        return ""

    def perform(self, score: Sequence[Event], sample_rate: int) -> None:
        """Play sorted events, timed in samples of `sample_rate` Hz from now on; returns at once."""
        threading.Thread(
            target=self._perform, args=(score, sample_rate), name="score", daemon=True
        ).start()

    def demo(self) -> None:
        """Play the demo score within the key range of the first instrument."""
        plugins = self.status().engine.get("plugins", ())
        keys = plugins[0]["key_range"] if plugins else None
        self.perform(demo_score(DEMO_RATE, tuple(keys) if keys else None), DEMO_RATE)

    def _perform(self, score: Sequence[Event], sample_rate: int) -> None:
        begun = time.monotonic()
        for event in score:
            if self._ended.wait(max(0.0, begun + event.time / sample_rate - time.monotonic())):
                return
            self.take(event._replace(time=NOW))

    def status(self) -> Status:
        """The state and counters of the engine."""
        return self.supervisor.status()

    def namespace(self) -> Namespace:
        """The addresses of the playing rack, and of macros and pads."""
        return self._engine_namespace() if self.desk is None else self.desk.mapper.namespace

    def _engine_namespace(self) -> Namespace:
        return rack_namespace(self.status().engine.get("plugins", ()))

    def osc_status(self) -> dict[str, float | int]:
        """The numbers of `/status.reply`, in the order in which they are sent."""
        counters = self.osc.counters if self.osc is not None else {}
        return status_numbers(self.status(), counters)

    def watch(self, seconds: float) -> None:
        """Wait for `seconds`, look after the MIDI port and tell clients of changes of phase.

        Raises:
            SynthError: the engine gave up; this is the cause.
        """
        self.supervisor.wait_for(*ENDS, timeout=seconds)
        status = self.status()
        if self.osc is not None and status.phase != self._phase:
            self._phase = str(status.phase)
            self.osc.notify("/phase", [self._phase])
        if status.error is not None:
            raise status.error
        words = self.overload.look(status.stats, status.driver)
        if words:
            self._tell("/synth/overload", [words])
        if self.desk is not None:
            self.desk.look()
        if self.matcher is not None:
            self.matcher.look()
        if status.recording_problem != self._recording_problem:
            self._recording_problem = status.recording_problem
            if self._recording_problem:
                self._tell("/fail", ["/record/start", self._recording_problem])
        losses = status.restarts.get("device", 0)
        returned = losses != self._device_losses and status.phase == "playing"
        if returned:
            self._device_losses = losses
        if self.midi is not None:
            self.midi.look(returned)

    def _generators(self) -> list[str]:
        """The names of the instruments that take notes."""
        plugins = self.status().engine.get("plugins", ())
        return [p["name"] for p in plugins if p["kind"] == "generator"]

    def _make_desk(self) -> Desk:
        """The desk, which answers commands over OSC from now on."""
        settings = self.settings
        plugins = self.status().engine.get("plugins", ())
        desk = Desk(
            self._engine_namespace(),
            "+".join(p["name"] for p in plugins)[:64] or "synth",
            Places.usual(settings.mapping, settings.snapshots, settings.recordings),
            self.values,
            lambda events: self.take_all(events, "desk"),
            self.supervisor.record,
            self._tell,
            self._publish,
        )
        desk.register(self.commands)
        return desk

    def _make_matcher(self) -> Matcher:
        """The commands that match the instrument to a sound, answered from now on."""
        doors = Doors(
            lambda events: self.take_all(events, "match"),
            self.values.get,
            self._tell,
            self.supervisor.hear,
            lambda: int(self.status().driver.get("channels_in", 0)),
        )
        plugins = self.status().engine.get("plugins", ())
        matcher = Matcher(plugins, self._paths, self.settings.matcher, doors)
        self._stack.callback(matcher.close)
        matcher.start()
        matcher.register(self.commands)
        return matcher

    def _publish(self) -> None:
        """Give the present addresses to all servers and their clients."""
        namespace = self.namespace()
        self.values.set_namespace(namespace)
        if self.osc is not None:
            self.osc.namespace = namespace
        if self.oscquery is not None:
            self.oscquery.set_namespace(namespace)

    def _tell(self, address: str, args: Sequence[OscArg]) -> None:
        if self.osc is not None:
            self.osc.notify(address, args)

    def _meter(self, stats: Mapping[str, Any]) -> None:
        """Store the measurements of a heartbeat as values that clients can watch."""
        engine = stats.get("engine", {})
        for name, address in ENGINE_METERS.items():
            self.values.meter(address, float(engine.get(name, 0.0)))
        for name, address in DRIVER_METERS.items():
            self.values.meter(address, float(stats.get(name, 0.0)))

    def _start_oscquery(self, namespace: Namespace) -> None:
        """Start OSCQuery after the engine; a failure is only noted, and the session goes on."""
        settings, osc = self.settings, self.osc
        if osc is None or not settings.oscquery:
            return
        from realtime.oscquery.service import OscQuery  # loads asyncio, which takes a moment

        port = settings.oscquery_port
        if port is None:  # next to OSC's, unless OSC took any free port
            port = osc.port + 1 if settings.osc_port and osc.port < 65_535 else 0
        plugins = self.status().engine.get("plugins", ())
        try:
            self.oscquery = OscQuery(
                namespace,
                self.values,
                (osc.host, osc.port),
                host=osc.host,
                port=port,
                name=plugins[0]["name"] if plugins else "synth",
                meters=[*ENGINE_METERS.values(), *DRIVER_METERS.values()],
                commands=self.commands,
                presence=osc.presence,
                refused=osc.refusals.note,
            )
        except DeviceError as error:
            self.notices.append(str(error))
        else:
            self._stack.callback(self.oscquery.close)
            if self.oscquery.warning:
                self.notices.append(self.oscquery.warning)

    def _start_engine(self) -> None:
        # On the stack first: a signal may end the start, and the process must not outlive it.
        self._stack.callback(self.supervisor.stop)
        try:
            self.supervisor.start()
        except DeviceError as error:
            if _has_output(self.settings.driver):
                raise
            raise NoOutputError(str(error)) from None

    def _notice_input(self) -> None:
        """Tell people which input an effect hears if they named none."""
        status = self.status()
        plugins = status.engine.get("plugins", ())
        if self.settings.driver.input or not plugins or any(p["kind"] != "effect" for p in plugins):
            return
        there = self.settings.driver.kind == "device" and status.driver.get("channels_in", 0)
        heard = "the default one is used" if there else "nothing comes in, so nothing sounds"
        self.notices.append(
            f"{plugins[0]['name']} is an effect and no --input is given: {heard};"
            " `synth devices` lists what --input can name"
        )


def _has_output(driver: DriverSettings) -> bool:
    """Whether an output was named, no device is needed, or this machine has an output."""
    if driver.kind != "device" or driver.device:
        return True
    try:
        return any(d.outputs for d in list_devices())
    except DeviceError:
        return False  # not even PortAudio


def demo_instead(settings: SessionSettings, reason: NoOutputError, out: Path) -> str:
    """Render the demo score to the file `out`; returns a text that explains `reason` and this."""
    from realtime.session.offline import render_files

    started = time.perf_counter()
    done = render_files(
        settings.instruments,
        out,
        channels=settings.channels,
        sample_rate=settings.driver.sample_rate or DEMO_RATE,
        voices=settings.voices,
        trust=settings.trust,
    )
    spent = time.perf_counter() - started
    return (
        f"no sound device here ({reason})\n"
        f"the demo score was rendered to {out}: {done.seconds:.1f} s in {spent:.1f} s,"
        f" peak {done.peak_db:.1f} dBFS"
    )
