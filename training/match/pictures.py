"""Spectrograms as PNG files, small enough to stand in a page."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from training.match.spectra import decibels, mel_power

BANDS, WIDTH = 128, 480
WINDOW = 2048
# Colours of -80, -60 … 0 dB: dark to light, so that they read in grey, too.
COLOURS = np.array([(8, 8, 24), (66, 20, 104), (176, 44, 96), (248, 140, 52), (252, 250, 200)])


def spectrogram_png(audio: Tensor, sample_rate: int) -> bytes:
    """Mel levels of a sound over time, from -80 dB below its loudest, as a PNG of 480 x 128.

    Args:
        audio: `[samples]`.
        sample_rate: Hz.
    """
    hop = max(1, -(-len(audio) // WIDTH))
    db = decibels(mel_power(audio[None], sample_rate, WINDOW, hop, BANDS))[0]
    level = (db - db.max()).div(80).add(1).clamp(0, 1).T.flip(0)
    return _png(_coloured(level.numpy()))


def _coloured(level: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colours `[height, width, 3]` of levels 0 … 1."""
    stops = np.linspace(0, 1, len(COLOURS))
    channels = [np.interp(level, stops, COLOURS[:, i]) for i in range(3)]
    return np.stack(channels, -1).round().astype(np.uint8)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of RGB pixels `[height, width, 3]` (ISO/IEC 15948)."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], 1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
