"""Spectrograms of the page: what a PNG file shows of a sound."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import torch
from match_sounds import RATE, tone
from numpy.typing import NDArray

from training.match.pictures import BANDS, WIDTH, spectrogram_png


def pixels(png: bytes) -> NDArray[np.uint8]:
    """The RGB pixels `[height, width, 3]` of a PNG file, whose checksums are right."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    parts, at = {}, 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        content = png[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack(">I", png[at + 8 + length : at + 12 + length])
        assert checksum == zlib.crc32(kind + content)
        parts[kind] = content
        at += 12 + length
    width, height, depth, colour = struct.unpack(">IIBB", parts[b"IHDR"][:10])
    assert (depth, colour) == (8, 2)
    rows = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def test_a_tone_is_a_line_and_a_higher_one_is_above_it() -> None:
    rows = []
    for hz in (300.0, 1_500.0):
        light = pixels(spectrogram_png(tone(hz, 2.0), RATE)).sum(2)
        assert light.shape[0] == BANDS
        assert 0.5 * WIDTH < light.shape[1] <= WIDTH + 1
        line = int(light.mean(1).argmax())
        assert light[line, 10:-10].min() > 2 * np.median(light)
        rows.append(line)
    assert rows[1] < rows[0] - 10


def test_where_a_sound_is_silent_the_picture_is_dark() -> None:
    sound = torch.cat([tone(500, 1.0), torch.zeros(RATE)])
    light = pixels(spectrogram_png(sound, RATE)).sum(2).astype(float)
    half = light.shape[1] // 2
    assert light[:, : half - 40].max() > 4 * light[:, half + 40 :].max()


@pytest.mark.parametrize("sound", [torch.zeros(RATE), torch.zeros(10), tone(440, 0.005)])
def test_silence_and_the_shortest_sounds_have_a_picture(sound: torch.Tensor) -> None:
    assert pixels(spectrogram_png(sound, RATE)).size
