"""Audio files: one strict reader and one safe writer for the whole project.

Arrays are `[channels, frames]`, float32, nominal range -1 … 1.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from synth.contract.errors import DataError, one_line

Audio = NDArray[np.float32]

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".w64", ".caf")
# Audio by its suffix that is not read: it is counted and named, so that nobody misses it silently.
OTHER_SUFFIXES = (
    ".m4a", ".m4b", ".mp4", ".aac", ".aifc", ".au", ".snd", ".wma", ".mp2", ".mpc", ".ape", ".wv",
    ".tta", ".tak", ".alac", ".amr", ".3gp", ".ac3", ".dts", ".mka", ".webm", ".weba", ".spx",
    ".rf64", ".bwf", ".dsf", ".dff", ".voc", ".sd2", ".gsm", ".sph",
)  # fmt: skip
MAX_CHANNELS = 32
MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 192_000
MAX_SECONDS = 24 * 3600
SILENCE_PEAK = 1e-5  # -100 dBFS
# Codings of WAV and AIFF that are safe to decode: libsndfile's ADPCM decoders have a history of
# memory errors, so only linear PCM and float pass.
_PCM = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
_PCM_CONTAINERS = ("WAV", "WAVEX", "RF64", "AIFF", "W64", "CAF")


@dataclass(frozen=True)
class AudioInfo:
    """The format and length of an audio file, from its header.

    Args:
        frames: length, at least 1.
        sample_rate: Hz, 8000 … 192000.
        channels: 1 … 32.
    """

    frames: int
    sample_rate: int
    channels: int

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.frames / self.sample_rate


def audio_info(path: str | Path) -> AudioInfo:
    """Read and check the header of an audio file.

    Args:
        path: of the file.

    Raises:
        DataError: the file is missing, unreadable, empty or of a refused coding, or its channels,
            rate or duration are out of range. The message names the file and the range.
    """
    try:
        info = soundfile.info(os.fsencode(path))
    except (soundfile.LibsndfileError, RuntimeError, OSError, TypeError) as error:
        reason = "no such file" if not Path(path).exists() else one_line(error, 200)
        raise DataError(f"{path}: can't be read as audio ({reason})") from None
    if info.format in _PCM_CONTAINERS and info.subtype not in _PCM:
        raise DataError(f"{path}: coding {info.subtype} is refused; convert it to PCM 16 or FLAC")
    if not 1 <= info.channels <= MAX_CHANNELS:
        raise DataError(f"{path}: {info.channels} channels; 1 to {MAX_CHANNELS} can be used")
    if not MIN_RATE_HZ <= info.samplerate <= MAX_RATE_HZ:
        raise DataError(
            f"{path}: {info.samplerate} Hz; {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz can be used"
        )
    if info.frames <= 0:
        raise DataError(f"{path}: holds no audio (0 frames)")
    if info.frames > MAX_SECONDS * info.samplerate:
        raise DataError(f"{path}: longer than {MAX_SECONDS // 3600} hours; cut it into pieces")
    return AudioInfo(info.frames, info.samplerate, info.channels)


def read_audio(path: str | Path, *, allow_silence: bool = True) -> tuple[Audio, int]:
    """Read a whole file as float32 `[channels, frames]`, and its sample rate in Hz.

    A file with samples that are not finite is refused: the program that wrote it is faulty.

    Args:
        path: audio file.
        allow_silence: whether a file with a peak under -100 dBFS may be read.

    Raises:
        DataError: as `audio_info`; or samples are not finite; or the file is silent and
            `allow_silence` is off.
    """
    audio_info(path)
    try:
        frames, sample_rate = soundfile.read(os.fsencode(path), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, OSError, MemoryError) as error:
        raise DataError(f"{path}: can't be decoded ({one_line(error, 200)})") from None
    if not len(frames):
        raise DataError(f"{path}: holds no audio (0 frames)")
    audio = np.ascontiguousarray(frames.T)
    if not np.isfinite(audio).all():
        count = int((~np.isfinite(audio)).sum())
        raise DataError(f"{path}: {count} samples are NaN or infinite; write the file again")
    if not allow_silence and float(np.abs(audio).max()) < SILENCE_PEAK:
        raise DataError(f"{path}: silent (peak under -100 dBFS)")
    return audio, int(sample_rate)


def write_audio(path: str | Path, audio: Audio, sample_rate: int, subtype: str = "PCM_24") -> None:
    """Write a WAV or FLAC file (by suffix), atomically: a half file never appears.

    Args:
        path: ends in .wav or .flac.
        audio: float32 `[channels, frames]`, -1 … 1.
        sample_rate: Hz.
        subtype: soundfile's name of the coding, such as "PCM_24" or "FLOAT".

    Raises:
        DataError: the file can't be written (missing folder, full disk, unknown suffix or coding);
            an older file at this path is left as it was.
    """
    path = Path(path)
    if path.suffix.lower() not in (".wav", ".flac"):
        raise DataError(f"{path}: can't write {path.suffix or 'a file without suffix'}; use .wav")
    kind = path.suffix.lower()[1:].upper()
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        soundfile.write(os.fsencode(temporary), audio.T, sample_rate, subtype=subtype, format=kind)
        os.replace(temporary, path)
    except (soundfile.LibsndfileError, RuntimeError, OSError, ValueError) as error:
        raise DataError(f"{path}: can't be written ({one_line(error, 200)})") from None
    finally:
        temporary.unlink(missing_ok=True)


@dataclass(frozen=True)
class FoundAudio:
    """The audio under a folder.

    Attributes:
        files: that can be read, by suffix, sorted.
        skipped: number of files of each other kind of audio, by suffix.
    """

    files: tuple[Path, ...]
    skipped: dict[str, int]

    def skipped_in_words(self) -> str:
        """The kinds that were skipped, as one line; "" where there are none.

        >>> FoundAudio((), {".au": 1, ".m4a": 12}).skipped_in_words()
        '13 files of kinds that are not read (1 .au, 12 .m4a); convert them to .wav or .flac'
        """
        if not self.skipped:
            return ""
        total = sum(self.skipped.values())
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(self.skipped.items()))
        files, them = ("file", "it") if total == 1 else ("files", "them")
        kind = "a kind that is" if len(self.skipped) == 1 else "kinds that are"
        return f"{total} {files} of {kind} not read ({kinds}); convert {them} to .wav or .flac"


def find_audio(root: str | Path) -> list[Path]:
    """All audio files (by suffix) in a folder and its subfolders, sorted.

    Args:
        root: a folder, or a single file, which is returned whatever its suffix.

    Raises:
        DataError: as `search_audio`.
    """
    return list(search_audio(root).files)


def search_audio(root: str | Path) -> FoundAudio:
    """The audio files under a folder, or the file itself, and what was skipped.

    Raises:
        DataError: nothing there that can be read; the message counts the kinds that can't.
    """
    root = Path(root)
    if root.is_file():
        return FoundAudio((root,), {})
    if not root.exists():
        raise DataError(f"{root}: no such file or folder")
    found = FoundAudio(*_sorted_out(root))
    if not found.files:
        skipped = found.skipped_in_words()
        raise DataError(
            f"{root}: no audio files ({', '.join(SUFFIXES)}) in this folder"
            + (f", but {skipped}" if skipped else "")
        )
    return found


def _sorted_out(root: Path) -> tuple[tuple[Path, ...], dict[str, int]]:
    files: list[Path] = []
    skipped: Counter[str] = Counter()
    for path in root.rglob("*"):
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES + OTHER_SUFFIXES or path.name.startswith("."):
            continue
        if path.is_file():
            if suffix in SUFFIXES:
                files.append(path)
            else:
                skipped[suffix] += 1
    return tuple(sorted(files)), dict(skipped)
