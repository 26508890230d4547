"""The notice beside rendered recordings: their licence, and how they were made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from synth.contract import DataError
from training.recipes.soundfont import SOUNDFONT, fluidsynth_version

LICENSE = """\
These recordings are rendered from FluidR3_GM.sf2, the Fluid (R3) General MIDI SoundFont by
Frank Wen, 2000-2002, 2008, with the program FluidSynth. The soundfont is distributed under the
MIT licence; so are these recordings. provenance.json says with what they were made.
"""


def require_new_folder(out: Path) -> None:
    """Raise `DataError` unless `out` is missing or an empty folder."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: is not an empty folder; name a new one")


def write_provenance(out: Path, font: Path, command: str, made: Mapping[str, object]) -> None:
    """Write `provenance.json` and, of FluidR3, `LICENSE.txt` into the folder `out`.

    Args:
        out: folder of the recordings.
        font: the soundfont, whose name and digest are written.
        command: that renders the same recordings again.
        made: further facts, JSON-ready.
    """
    with font.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    facts = {**made, "soundfont": font.name, "soundfont_sha256": digest}
    facts |= {"fluidsynth": fluidsynth_version(), "command": command}
    (out / "provenance.json").write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    if font.name == SOUNDFONT:
        (out / "LICENSE.txt").write_text(LICENSE, "utf-8")
