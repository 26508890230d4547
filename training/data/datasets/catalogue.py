"""The archives that sets of sounds come from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Archive:
    """A published `.tar.gz`.

    Attributes:
        file: its name; base: address of its folder.
        size: bytes; sha256: hexadecimal, "" where its publisher states none.
        about: what it holds; licence: of what it holds.
    """

    file: str
    base: str
    size: int
    sha256: str
    about: str
    licence: str


SPEECH_COMMANDS = Archive(
    file="speech_commands_v0.02.tar.gz",
    base="https://storage.googleapis.com/download.tensorflow.org/data",
    size=2_428_923_189,
    sha256="af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    about="Speech Commands v0.02, words of one second (Warden 2018, arXiv 1804.03209)",
    licence="CC BY 4.0, Google",
)

# Magenta states neither digest nor exact size; it is some 20 GB.
NSYNTH_TRAIN = Archive(
    file="nsynth-train.jsonwav.tar.gz",
    base="https://storage.googleapis.com/magentadata/datasets/nsynth",
    size=0,
    sha256="",
    about="NSynth, notes of four seconds (Engel et al. 2017, arXiv 1704.01279)",
    licence="CC BY 4.0, Google",
)
