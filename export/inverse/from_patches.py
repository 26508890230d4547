"""Patches alone become an instrument file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from export.inverse.bank import read_patches
from export.inverse.instrument_file import voice_onnx
from export.written import MAX_NAME
from synth.contract import Manifest
from synth.models.inverse.voices import make_voice


def patches_onnx(
    paths: Sequence[Path], name: str | None, sample_rate: int
) -> tuple[str, bytes, Manifest]:
    """The ONNX file of a voice whose bank is these patches: its name, bytes and manifest.

    Args:
        paths: of the patches, all of one voice.
        name: of the instrument; None: that of the patch, or of the voice where there are several.
        sample_rate: of the output in Hz.

    Raises:
        ConfigError: two patches have one name, or are of two voices.
        DataError: a file isn't a patch.
        ModelFileError: the export doesn't play what the voice does.
    """
    patches = read_patches(list(paths))
    name = name or (_as_name(patches[0].name) if len(patches) == 1 else patches[0].voice)
    return name, *voice_onnx(make_voice(patches[0].voice), patches, name, sample_rate, {})


def _as_name(patch: str) -> str:
    """The name of a patch as that of a file."""
    return re.sub(r"[^\w .-]", "_", patch).strip(" .")[:MAX_NAME] or "patch"
