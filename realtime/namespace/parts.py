"""Parts: the channels, keys, level and tuning of each instrument of a session, whatever its model.

The part of the instrument `x` has controls at `/x.part/<control>`, so that they are set, listed,
stored and learnt in the same way as the instrument's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from realtime.namespace.address import Address
from realtime.namespace.event import NOW, Event
from synth.contract import ConfigError, Control

_SUFFIX = ".part"
DRUM_CHANNEL = 10  # of General MIDI
_ON_BY_DEFAULT = tuple(float(number != DRUM_CHANNEL) for number in range(17))


def _toggle(name: str, text: str) -> Control:
    return Control(name, curve="toggle", description=text)


PART_CONTROLS: tuple[Control, ...] = (
    Control("channels", 17, (0.0,), (1.0,), _ON_BY_DEFAULT, "", "toggle",
            "MIDI channels that are heard, element by channel; element 0: notes without one"),
    Control("keys", 2, (0.0,), (127.0,), (0.0, 127.0), "key", "integer",
            "lowest and highest key that is played"),
    Control("transpose", 1, (-48.0,), (48.0,), (0.0,), "semitones", "integer",
            "added to the key of every note"),
    Control("gain", 1, (-80.0,), (12.0,), (0.0,), "dB", "linear",
            "level of this instrument; the lowest value is silence"),
    Control("pan", 1, (-1.0,), (1.0,), (0.0,), "", "linear",
            "-1 is left, 1 is right; of a stereo instrument, its balance"),
    _toggle("mute", "1 silences it"),
    _toggle("mono", "1 plays one note at a time on each channel, the last one first"),
    _toggle("legato", "1 goes on with the note that sounds, in mono, instead of a new one"),
    Control("glide", 1, (0.0,), (10.0,), (0.0,), "s", "linear",
            "time from one pitch to the next, in mono"),
    Control("tuning", 1, (400.0,), (480.0,), (440.0,), "Hz", "linear",
            "the A above middle C; needs an instrument that can be bent"),
    Control("velocity_curve", 1, (0.25,), (4.0,), (1.0,), "", "exponential",
            "exponent of the velocity: below 1 soft playing is louder, above 1 it is softer"),
)  # fmt: skip


# An effect takes no notes, so it has only a level and a place.
EFFECT_CONTROLS = tuple(c for c in PART_CONTROLS if c.name in ("gain", "pan", "mute"))


def part_name(instrument: str) -> str:
    """The first word of the addresses of an instrument's part."""
    return instrument + _SUFFIX


def is_part(name: str) -> bool:
    """Whether the first word of an address names a part."""
    return name.endswith(_SUFFIX)


def with_parts(
    instruments: Mapping[str, tuple[str, Sequence[Control]]],
) -> dict[str, Sequence[Control]]:
    """The controls of all instruments by name, followed by those of their parts.

    Args:
        instruments: kind ("generator" or "effect") and controls of each, by name, in the order of
            the rack.
    """
    own: dict[str, Sequence[Control]] = {n: c for n, (_, c) in instruments.items()}
    for name, (kind, _) in instruments.items():
        own[part_name(name)] = PART_CONTROLS if kind == "generator" else EFFECT_CONTROLS
    return own


def channel_events(choices: Sequence[str], instruments: Sequence[str]) -> list[Event]:
    """The events that set the channels of instruments as the command line asks for.

    Args:
        choices: "NAME=LIST", or "LIST" for the next instrument that isn't named; see
            `parse_channels`.
        instruments: names of those that take notes, in the order of the rack.

    Raises:
        ConfigError: there is no such channel or instrument, or no instrument is left.
    """
    events = []
    named = {choice.partition("=")[0] for choice in choices if "=" in choice}
    left = [name for name in instruments if name not in named]
    for choice in choices:
        name, equals, text = choice.rpartition("=")
        if equals and name not in instruments:
            raise ConfigError(
                f"--channel {choice}: no instrument {name!r} takes notes here; there are"
                f" {', '.join(instruments) or 'none'}"
            )
        if not equals and not left:
            raise ConfigError(f"--channel {choice}: no instrument is left; use NAME=CHANNELS")
        try:
            channels = parse_channels(text)
        except ValueError as error:
            raise ConfigError(f"--channel {error}") from None
        address = str(Address(part_name(name or left.pop(0)), "channels"))
        events.append(Event(NOW, address, channels))
    return events


def parse_channels(text: str) -> tuple[float, ...]:
    """Parse the values of the control `channels`, 17 numbers that are 0 or 1.

    Args:
        text: "1", "2-4,10", "all" (without the drum channel) or "every".

    Raises:
        ValueError: a number is no channel; the message says what is allowed.
    """
    if text == "all":
        return _ON_BY_DEFAULT
    if text == "every":
        return (1.0,) * 17
    chosen = [1.0] + [0.0] * 16  # notes without a channel are always heard
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        numbers = [int(word) if word.strip().isdecimal() else 0 for word in (first, last or first)]
        if not 1 <= numbers[0] <= numbers[1] <= 16:
            raise ValueError(
                f"{text!r}: channels are 1 … 16, such as 3, 1-4 or 2,5; or all, which leaves out"
                f" {DRUM_CHANNEL}; or every"
            )
        for number in range(numbers[0], numbers[1] + 1):
            chosen[number] = 1.0
    return tuple(chosen)
