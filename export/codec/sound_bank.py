"""A folder of recordings becomes the `SoundBank` of a sampler.

Files named `<sound>_<pitch>.wav` make one sound over the keyboard. The pitch is a note name (`C4`,
`F#3`, `Bb2`) or a MIDI key of three digits (`060`; in `take_2` the number belongs to the name). A
file without a pitch is a sound of its own, played as recorded at key 60 and transposed around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from export.codec.pitch_deviation import measure_cents
from export.material import read_usable
from synth.contract import ConfigError, DataError
from synth.contract.recordings import read_recording
from synth.models.codec import Codec
from synth.models.codec.sampler import SoundBank

NEUTRAL_KEY = 60
IN_TUNE_CENTS = 2.0
LOOP_SEARCH = 2048  # frames that are compared with each other, at most
REACH = 6  # semitones that an entry is transposed beyond the lowest and highest recorded key
_NOTE = re.compile(r"^(?P<sound>.+?)[_\-\s](?:(?P<note>[A-Ga-g][#b]?-?\d)|(?P<number>\d{3}))$")
_STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}


@dataclass(frozen=True)
class Entry:
    """One recording.

    Attributes:
        sound: name of the sound that it belongs to.
        key: MIDI key, or None where the name has none.
        latents: `[frames, dim]`.
        cents: by which it is sharp of its key; the keyboard makes up for it.
    """

    sound: str
    key: int | None
    latents: Tensor
    cents: float = 0.0


def parse_name(stem: str) -> tuple[str, int | None]:
    """Sound and MIDI key (C4 = 60) out of a file name.

    Args:
        stem: the name without its suffix.

    >>> parse_name("violin_F#3"), parse_name("gong_048"), parse_name("door")
    (('violin', 54), ('gong', 48), ('door', None))
    """
    match = _NOTE.match(stem)
    if not match:
        return stem, None
    if match["number"]:
        key = int(match["number"])
        return (match["sound"], key) if key <= 127 else (stem, None)
    note = match["note"]
    accidental = {"#": 1, "b": -1}.get(note[1], 0)
    octave = int(note[2:] if accidental else note[1:])
    key = _STEPS[note[0].lower()] + accidental + 12 * (octave + 1)
    return (match["sound"], key) if 0 <= key <= 127 else (stem, None)


def encode_files(
    model: Codec,
    files: Sequence[Path],
    max_seconds: float,
    on_notice: Callable[[str], None] | None = None,
) -> list[Entry]:
    """Encode recordings.

    Args:
        model: trained, in eval mode.
        files: recordings, at any rate and with any number of channels.
        max_seconds: how much of each is used, above 0.
        on_notice: called with a sentence for each recording that is left out: one that training
            would leave out, or that is shorter than two latent frames.

    Raises:
        DataError: none can be used.
    """
    return read_usable(files, lambda file: _encode(model, file, max_seconds), on_notice)


def _encode(model: Codec, file: Path, max_seconds: float) -> Entry:
    """Encode one recording. Raises `DataError` where it can't be used."""
    config = model.config
    audio = read_recording(file, config.sample_rate, config.audio_channels, seconds=max_seconds)
    with torch.inference_mode():
        latents = model.encode(torch.from_numpy(audio)[None])[0].t()
    if len(latents) < 2:
        raise DataError(f"{file}: shorter than two latent frames ({2 * model.hop} samples)")
    sound, key = parse_name(file.stem)
    cents = 0.0 if key is None else measure_cents(audio, config.sample_rate, key) or 0.0
    # A recording in tune is played untouched.
    cents = cents if abs(cents) > IN_TUNE_CENTS else 0.0
    return Entry(sound, key, latents.contiguous(), cents)


def build_bank(entries: Sequence[Entry], hop_s: float) -> SoundBank:
    """Lay the entries over the keyboard and find their loops.

    Args:
        entries: at least one.
        hop_s: seconds per latent frame.

    Raises:
        ConfigError: none given.
    """
    if not entries:
        raise ConfigError("a sampler needs at least one recording; give --sounds FOLDER")
    names = tuple(sorted({e.sound for e in entries}))
    lengths = torch.tensor([len(e.latents) for e in entries])
    loops = [find_loop(e.latents, hop_s) for e in entries]
    zone_entry = torch.zeros(len(names), 128, dtype=torch.int64)
    zone_shift = torch.zeros(len(names), 128)
    for row, name in enumerate(names):
        own = [(i, e) for i, e in enumerate(entries) if e.sound == name]
        for key in range(128):
            index, entry = min(own, key=lambda pair: abs(_root(pair[1].key) - key))
            zone_entry[row, key] = index
            zone_shift[row, key] = key - _root(entry.key) - entry.cents / 100
    return SoundBank(
        latents=torch.cat([e.latents for e in entries]),
        start=torch.cumsum(lengths, 0) - lengths,
        length=lengths,
        loop_start=torch.tensor([a for a, _ in loops]),
        loop_end=torch.tensor([b for _, b in loops]),
        zone_entry=zone_entry,
        zone_shift=zone_shift,
        sounds=names,
        key_range=_key_range(entries),
    )


def find_loop(latents: Tensor, hop_s: float) -> tuple[int, int]:
    """The most seamless loop in the sustained middle, in frames; (0, 0) if there is none.

    The ends are those that differ least over a window of 8 frames, at least 0.25 s apart, between
    25 % and 85 % of the sound. A sound whose frames shrink by more than half over that span, or are
    there less than a tenth of its largest, decays and is not looped.

    Args:
        latents: `[frames, dim]` of the whole sound.
        hop_s: seconds per frame.

    Returns:
        first frame of the loop, and the frame after its last.
    """
    frames, window = len(latents), 8
    first, last = int(0.25 * frames), int(0.85 * frames) - window
    shortest = max(int(0.25 / hop_s), 4)
    if last - first <= shortest:
        return 0, 0
    # The median is where a sound that has died away rests; its mean still knows of the stroke.
    centred = latents - latents.median(0).values
    level = centred.square().mean(1)
    span = max((last - first) // 4, 1)
    begins, ends = level[first : first + span].mean(), level[last - span : last].mean()
    if ends < 0.25 * begins or level[first:last].mean() < 0.01 * level.max():
        return 0, 0
    last = min(last, first + LOOP_SEARCH)  # the table of distances grows with its square
    windows = centred.unfold(0, window, 1).reshape(frames - window + 1, -1)[first:last]
    distance = torch.cdist(windows, windows)
    apart = torch.arange(len(windows))
    allowed = (apart[None] - apart[:, None]) >= shortest
    distance = torch.where(allowed, distance, torch.inf)
    best = int(distance.argmin())
    start, end = divmod(best, len(windows))
    return first + start, first + end


def _root(key: int | None) -> int:
    return NEUTRAL_KEY if key is None else key


def _key_range(entries: Sequence[Entry]) -> tuple[int, int] | None:
    """Keys that every pitched sound can reach within `REACH` semitones of a recording."""
    if any(e.key is None for e in entries):
        return None
    lows, highs = [], []
    for name in {e.sound for e in entries}:
        keys = [e.key for e in entries if e.sound == name and e.key is not None]
        lows.append(max(min(keys) - REACH, 0))
        highs.append(min(max(keys) + REACH, 127))
    low, high = max(lows), min(highs)
    return (low, high) if low <= high else None
