"""Audio files that grow and can be read at any moment, also after a kill: WAV and FLAC.

Their headers are updated after each `write`, and never claim more than was written.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from synth.contract import ConfigError, DataError

Array = NDArray[np.float32]

SUFFIXES = (".wav", ".flac")
FLAC_BLOCK = 4096  # frames in one of libFLAC's frames at its default level
FLAC_MAX_CHANNELS = 8
_IEEE_FLOAT = 3
_WAV_HEAD = 94
_UINT32 = 0xFFFFFFFF


class AudioStream(Protocol):
    """A file that takes frames.

    Attributes:
        subtype: soundfile's name of its coding.
        frames: written so far.
    """

    subtype: str
    frames: int

    def write(self, audio: Array) -> None:
        """Append `[channels, frames]`. Raises `OSError` if the disk is full."""

    def close(self) -> None:
        """Write the last header. May be called twice."""


def open_stream(path: Path, sample_rate: int, channels: int) -> AudioStream:
    """Make a new file, 32-bit float WAV or 24-bit FLAC by the suffix of its name.

    Args:
        path: ends in .wav or .flac.
        sample_rate: Hz.
        channels: at least 1, for FLAC at most 8.

    Raises:
        ConfigError: another suffix, or more than 8 channels for FLAC.
        DataError: the file exists already, or can't be made.
    """
    check_suffix(path)
    if path.suffix.lower() == ".flac" and channels > FLAC_MAX_CHANNELS:
        raise ConfigError(f"{path}: FLAC holds 8 channels, not {channels}; record to .wav")
    kind = WavStream if path.suffix.lower() == ".wav" else FlacStream
    try:
        return kind(path, sample_rate, channels)
    except FileExistsError:
        raise DataError(f"{path}: exists already; choose another name") from None
    except (OSError, soundfile.LibsndfileError) as error:
        raise DataError(f"{path}: can't be made ({error}); choose another place") from None


def check_suffix(path: Path) -> None:
    """Raise `ConfigError` unless the name ends in .wav or .flac."""
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{path}: a recording needs a name that ends in .wav or .flac")


class WavStream:
    """A file of 32-bit float WAV, with room in its header to become RF64 (EBU Tech 3306) above
    4 GB. See `open_stream`."""

    subtype = "FLOAT"

    def __init__(self, path: Path, sample_rate: int, channels: int) -> None:
        self._sample_rate, self._channels = sample_rate, channels
        self.frames = 0
        self._file: Any = path.open("xb", buffering=0)
        self._file.write(self.header(0))

    def write(self, audio: Array) -> None:
        """See `AudioStream.write`."""
        self._all(np.ascontiguousarray(audio.T, "<f4").tobytes())
        self.frames += audio.shape[1]
        self._file.seek(0)
        self._all(self.header(self.frames))
        self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """See `AudioStream.close`."""
        self._file.close()

    def header(self, frames: int) -> bytes:
        """The header, 94 bytes, of a file with so many frames."""
        width = 4 * self._channels
        data = frames * width
        riff = _WAV_HEAD - 8 + data
        large = riff > _UINT32
        sizes = struct.pack("<QQQI", riff, data, frames, 0) if large else bytes(28)
        form = struct.pack(
            "<HHIIHHH",
            _IEEE_FLOAT,
            self._channels,
            self._sample_rate,
            self._sample_rate * width,
            width,
            32,
            0,
        )
        return b"".join(
            (
                b"RF64" if large else b"RIFF",
                struct.pack("<I", min(riff, _UINT32)),
                b"WAVE",
                b"ds64" if large else b"JUNK",
                struct.pack("<I", 28),
                sizes,
                b"fmt ",
                struct.pack("<I", len(form)),
                form,
                b"fact",
                struct.pack("<II", 4, min(frames, _UINT32)),
                b"data",
                struct.pack("<I", _UINT32 if large else data),
            )
        )

    def _all(self, data: bytes) -> None:
        """Write all bytes: an unbuffered file may take only a part of them at once."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]


class FlacStream:
    """A file of 24-bit FLAC. Its header counts the frames that are complete on the disk.

    See `open_stream`."""

    subtype = "PCM_24"

    def __init__(self, path: Path, sample_rate: int, channels: int) -> None:
        self._head: Any = path.open("xb", buffering=0)
        self._sound: Any = soundfile.SoundFile(
            os.fsencode(path), "w", sample_rate, channels, subtype=self.subtype, format="FLAC"
        )
        self.frames = 0

    def write(self, audio: Array) -> None:
        """See `AudioStream.write`."""
        try:
            self._sound.write(audio.T)
        except soundfile.LibsndfileError as error:
            raise OSError(f"{error}") from None
        self.frames += audio.shape[1]
        # The encoder writes a block when it has seen the first sample of the next one.
        whole = (self.frames - 1) // FLAC_BLOCK * FLAC_BLOCK if self.frames else 0
        if whole:
            self._claim(whole)

    def close(self) -> None:
        """See `AudioStream.close`."""
        self._head.close()
        self._sound.close()

    def _claim(self, frames: int) -> None:
        """Write STREAMINFO's sample count: 36 bits from the middle of byte 21 (RFC 9639, 8.2)."""
        upper = frames >> 32 & 0x0F
        with open(self._sound.name, "rb") as file:
            file.seek(21)
            shared = file.read(1)[0] & 0xF0
        self._head.seek(21)
        self._head.write(bytes((shared | upper,)) + (frames & _UINT32).to_bytes(4, "big"))
