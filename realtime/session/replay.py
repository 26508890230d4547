"""Replay: a recording's log played through a fresh engine, which gives the same samples.

The engine gets the same events before the same blocks as in the recorded session, from its first
sample on, even if the recording begins later.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from realtime.engine.engine import Engine
from realtime.engine.plugin import Array
from realtime.engine.settings import EngineSettings
from realtime.namespace.event import Event
from realtime.plugins.rack import build_engine
from realtime.record.log import FORMAT, SUFFIX, fingerprint, parse_line
from realtime.session.offline import MAX_SECONDS, Progress, Rendered, check_place
from synth.contract import (
    ConfigError,
    DataError,
    ModelFileError,
    audio_info,
    config_from_dict,
    require_within,
    write_audio,
)

MAX_LINE = 1 << 20
MAX_BLOCK = 8192
_CODINGS = {".wav": "FLOAT", ".flac": "PCM_24"}  # the same as for recordings


@dataclass(frozen=True)
class Take:
    """The contents of a log's first line; see `realtime.record.log`.

    Args:
        log: the file; settings: of the engine.
        block: frames that were rendered at once; started: sample of the recording's first frame.
        audio: file of the recorded output; source: file of the recorded input, or None.
    """

    log: Path
    settings: EngineSettings
    block: int
    started: int
    audio: Path
    source: Path | None


def replay_files(
    session: str | Path,
    out: str | Path,
    *,
    instrument: str | Path | None = None,
    trust: bool = False,
    overwrite: bool = True,
    on_progress: Progress | None = None,
) -> Rendered:
    """Render a recorded session again (`synth render --session`).

    Args:
        session: the log beside a recording, or the recording.
        out: WAV or FLAC to write; a recording of the same kind has the same samples.
        instrument: the instrument's file, if it was moved since.
        trust: whether TorchScript files may be opened; the log can't allow it.
        overwrite: whether a file at `out` is replaced.
        on_progress: called after each block with the frames done and the total.

    Raises:
        DataError: the log or the recording can't be read, or can't be replayed; `out` exists.
        ModelFileError: an instrument is missing, or isn't the one that was recorded.
    """
    check_place(Path(out), overwrite)
    take = read_take(session, instrument, trust)
    frames = audio_info(take.audio).frames
    require_within("seconds to render", frames / take.settings.sample_rate, 0.0, MAX_SECONDS)
    begun = time.perf_counter()
    engine = build_engine(take.settings)
    sound = render_take(engine, take, frames, on_progress)
    engine.close()
    spent = time.perf_counter() - begun
    write_audio(out, sound, engine.sample_rate, _CODINGS[Path(out).suffix.lower()])
    peak = float(np.abs(sound).max(initial=0.0))
    seconds = sound.shape[1] / engine.sample_rate
    return Rendered(seconds, 20 * math.log10(max(peak, 1e-6)), seconds / max(spent, 1e-9))


def read_take(
    session: str | Path, instrument: str | Path | None = None, trust: bool = False
) -> Take:
    """Read and check the first line of a log; find its instruments and compare their fingerprints.

    Args:
        session, instrument, trust: see `replay_files`.

    Raises:
        DataError, ModelFileError: see `replay_files`.
    """
    log = Path(session)
    log = log if log.suffix == SUFFIX else log.with_suffix(SUFFIX)
    head = _head(log)
    try:
        audio = log.with_name(Path(head["audio"]).name)
        source = log.with_name(Path(head["input"]).name) if head["input"] else None
        named = [(str(i["path"]), str(i["sha256"])) for i in head["instruments"]]
        engine = dict(head["engine"])
        block, started, whole = int(head["block"]), int(head["started"]), bool(head["whole"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{log}:1: not the log of a recording ({error!r})") from None
    if not whole:
        raise DataError(
            f"{log}: recorded after more events than are remembered, so it can't be replayed;"
            " record from the start with `synth play --record`"
        )
    if not 1 <= block <= MAX_BLOCK or started < 0:
        raise DataError(f"{log}:1: block {block}, started {started}; 1 … {MAX_BLOCK} and 0 … fit")
    paths = _instruments(log, named, instrument)
    try:
        settings = config_from_dict(
            EngineSettings, {**engine, "instruments": paths, "trust": trust}
        )
    except ConfigError as error:
        raise DataError(f"{log}:1: {error}") from None
    return Take(log, settings, block, started, audio, source)


def render_take(
    engine: Engine, take: Take, frames: int, on_progress: Progress | None = None
) -> Array:
    """Play a log to `[channels, frames]`, from the beginning of the recording.

    Args:
        engine: fresh, with the settings of the `take`; frames: to render.
        on_progress: see `replay_files`.

    Raises:
        DataError: a line is damaged, or something was lost before the end.
    """
    events = _events(take.log)
    following = next(events, None)
    pieces = []
    at, end = 0, take.started + frames
    with _Source(take, engine) as source:
        while at < end:
            while following is not None and following[0] <= at:
                engine.schedule(following[1])
                following = next(events, None)
            made = engine.render(take.block, source.read(at))
            if at + take.block > take.started:
                pieces.append(made[:, max(0, take.started - at) : end - at])
            at += take.block
            if on_progress is not None:
                on_progress(min(at, end), end)
    return np.concatenate(pieces, axis=1) if pieces else np.zeros((engine.channels, 0), np.float32)


class _Source:
    """The recorded input, block by block: silence before the recording begins."""

    def __init__(self, take: Take, engine: Engine) -> None:
        self._take, self._ways = take, engine.channels_in
        self._file: Any = None
        if take.source is not None:
            audio_info(take.source)
            self._file = soundfile.SoundFile(os.fsencode(take.source))
            self._ways = self._file.channels

    def __enter__(self) -> _Source:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def read(self, sample: int) -> Array | None:
        """The block that begins at a sample, `[channels_in, block]`, or None without input."""
        if self._file is None:
            return None
        block = self._take.block
        if sample < self._take.started:
            return np.zeros((self._ways, block), np.float32)
        read = self._file.read(block, dtype="float32", always_2d=True, fill_value=0.0)
        return np.ascontiguousarray(read.T)


def _head(log: Path) -> dict[str, Any]:
    try:
        with log.open(encoding="utf-8") as file:
            line = file.readline(MAX_LINE)
        head = json.loads(line)
    except OSError as error:
        raise DataError(f"{log}: can't be read ({error.strerror or error})") from None
    except (ValueError, RecursionError):
        raise DataError(f"{log}:1: not the log of a recording") from None
    if not isinstance(head, dict) or head.get("synth_session") != FORMAT:
        found = head.get("synth_session") if isinstance(head, dict) else None
        raise DataError(
            f"{log}:1: not the log of a recording of format {FORMAT} (synth_session: {found!r:.20})"
        )
    return head


def _instruments(
    log: Path, named: list[tuple[str, str]], instrument: str | Path | None
) -> tuple[str, ...]:
    """Paths of the recorded instruments, each compared by its fingerprint."""
    if instrument is not None and len(named) != 1:
        raise ConfigError(
            f"{log} was made with {len(named)} instruments, so none can be named; put the files"
            " where they were"
        )
    paths = []
    for path, expected in named:
        place = path if instrument is None else str(instrument)
        if not Path(place).is_file():
            raise ModelFileError(
                f"{place}: the recorded instrument isn't there; say where it is: `synth render"
                " INSTRUMENT --session …`"
            )
        if fingerprint(place) != expected:
            raise ModelFileError(
                f"{place}: not the instrument that was recorded (its SHA-256 isn't"
                f" {expected[:12]}…); say where that is: `synth render INSTRUMENT --session …`"
            )
        paths.append(place)
    return tuple(paths)


def _events(log: Path) -> Iterator[tuple[int, Event]]:
    """The events of a log, each with the sample at which the engine got it. An incomplete last line
    was cut off when the process was killed, and is left out."""
    with log.open(encoding="utf-8") as file:
        file.readline(MAX_LINE)
        number = 1
        while line := file.readline(MAX_LINE):
            number += 1
            if not line.endswith("\n"):
                return
            try:
                sample, event = parse_line(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{log}:{number}: {error}") from None
            if event is None:
                raise DataError(
                    f"{log}:{number}: from sample {sample} on the disk was too slow and events are"
                    " lost; the recording can't be replayed"
                )
            yield sample, event
