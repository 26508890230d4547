"""The banks of patches that come with synth, one for each voice."""

from __future__ import annotations

from pathlib import Path

from synth.contract import ConfigError
from synth.models.inverse.voices import Patch

FOLDER = Path(__file__).parent / "patches"


def bank_of(voice: str) -> tuple[Patch, ...]:
    """The bundled patches of a voice, in the order of their files' names; may be empty.

    Args:
        voice: its name.

    Raises:
        DataError: a file isn't a patch.
    """
    return read_patches(sorted((FOLDER / voice).glob("*.json")))


def read_patches(paths: list[Path]) -> tuple[Patch, ...]:
    """Patches of one voice from their files.

    Args:
        paths: of the files.

    Raises:
        DataError: a file can't be read or isn't a patch; the message names it.
        ConfigError: two patches have one name, or are of two voices.
    """
    patches: list[Patch] = []
    for path in paths:
        patch = Patch.read(path)
        first = patches[0] if patches else patch
        if patch.voice != first.voice:
            raise ConfigError(
                f"{path}: a patch of the voice {patch.voice}, but {paths[0]} is of {first.voice};"
                " an instrument has one voice"
            )
        if patch.name in {other.name for other in patches}:
            raise ConfigError(
                f"{path}: a patch before it is called {patch.name!r}, too; give one of them another"
                " name in its file"
            )
        patches.append(patch)
    return tuple(patches)
