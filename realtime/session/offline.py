"""The offline driver: a score through the engine into a file, faster than real time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from realtime.engine.engine import Engine
from realtime.engine.plugin import Array
from realtime.engine.settings import EngineSettings
from realtime.mapping.control_map import default_mapping
from realtime.mapping.file import read_mapping
from realtime.mapping.mapper import Mapper, is_own
from realtime.namespace.event import Event
from realtime.namespace.namespace import Namespace
from realtime.namespace.parts import channel_events, with_parts
from realtime.plugins.bundled import instrument_path
from realtime.plugins.rack import build_engine
from realtime.session.score import demo_score, read_log, read_midi, say_nothing
from realtime.session.unplayed import unplayed
from synth.contract import ConfigError, DataError, read_audio, require_within, write_audio

MAX_SECONDS = 4 * 3600
Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Rendered:
    """A finished render: duration, peak in dBFS, and seconds of sound per second of work."""

    seconds: float
    peak_db: float
    realtime_factor: float


def render_files(
    instruments: Sequence[str | Path],
    out: str | Path,
    *,
    midi: str | Path | None = None,
    osc: str | Path | None = None,
    audio: str | Path | None = None,
    mapping: str | Path | None = None,
    sample_rate: int = 48_000,
    voices: int = 8,
    tail_s: float = 2.0,
    block: int = 1024,
    trust: bool = False,
    channels: Sequence[str] = (),
    say: Callable[[str], None] = say_nothing,
    overwrite: bool = True,
    on_progress: Progress | None = None,
) -> Rendered:
    """Render instruments into a file (`synth render`); without a score or input, the demo score.

    Args:
        instruments: files or names of bundled ones, in series; none: the default one.
        out: WAV or FLAC file to write.
        midi: a MIDI file; osc: an event log, see `score`; audio: the sound file for an effect.
        mapping: the map's file, or None for the default map.
        sample_rate: Hz; voices: notes at a time; tail_s: seconds rendered after the end.
        block: frames rendered at once.
        trust: whether TorchScript files may be opened.
        channels: MIDI channels of each instrument, see `channel_events`.
        say: called with a sentence on what was skipped in a MIDI file or could not be played.
        overwrite: whether a file at `out` is replaced.
        on_progress: called after each block with the frames done and the total.

    Raises:
        ConfigError: a number is out of its range; audio is given to an instrument without input, or
            none to an effect.
        DataError: a score or audio file can't be read; `out` exists or can't be written.
        ModelFileError: the instrument can't be played.
    """
    require_within("--tail", tail_s, 0.0, 600.0)
    require_within("--block", block, 1, 1 << 20)
    check_place(Path(out), overwrite)
    source = None if audio is None else _input(audio, sample_rate)
    settings = EngineSettings(
        tuple(str(instrument_path(path)) for path in (instruments or (None,))),
        sample_rate=sample_rate,
        voices=voices,
        trust=trust,
    )
    engine = build_engine(settings)
    if source is not None and not engine.channels_in:
        raise ConfigError("--input: this instrument plays notes and takes no audio; leave it out")
    if source is None and not any(strip.is_generator for strip in engine.strips.values()):
        raise ConfigError("--input is missing: an effect changes audio that comes in; name a file")
    events = _score(engine, midi, osc, mapping, channels, say, demo=source is None)
    last = max((e.time for e in events), default=0)
    frames = max(last, 0 if source is None else source.shape[1]) + round(tail_s * sample_rate)
    require_within("seconds to render", frames / sample_rate, 0.0, MAX_SECONDS)
    started = time.perf_counter()
    sound = render_events(engine, events, frames, block, source, on_progress)
    spent = time.perf_counter() - started
    for text in unplayed(engine.stats()):
        say(text)
    engine.close()
    write_audio(out, sound, sample_rate)
    peak = float(np.abs(sound).max(initial=0.0))
    seconds = frames / sample_rate
    return Rendered(seconds, 20 * math.log10(max(peak, 1e-6)), seconds / max(spent, 1e-9))


def render_events(
    engine: Engine,
    events: Sequence[Event],
    frames: int,
    block: int,
    source: Array | None = None,
    on_progress: Progress | None = None,
) -> Array:
    """Render events to `[channels, frames]`; the end is faded out.

    Args:
        engine: as it was started; events: sorted by time, in samples from 0.
        frames: to render; block: frames rendered at once.
        source: input of an effect, `[channels_in, any number of frames]`, or None.
        on_progress: see `render_files`.
    """
    waiting = sorted(events, key=lambda e: e.time)
    fade = min(engine.guard.fade_samples, frames)
    pieces, at, given = [], 0, 0
    while at < frames:
        count = min(block, frames - at)
        if at < frames - fade:
            count = min(count, frames - fade - at)
        elif at == frames - fade:
            engine.guard.fade_out()
        while given < len(waiting) and waiting[given].time < at + count:
            engine.schedule(waiting[given])
            given += 1
        part = None
        if source is not None:
            part = source[:, at : at + count]
            part = np.pad(part, ((0, 0), (0, count - part.shape[1])))
        pieces.append(engine.render(count, part))
        at += count
        if on_progress is not None:
            on_progress(at, frames)
    return np.concatenate(pieces, axis=1) if pieces else np.zeros((engine.channels, 0), np.float32)


def engine_namespace(engine: Engine) -> Namespace:
    """The addresses of an engine's rack."""
    return Namespace(
        with_parts(
            {
                name: (strip.manifest.kind, strip.manifest.controls)
                for name, strip in engine.strips.items()
            }
        ),
        {name: strip.manifest.sounds for name, strip in engine.strips.items()},
    )


