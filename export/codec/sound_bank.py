"""A folder of recordings becomes the `SoundBank` of a sampler.

The name of a file says its sound and its key (see `parse_name`); files of one sound are laid over
the keyboard. A file whose name says no key is a sound of its own, played as recorded at key 60 and
transposed around it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from export.codec.pitch_deviation import measure_cents
from export.material import read_usable
from synth.contract import ConfigError, DataError, parse_name
from synth.contract.recordings import read_recording
from synth.models.codec import Codec
from synth.models.codec.sampler import SoundBank

NEUTRAL_KEY = 60
IN_TUNE_CENTS = 2.0
NO_LOOP = (0, 0)
SUSTAINED = 0.25  # share of its power, -6 dB, that a sound keeps over its middle on average
DIED_AWAY = 1e-3  # -30 dB; what is below is as short
WINDOW = 8  # frames that the two ends of a loop should have in common
LOOP_SEARCH = 2048  # frames that are compared with each other, at most
REACH = 6  # semitones that an entry is transposed beyond the lowest and highest recorded key


@dataclass(frozen=True)
class Entry:
    """One recording.

    Attributes:
        sound: name of the sound that it belongs to.
        key: MIDI key, or None where the name has none.
        latents: `[frames, dim]`.
        cents: by which it is sharp of its key; the keyboard makes up for it.
        measured: False where it has a key but no clear pitch near it.
    """

    sound: str
    key: int | None
    latents: Tensor
    cents: float = 0.0
    measured: bool = True


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
    found = 0.0 if key is None else measure_cents(audio, config.sample_rate, key)
    # A recording in tune is played untouched.
    cents = found if found is not None and abs(found) > IN_TUNE_CENTS else 0.0
    return Entry(sound, key, latents.contiguous(), cents, measured=found is not None)


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
    sustains = sustained_sounds(entries, hop_s)
    loops = [_loop(e.latents, hop_s) if sustains[e.sound] else NO_LOOP for e in entries]
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


def sustained_sounds(entries: Sequence[Entry], hop_s: float) -> dict[str, bool]:
    """Which sounds sustain; all recordings of such a sound loop, and none of the others do.

    Recordings of one decaying instrument lie on both sides of any border, so that its neighbouring
    keys behave alike only if the mean decay of all of them is judged.

    Args:
        entries: recordings, in any order.
        hop_s: seconds per latent frame.

    Returns:
        by the name of the sound. One whose recordings are all too short for a loop decays.
    """
    kept: dict[str, list[float]] = {entry.sound: [] for entry in entries}
    for entry in entries:
        share = _kept(entry.latents, hop_s)
        if share is not None:
            kept[entry.sound].append(math.log(share))
    return {
        sound: bool(shares) and sum(shares) / len(shares) >= math.log(SUSTAINED)
        for sound, shares in kept.items()
    }


def find_loop(latents: Tensor, hop_s: float) -> tuple[int, int]:
    """The most seamless loop in the middle of a sustained sound, in frames.

    The ends are those that differ least over a window of 8 frames, at least 0.25 s apart, between
    25 % and 85 % of the sound.

    Args:
        latents: `[frames, dim]` of the whole sound.
        hop_s: seconds per frame.

    Returns:
        first frame of the loop, and the frame after its last; `NO_LOOP` where it is too short.
    """
    searched = _searched(len(latents), hop_s)
    if searched is None:
        return NO_LOOP
    first, last, shortest = searched
    centred = _centred(latents)
    last = min(last, first + LOOP_SEARCH)  # the table of distances grows with its square
    windows = centred.unfold(0, WINDOW, 1).reshape(len(latents) - WINDOW + 1, -1)[first:last]
    distance = torch.cdist(windows, windows)
    apart = torch.arange(len(windows))
    allowed = (apart[None] - apart[:, None]) >= shortest
    distance = torch.where(allowed, distance, torch.inf)
    best = int(distance.argmin())
    start, end = divmod(best, len(windows))
    return first + start, first + end


def _loop(latents: Tensor, hop_s: float) -> tuple[int, int]:
    """The loop of a recording that must have one: if need be, its whole middle."""
    found, frames = find_loop(latents, hop_s), len(latents)
    if found != NO_LOOP:
        return found
    first = frames // 4
    return first, max(int(0.85 * frames), first + 1)


def _kept(latents: Tensor, hop_s: float) -> float | None:
    """Share of its power that a recording keeps over the span in which a loop is searched.

    Within `DIED_AWAY` … 1; `DIED_AWAY` where its frames there are less than a tenth of its largest;
    None where it is too short for a loop.
    """
    searched = _searched(len(latents), hop_s)
    if searched is None:
        return None
    first, last, _ = searched
    level = _centred(latents).square().mean(1)
    if level[first:last].mean() < 0.01 * level.max():
        return DIED_AWAY
    span = max((last - first) // 4, 1)
    begins, ends = level[first : first + span].mean(), level[last - span : last].mean()
    return min(max(float(ends / begins.clamp_min(1e-30)), DIED_AWAY), 1.0)


def _searched(frames: int, hop_s: float) -> tuple[int, int, int] | None:
    """First and last frame for a loop's ends and its shortest length; None: there is no room."""
    first, last = int(0.25 * frames), int(0.85 * frames) - WINDOW
    shortest = max(int(0.25 / hop_s), 4)
    return (first, last, shortest) if last - first > shortest else None


def _centred(latents: Tensor) -> Tensor:
    """Frames around their median, which is where a sound that has died away rests; the mean still
    knows of the stroke."""
    return latents - latents.median(0).values


def loops_of(bank: SoundBank) -> dict[str, dict[str, bool]]:
    """Whether each sound of a bank loops, as a manifest tells it: `{name: {"loops": bool}}`.

    Args:
        bank: as `build_bank` makes it.
    """
    looping = (bank.loop_end > bank.loop_start)[bank.zone_entry].any(1).tolist()
    return {name: {"loops": loops} for name, loops in zip(bank.sounds, looping, strict=True)}


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
