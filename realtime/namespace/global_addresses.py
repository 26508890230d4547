"""The table of the addresses that belong to no plugin: arguments, effect, and who remembers them.

Engine, namespace, link, recall, OSCQuery and the documentation all use this table, so that an
address is described once. Tests compare the code that acts on an address with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from realtime.namespace.address import Address, parts_of
from realtime.namespace.beats import DEFAULT_TEMPO, MAX_BEATS, MAX_TEMPO, MIN_TEMPO
from realtime.namespace.glide import MAX_SECONDS as MAX_GLIDE_S
from synth.contract import Control
from synth.contract.control import LARGEST
from synth.contract.curves import WHOLE
from synth.contract.manifest import MAP_NAME

MAX_BEND_SEMITONES = 96.0
MAX_IDENT = 65_535
CHANNELS = range(1, 17)  # of MIDI
MAX_PROGRAM = 2_097_151  # banks of 14 bits, programs of 7
MIN_RATE, MAX_RATE = 0.1, 200.0  # Hz, of a stream of values
MAX_INT32 = (1 << 31) - 1
HEARD_S = (0.1, 10.0)  # of live input that can be heard afterwards


@dataclass(frozen=True)
class GlobalEvent:
    """An event for the engine.

    Args:
        description: its effect, for people.
        arguments: one number each, in this order.
        value: whether it sets a value (its only argument) that can be read, moved by a fader and
            set by a map.
        note: whether it concerns the notes of a key; then `IDENT` may follow its arguments.
        moment: whether every single event has to arrive, in order; of other events with the same
            subject only the last one counts.
        recalled: whether a new engine has to be told of it, as long as it holds.
        by_channel: whether it can concern one MIDI channel alone, see `channel_address`.
        base: the address without its channel.
        channel: 1 … 16, or 0 if it concerns all.
    """

    description: str
    arguments: tuple[Control, ...] = ()
    value: bool = False
    note: bool = False
    moment: bool = False
    recalled: bool = False
    by_channel: bool = False
    base: str = ""
    channel: int = 0

    @property
    def control(self) -> Control:
        """The only argument of an event that sets a value."""
        (control,) = self.arguments
        return control


@dataclass(frozen=True)
class Word:
    """An argument that is text.

    Args:
        name: of the argument.
    """

    name: str


@dataclass(frozen=True)
class Signature:
    """A question or command that is answered.

    Args:
        description: what it does, with its arguments in order, for people.
        arguments: numbers and words; where they can be left out, the description says so.
        least: how many of them are needed; None for all.
        alone: whether the first can be given without the others.
    """

    description: str
    arguments: tuple[Control | Word, ...] = ()
    least: int | None = None
    alone: bool = False

    @property
    def types(self) -> str:
        """OSC type tags, without the comma; I, the impulse of OSC 1.1, if it needs no argument."""
        return "".join(map(_tag, self.arguments)) or "I"

    @property
    def bare(self) -> bool:
        """Whether it can be asked without any argument, so that a button can ask it."""
        return not (len(self.arguments) if self.least is None else self.least)

    @property
    def takes_number(self) -> bool:
        """Whether a number alone is an argument of it."""
        (first, *others) = (*self.arguments, None)
        return isinstance(first, Control) and (self.alone or others == [None])


def _number(
    name: str,
    low: float,
    high: float,
    default: float,
    unit: str = "",
    curve: str = "linear",
    description: str = "",
) -> Control:
    return Control(name, 1, (low,), (high,), (default,), unit, curve, description)


def _value(
    name: str,
    low: float,
    high: float,
    default: float,
    unit: str,
    curve: str,
    description: str,
    *,
    by_channel: bool = True,
) -> GlobalEvent:
    control = _number(name, low, high, default, unit, curve, description)
    # A pedal or program must not be skipped, even if another one follows.
    moment = curve in WHOLE
    return GlobalEvent(
        description, (control,), value=True, moment=moment, recalled=True, by_channel=by_channel
    )


def channel_address(channel: int, address: str) -> str:
    """The address of an event that concerns one MIDI channel alone, or all.

    Args:
        channel: 1 … 16, or 0 for all.
        address: of an event that can concern one channel.
    """
    return f"/channel/{channel}{address}" if channel else address


def _with_channels(events: Mapping[str, GlobalEvent]) -> dict[str, GlobalEvent]:
    """The rows, followed by a row per channel for each event that can concern one channel."""
    made = {address: replace(event, base=address) for address, event in events.items()}
    for channel in CHANNELS:
        for address, event in events.items():
            if event.by_channel:
                made[channel_address(channel, address)] = replace(
                    event,
                    description=f"{event.description}, on channel {channel}",
                    value=False,
                    base=address,
                    channel=channel,
                )
    return made


_KEY = _number("key", 0, 127, 60, curve="integer", description="MIDI key, 60 is middle C")
_VELOCITY = _number("velocity", 0, 127, 100, description="0 ends the note")
_BEND = _number("bend", -MAX_BEND_SEMITONES, MAX_BEND_SEMITONES, 0, "semitones")
_PRESSURE, _TIMBRE = _number("pressure", 0, 1, 0), _number("timbre", 0, 1, 0.5)
_POSITION = _number("position", 0, MAX_BEATS, 0, "beats", description="quarters since the start")
# Tells notes of one key apart.
IDENT = _number(
    "id", 0, MAX_IDENT, 0, curve="integer", description="which of the notes of that key, 0: all"
)

_EVENTS: Mapping[str, GlobalEvent] = {
    "/note/on": GlobalEvent(
        "starts a note", (_KEY, _VELOCITY), note=True, moment=True, recalled=True, by_channel=True
    ),
    "/note/off": GlobalEvent("ends a note", (_KEY,), note=True, moment=True, by_channel=True),
    "/note/bend": GlobalEvent(
        "bends the notes of that key, on top of /pitch_bend",
        (_KEY, _BEND),
        note=True,
        recalled=True,
        by_channel=True,
    ),
    "/note/pressure": GlobalEvent(
        "presses on the notes of that key",
        (_KEY, _PRESSURE),
        note=True,
        recalled=True,
        by_channel=True,
    ),
    "/note/timbre": GlobalEvent(
        "colours the notes of that key",
        (_KEY, _TIMBRE),
        note=True,
        recalled=True,
        by_channel=True,
    ),
    "/all_notes_off": GlobalEvent(
        "ends all notes, with their release", moment=True, by_channel=True
    ),
    "/panic": GlobalEvent("silence, at once", moment=True, by_channel=True),
    "/gain": _value("gain", -80, 12, 0, "dB", "linear", "level of everything", by_channel=False),
    "/sustain": _value("sustain", 0, 1, 0, "", "toggle", "pedal: 1 holds notes"),
    "/sostenuto": _value(
        "sostenuto", 0, 1, 0, "", "toggle", "pedal: 1 holds the notes that are down"
    ),
    "/soft": _value("soft", 0, 1, 0, "", "toggle", "pedal: 1 starts notes more softly"),
    "/pitch_bend": _value(
        "pitch_bend",
        -MAX_BEND_SEMITONES,
        MAX_BEND_SEMITONES,
        0,
        "semitones",
        "linear",
        "bends all notes",
    ),
    "/pressure": _value("pressure", 0, 1, 0, "", "linear", "of all notes"),
    "/timbre": _value("timbre", 0, 1, 0.5, "", "linear", "of all notes"),
    "/volume": _value("volume", 0, 1, 1, "", "linear", "of all notes, squared"),
    "/expression": _value("expression", 0, 1, 1, "", "linear", "of all notes, squared, too"),
    "/program": _value("program", 0, MAX_PROGRAM, 0, "", "integer", "index of a sound"),
    "/tempo": _value(
        "tempo",
        MIN_TEMPO,
        MAX_TEMPO,
        DEFAULT_TEMPO,
        "bpm",
        "linear",
        "quarters a minute",
        by_channel=False,
    ),
    # A new engine is told a position and /transport/continue, so that it runs on from there.
    "/transport/start": GlobalEvent("runs from beat 0", moment=True),
    "/transport/stop": GlobalEvent("stands still", moment=True),
    "/transport/continue": GlobalEvent("runs on", moment=True, recalled=True),
    "/transport/position": GlobalEvent("goes to a beat", (_POSITION,), recalled=True),
}
GLOBAL_EVENTS: Mapping[str, GlobalEvent] = _with_channels(_EVENTS)
GLOBAL_VALUES: Mapping[str, Control] = {
    address: event.control for address, event in GLOBAL_EVENTS.items() if event.value
}

# The server passes this question on to the engine, by an event of this address. No message can
# bring such an event.
CLEAR_SCHEDULED = "/clearSched"
REPLY_PORT = _number("port", 0, 65_535, 0, curve="integer")
DUMP_LEVEL = _number("level", 0, 3, 0, curve="integer")
# Answered by the OSC server itself.
QUESTIONS: Mapping[str, Signature] = {
    "/status": Signature("answers /status.reply with numbers"),
    "/status/floats": Signature("answers /status.floats with the same numbers as floats"),
    "/status/names": Signature("answers /status/names.reply: what those numbers are"),
    "/version": Signature("answers /version.reply"),
    "/sync": Signature(
        "id: answers /synced once all before it is taken",
        (_number("id", -MAX_INT32, MAX_INT32, 0, curve="integer"),),
    ),
    "/notify": Signature(
        "1: send changes of state here; 0: no more", (_number("wanted", 0, 1, 0, curve="toggle"),)
    ),
    "/replyport": Signature(
        "port to answer to; 0: the one sent from",
        (REPLY_PORT,),
    ),
    "/dumpOSC": Signature(
        "print what comes in: 0 nothing, 1 messages, 2 bytes, 3 both",
        (DUMP_LEVEL,),
    ),
    CLEAR_SCHEDULED: Signature("forgets what is scheduled"),
    "/subscribe": Signature(
        "address, rate in Hz: streams its value here",
        (Word("address"), _number("rate", MIN_RATE, MAX_RATE, MIN_RATE, "Hz")),
    ),
    "/unsubscribe": Signature(
        "address: streams it no more; without one, all", (Word("address"),), least=0
    ),
}

_ANY = (-LARGEST, LARGEST)  # the range is that of the control
_SHARE = _number("share", 0, 1, 0)
_FIRST = _number("first", 0, MAX_INT32, 0, curve="integer")
MAP_FORM = f"/<name>/{MAP_NAME}"
_X, _Y = _number("x", 0, 1, 0.5), _number("y", 0, 1, 0.5)
_GLIDE = _number("glide", 0, MAX_GLIDE_S, 0.5, "s")
# Answered by the session's desk and, what begins with /match, by its matcher; `<name>` is that of a
# pad, or of an instrument with a map.
COMMANDS: Mapping[str, Signature] = {
    "/learn": Signature(
        "control, minimum, maximum, kind of an endless encoder: what moves next moves it",
        (
            Word("control"),
            _number("minimum", *_ANY, 0),
            _number("maximum", *_ANY, 1),
            Word("relative"),
        ),
        least=0,
    ),
    "/forget": Signature("control: nothing moves it any more", (Word("control"),)),
    "/mapping/save": Signature("name: saves what moves what", (Word("name"),), least=0),
    "/mapping/load": Signature("name: takes a saved map", (Word("name"),)),
    "/mapping/list": Signature(
        "answers /mapping/list.reply with names, from that one on", (_FIRST,), least=0
    ),
    "/snapshot/store": Signature("name: keeps all controls", (Word("name"),)),
    "/snapshot/recall": Signature(
        "name, seconds: brings them back in a glide",
        (Word("name"), _number("seconds", 0, MAX_GLIDE_S, 0, "s")),
        least=1,
    ),
    "/snapshot/morph": Signature(
        "name, name, 0 … 1: a place between two", (Word("name"), Word("name"), _SHARE)
    ),
    "/snapshot/list": Signature(
        "answers /snapshot/list.reply with names, from that one on", (_FIRST,), least=0
    ),
    "/record/start": Signature("name: records sound and events", (Word("name"),), least=0),
    "/record/stop": Signature("ends the recording"),
    "/match": Signature(
        "seconds, glide: hears the last seconds of input and glides to a patch that sounds like it",
        (_number("seconds", *HEARD_S, 4, "s"), _GLIDE),
        least=0,
        alone=True,
    ),
    "/match/file": Signature(
        "path, glide: glides to a patch that sounds like an audio file",
        (Word("path"), _GLIDE),
        least=1,
    ),
    "/match/cancel": Signature("ends the search for a patch"),
    "/match/undo": Signature(
        "glide: goes back to the patch before the last match", (_GLIDE,), least=0
    ),
    MAP_FORM: Signature(
        "answers /<name>/map.reply: how many sounds the map of that instrument has, and the name"
        " and place of each, from that one on",
        (_FIRST,),
        least=0,
    ),
    "/pad/<name>/store": Signature(
        "x, y: keeps where the axes stand, at a place of the pad", (_X, _Y), least=0
    ),
    "/pad/<name>/clear": Signature(
        "x, y: forgets the point next to it; without, all", (_X, _Y), least=0
    ),
}

# Controls of the map itself, `/macro/<name>` and `/pad/<name>`, by their first word. Each macro and
# pad has a control of its own, with its name.
MAP_CONTROLS: Mapping[str, Control] = {
    "macro": _number("macro", 0, 1, 0, description="moves what the map says"),
    "pad": Control("pad", 2, (0.0,), (1.0,), (0.5,), description="blends stored points"),
}

# Meters, measured twenty times a second, by the names that engine and driver give them.
ENGINE_METERS: Mapping[str, str] = {
    name: str(Address("meter", name)) for name in ("peak", "rms_db", "active_voices")
}
DRIVER_METERS: Mapping[str, str] = {
    name: str(Address("meter", name)) for name in ("load", "load_max", "cpu", "lost_frames")
}

# The server's answers. They are never answered in turn, or two servers would talk for ever.
ANSWERS = (
    "/done", "/fail", "/synced", "/late", "/status.reply", "/status.floats", "/status/names.reply",
    "/version.reply", "/synth/refused", "/synth/overload",
    "/match/progress", "/match/found", "/match/cancelled",
)  # fmt: skip


def named(form: str, name: str) -> str:
    """Fill a name into a form of the table.

    Args:
        form: an address such as `/pad/<name>/store`.
        name: of the pad or instrument.
    """
    return form.replace("<name>", name)


def signature_of(address: str) -> Signature:
    """The signature of a question or command; one word if the table doesn't have it.

    Args:
        address: as it is sent, with the name of a pad or instrument.
    """
    first, *rest = parts_of(address)
    form = address
    if first in MAP_CONTROLS and len(rest) == 2:
        form = f"/{first}/<name>/{rest[1]}"
    elif rest == [MAP_NAME]:
        form = MAP_FORM
    return QUESTIONS.get(form) or COMMANDS.get(form) or _OTHER


def _tag(argument: Control | Word) -> str:
    if isinstance(argument, Word):
        return "s"
    return "i" if argument.curve in WHOLE else "f"


_OTHER = Signature("", (Word("word"),))
