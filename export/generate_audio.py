"""Audio out of a trained model: what `synth generate` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from export.checkpoint import load_package
from export.families import EXPORT
from synth.contract import ModelFileError


def generate_audio(
    model: str | Path,
    out: str | Path,
    settings: Mapping[str, Any],
    *,
    on_samples: Callable[[int, int], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> list[Path]:
    """Generate sounds and write one file for each.

    Args:
        model: `model.pt` of a run or one of its checkpoints.
        out: a WAV or FLAC file (several sounds get `_1`, `_2` … before the suffix), or a folder,
            made if missing, for `1.wav`, `2.wav` …
        settings: of the family's generation, by name.
        on_samples: called with the samples of each sound made so far, and how many there will be.
        on_notice: called with a sentence that a person should read.

    Returns:
        the files written.

    Raises:
        ModelFileError: the model can't be used, or generates nothing by itself.
        ConfigError: a setting is out of its range or doesn't fit the model.
        DataError: a recording can't be used; the place can't be written.
        DeviceError: the device isn't there.
    """
    package = load_package(model)
    generate = EXPORT[package.family].generate
    if generate is None:
        raise ModelFileError(
            f"{model}: a {package.family} model generates nothing by itself; `synth export` makes"
            " it playable"
        )
    return generate()(package, out, settings, on_samples, on_notice)
