"""Animations: MP4 by the encoder that imageio-ffmpeg brings, GIF where it isn't installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.contract import DataError, one_line

Picture = NDArray[np.uint8]
QUALITY = 7.0  # of imageio-ffmpeg, 0 … 10
WHY_GIF = (
    "animations are GIF, without sound: MP4 needs the extra video"
    " (pip install -c constraints.txt -e '.[video]')"
)


def encoder() -> Any | None:
    """The package imageio_ffmpeg, None where it isn't installed."""
    try:
        return importlib.import_module("imageio_ffmpeg")
    except ModuleNotFoundError:
        return None


def say_gif(files: Sequence[Path], say: Callable[[str], None]) -> None:
    """Say why animations among some files are GIF, if they are."""
    if any(file.suffix == ".gif" for file in files):
        say(WHY_GIF)


def write_animation(
    place: Path, pictures: Iterable[Picture], rate: float, audio: Path | None = None
) -> Path:
    """Write pictures as PLACE.mp4, or as PLACE.gif without imageio-ffmpeg.

    Args:
        place: of the file, without a suffix.
        pictures: RGB `[height, width, 3]`, all of one size, at least one.
        rate: of them in a second.
        audio: a sound to be heard with an MP4.

    Returns:
        the file.

    Raises:
        DataError: it can't be written.
    """
    ffmpeg = encoder()
    suffix = ".gif" if ffmpeg is None else ".mp4"
    path = place.with_name(place.name + suffix)
    temporary = place.with_name(f".{place.name}.tmp{suffix}")
    try:
        if ffmpeg is None:
            _write_gif(temporary, pictures, rate)
        else:
            _write_mp4(ffmpeg, temporary, pictures, rate, audio)
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"{path}: can't be written ({one_line(error)})") from None
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _write_mp4(
    ffmpeg: Any, path: Path, pictures: Iterable[Picture], rate: float, audio: Path | None
) -> None:
    given = iter(pictures)
    first = _even(next(given))
    writer = ffmpeg.write_frames(
        str(path),
        (first.shape[1], first.shape[0]),
        fps=rate,
        quality=QUALITY,
        macro_block_size=2,
        ffmpeg_log_level="error",
        audio_path=None if audio is None else str(audio),
        audio_codec=None if audio is None else "aac",
    )
    writer.send(None)
    try:
        writer.send(first.tobytes())
        for picture in given:
            writer.send(_even(picture).tobytes())
    finally:
        writer.close()


def _even(picture: Picture) -> Picture:
    """Its sides cut to even lengths, as the encoder needs them."""
    height, width = (side - side % 2 for side in picture.shape[:2])
    return np.ascontiguousarray(picture[:height, :width])


def _write_gif(path: Path, pictures: Iterable[Picture], rate: float) -> None:
    from PIL import Image

    def images() -> Iterator[Any]:
        for picture in pictures:
            yield Image.fromarray(picture).quantize(128)

    given = images()
    first = next(given)
    first.save(
        path,
        save_all=True,
        append_images=given,
        duration=round(1000 / rate),
        loop=0,
    )
