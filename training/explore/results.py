"""`Results`: the folder that a command writes its sounds, pictures and numbers into."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from synth.contract import DataError, write_audio, write_bytes
from training.explore.pictures.animation import Picture, write_animation

CEILING = 0.999  # of a written sound's peak


class Results:
    """A folder of files, and the JSON that tells what is in them.

    Args:
        out: the folder, made where it is missing.
        command: names the JSON.

    Attributes:
        data: what the JSON will hold, to be filled.
        files: written so far, in this order.

    Raises:
        DataError: it can't be made.
    """

    def __init__(self, out: str | Path, command: str, data: dict[str, Any]) -> None:
        self.out, self.command, self.data = Path(out), command, data
        self.files: list[Path] = []
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{out}: can't be made ({error}); choose another --out") from None

    def audio(self, name: str, audio: Tensor, sample_rate: int) -> dict[str, Any]:
        """Write a sound `[length]` as NAME.wav; it is made quieter where it would clip.

        Returns:
            its file, seconds, level in dB re full scale and the gain in dB that was needed.
        """
        peak = float(audio.abs().max())
        gain = min(1.0, CEILING / peak) if peak > 0 else 1.0
        path = self._path(name, ".wav")
        samples = (audio * gain).float().numpy()
        write_audio(path, samples[None], sample_rate)
        return {
            "file": path.name,
            "seconds": len(audio) / sample_rate,
            "level_db": level_db(audio * gain),
            "gain_db": 20 * math.log10(gain),
        }

    def picture(self, name: str, png: bytes) -> str:
        """Write a picture as NAME.png; returns the file's name."""
        path = self._path(name, ".png")
        write_bytes(path, png)
        return path.name

    def animation(
        self, name: str, pictures: Iterable[Picture], rate: float, audio: str = ""
    ) -> str:
        """Write an animation as NAME.mp4, or NAME.gif where the extra `video` isn't installed.

        Args:
            pictures: RGB `[height, width, 3]`; rate: of them in a second.
            audio: name of a file in the folder that is heard with it, "": none.
        """
        sound = self.out / audio if audio else None
        path = write_animation(self._path(name, ""), pictures, rate, sound)
        self.files[-1] = path
        return path.name

    def close(self) -> list[Path]:
        """Write the JSON; returns all files, it last."""
        path = self._path(self.command, ".json")
        write_bytes(path, (as_json(self.data) + "\n").encode())
        return self.files

    def _path(self, name: str, suffix: str) -> Path:
        path = self.out / (file_name(name) + suffix)
        self.files.append(path)
        return path


def file_name(name: str) -> str:
    """A name that can be that of a file.

    >>> file_name("French-Horn C#4 / ff")
    'French-Horn_Cs4_ff'
    """
    return re.sub(r"[^\w.-]+", "_", name.replace("#", "s")).strip("_.") or "sound"


def level_db(audio: Tensor) -> float:
    """RMS of a sound in dB re full scale, at least -200."""
    return max(-200.0, 10 * math.log10(float(audio.double().square().mean()) + 1e-30))


def as_json(data: dict[str, Any]) -> str:
    """Data as JSON for people, too: each list of numbers on a line of its own.

    >>> print(as_json({"a": [1, 2.5], "b": {"c": None}}))
    {
      "a": [1, 2.5],
      "b": {
        "c": null
      }
    }
    """
    text = json.dumps(_plain(data), indent=2, ensure_ascii=False, allow_nan=False)
    numbers = re.compile(r"\[\s+((?:-?[\d.e+-]+,\s+)*-?[\d.e+-]+)\s+\]")
    return numbers.sub(lambda found: f"[{' '.join(found[1].split())}]", text)


def _plain(value: Any) -> Any:
    """JSON-ready; numbers with seven digits, and none for those that aren't finite."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Tensor | np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float | np.floating):
        number = float(value)
        return float(f"{number:.7g}") if math.isfinite(number) else None
    return value