def _score(
    engine: Engine,
    midi: str | Path | None,
    osc: str | Path | None,
    mapping: str | Path | None,
    channels: Sequence[str],
    say: Callable[[str], None],
    *,
    demo: bool,
) -> list[Event]:
    namespace = engine_namespace(engine)
    chosen = default_mapping(namespace) if mapping is None else read_mapping(mapping, namespace)
    mapper = Mapper(chosen, namespace)
    heard = channel_events(channels, [n for n, s in engine.strips.items() if s.is_generator])
    events = [event._replace(time=0) for event in (*chosen.settings, *heard)]
    if midi is not None:
        events += read_midi(midi, engine.sample_rate, mapper, chosen.mpe, say)
    if osc is not None:
        events += read_log(osc, engine.sample_rate, mapper.namespace)
    if midi is None and osc is None and demo:
        generators = [s for s in engine.strips.values() if s.is_generator]
        events += demo_score(
            engine.sample_rate, generators[0].manifest.key_range if generators else None
        )
    events.sort(key=lambda event: event.time)
    return [each for e in events for each in mapper.outcome(e) if not is_own(each)]


def check_place(out: Path, overwrite: bool = True) -> None:
    """Check before a long render that its result can be written.

    Args:
        out: the file to write; overwrite: whether it may exist already.

    Raises:
        ConfigError: the suffix is neither .wav nor .flac.
        DataError: the folder doesn't exist, or the file exists and must not be overwritten.
    """
    if out.suffix.lower() not in (".wav", ".flac"):
        raise ConfigError(f"--out is {str(out)!r}; a name that ends in .wav or .flac is needed")
    if not out.parent.is_dir():
        raise DataError(f"{out}: there is no folder {out.parent}; make it or choose another --out")
    if not overwrite and out.exists():
        raise DataError(f"{out}: is there already; --force replaces it, or choose another --out")


def _input(path: str | Path, sample_rate: int) -> Array:
    audio, rate = read_audio(path)
    if rate == sample_rate:
        return audio
    return np.ascontiguousarray(soxr.resample(audio.T, rate, sample_rate).T)
