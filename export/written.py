"""Instrument files on the disk: their names, their folder, and what is told of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from synth.contract import ConfigError, DataError, Manifest, MatcherManifest, write_bytes

MAX_NAME = 64
_FILE_NAME = re.compile(r"[\w-][\w .-]*")


@dataclass(frozen=True)
class Exported:
    """One file written.

    Attributes:
        path: where it lies.
        size: in bytes.
        manifest: as it stands in the file.
    """

    path: Path
    size: int
    manifest: Manifest | MatcherManifest

    @property
    def difference(self) -> str:
        """How far the file is from the trained model, in words."""
        told = self.manifest.provenance
        if "codes_differing" in told:
            bits = told["bits_per_sample"]
            return (
                f"draws another sample than the model in {100 * told['codes_differing']:.1f} % of"
                f" all places, {bits['int8'] - bits['fp32']:+.4f} bits per sample"
            )
        if told.get("weights") == "fp16":
            return (
                f"differs from the model by {told['parity']:.1e} of {self._whole}, nearly all of it"
                f" as its weights are rounded to fp16 (by {told['graph_parity']:.1e} without that)"
            )
        noise = f", {told['snr_db']:g} dB below its sound" if "snr_db" in told else ""
        return f"differs from the model by {told.get('parity', 0.0):.1e}{noise}"

    @property
    def _whole(self) -> str:
        """The unit of the difference."""
        proposes = isinstance(self.manifest, MatcherManifest)
        return "a parameter's range" if proposes else "full scale"


def check_name(name: str) -> None:
    """Raise `ConfigError` unless an instrument's name can be that of a file."""
    if len(name) > MAX_NAME or not _FILE_NAME.fullmatch(name):
        raise ConfigError(
            f"--name is {name!r:.80}; it names files: at most {MAX_NAME} letters, digits, spaces,"
            " '.', '_', '-', and no '.' in front"
        )


def make_folder(folder: Path) -> None:
    """Make a folder where there is none.

    Raises:
        DataError: it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder}: can't be made ({error.strerror}); choose another --out"
        ) from None


def write_instrument(path: Path, data: bytes, manifest: Manifest | MatcherManifest) -> Exported:
    """Write an instrument file.

    Args:
        path: where; what was there stays whole if that fails.
        data: its content.
        manifest: as it stands in the content.
    """
    write_bytes(path, data)
    return Exported(path, len(data), manifest)
