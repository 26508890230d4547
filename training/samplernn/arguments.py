"""The settings that may be edited in a file while training runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from synth.contract import (
    ConfigError,
    config_from_dict,
    config_to_dict,
    read_yaml,
    require_within,
    write_bytes,
)

ARGUMENTS = "args.yaml"
ARGUMENT_RANGES: dict[str, tuple[float, float]] = {
    "length": (0.01, 3600.0),
    "num_generated": (1, 1024),
    "generate_every": (1, 100_000_000),
    "checkpoint_every": (1, 100_000_000),
}
_HEAD = "# Edit while training runs: each step looks here.\n"


@dataclass(frozen=True)
class Arguments:
    """The settings in the file; their ranges are in `ARGUMENT_RANGES`.

    Args:
        length: of generated audio in seconds.
        num_generated: number of sounds that are generated at a time.
        generate_every, checkpoint_every: steps between generated audio, between checkpoints.

    Raises:
        ConfigError: a value is out of its range.
    """

    length: float
    num_generated: int
    generate_every: int
    checkpoint_every: int

    def __post_init__(self) -> None:
        for name, (low, high) in ARGUMENT_RANGES.items():
            require_within(name, getattr(self, name), low, high)


class ArgumentsFile:
    """`args.yaml` in the folder of a run, read again whenever it changes.

    A broken edit is reported once, and the last good values stay, as they do for names that are
    left out.

    Args:
        folder: of the run.
        start: values that are written into the file.
        say: prints a line that stays.
    """

    def __init__(self, folder: Path, start: Arguments, say: Callable[[str], None]) -> None:
        self._path, self._say = folder / ARGUMENTS, say
        self._current = start
        text = yaml.safe_dump(config_to_dict(start), sort_keys=False)
        write_bytes(self._path, (_HEAD + text).encode())
        self._seen = self._stamp()

    def read(self) -> Arguments:
        """The values that apply now."""
        stamp = self._stamp()
        if stamp == self._seen:
            return self._current
        self._seen = stamp
        try:
            fresh = merged(self._current, read_yaml(self._path))
        except ConfigError as error:
            self._say(f"{_named(self._path, error)}; the last good values stay")
            return self._current
        before = asdict(self._current)
        for name, value in asdict(fresh).items():
            if value != before[name]:
                self._say(f"{self._path}: {name} is {value} now")
        self._current = fresh
        return fresh

    def _stamp(self) -> tuple[int, ...]:
        try:
            stat = self._path.stat()
        except OSError:
            return ()
        return stat.st_mtime_ns, stat.st_size, stat.st_ino


def merged(base: Arguments, values: dict[str, Any]) -> Arguments:
    """`base` with some values replaced.

    Raises:
        ConfigError: a name is unknown or a value out of its range.
    """
    return config_from_dict(Arguments, {**asdict(base), **values})


def stored_arguments(folder: Path, base: Arguments) -> Arguments:
    """The values in `args.yaml` of an earlier run; `base` where it is missing or broken."""
    try:
        return merged(base, read_yaml(folder / ARGUMENTS))
    except ConfigError:
        return base


def _named(path: Path, error: ConfigError) -> str:
    text = str(error)
    return text if str(path) in text else f"{path}: {text}"
