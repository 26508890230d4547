"""From patches to an instrument file: what `synth export` does with patch.json files."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from export.families import EXPORT, VOICE_RATE
from export.inverse.bank import read_patches
from export.inverse.instrument_file import voice_onnx
from export.row import ALL_FORMATS, SUFFIXES
from export.threads import one_thread
from export.written import MAX_NAME, Exported, check_name, make_folder, write_instrument
from synth.contract import ConfigError
from synth.models.inverse.voices import make_voice

FAMILY, FORM = "inverse", "generator"


def export_patches(
    paths: Sequence[str | Path],
    *,
    form: str | None = None,
    format: str = "onnx",
    out: str | Path | None = None,
    name: str | None = None,
    on_notice: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> list[Exported]:
    """Make an instrument of patches: they are its bank, and it begins with the first one.

    Args:
        paths: of the patches, all of one voice.
        form, format: as of `export.export_model.export_model`; only a generator in ONNX is made.
        out: folder, by default that of the first patch; created if missing.
        name: of the instrument and its file, by default that of the patch, or of the voice where
            there are several.
        on_notice: not used.
        options: settings of the form, by name; None: the default.

    Raises:
        ConfigError: a form, format or option isn't for patches; two patches have one name, or are
            of two voices.
        DataError: a file isn't a patch, or the folder can't be written.
        ModelFileError: the export doesn't play what the voice does.
    """
    if form not in (None, FORM):
        raise ConfigError(f"patches are exported as {FORM}, not as {form}; leave --as out")
    chosen = EXPORT[FAMILY].form(FAMILY, FORM)
    if format not in (*chosen.formats, ALL_FORMATS):
        raise ConfigError(f"patches are exported as {', '.join(chosen.formats)}, not as {format}")
    rate = options.pop(VOICE_RATE.name, None)
    if rate is not None:
        VOICE_RATE.check(rate)
    for key, value in options.items():
        if value is not None:
            flag = "--" + key.replace("_", "-")
            raise ConfigError(f"{flag} {value} is not an option for patches; leave it out")
    if name:
        check_name(name)
    patches = read_patches([Path(path) for path in paths])
    name = name or (_as_name(patches[0].name) if len(patches) == 1 else patches[0].voice)
    folder = Path(paths[0]).resolve().parent if out is None else Path(out)
    make_folder(folder)
    voice = make_voice(patches[0].voice)
    with one_thread():
        made = voice_onnx(voice, patches, name, rate or VOICE_RATE.default, {})
    return [write_instrument(folder / f"{name}{SUFFIXES['onnx']}", *made)]


def _as_name(patch: str) -> str:
    """The name of a patch as that of a file."""
    return re.sub(r"[^\w .-]", "_", patch).strip(" .")[:MAX_NAME] or "patch"
