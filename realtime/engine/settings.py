"""`EngineSettings`, in a module of its own: asking for an engine doesn't load its libraries."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from synth.contract import ConfigError


@dataclass(frozen=True)
class EngineSettings:
    """The settings of an engine; JSON-ready.

    Args:
        instruments: files, first to last in series.
        sample_rate: of the device, Hz, 8000 … 192000.
        channels: of the device's output, 1 … 32.
        voices: notes at a time, 1 … 64.
        trust: whether TorchScript files, which are programs, may be opened.

    Raises:
        ConfigError: a number is out of its range.
    """

    instruments: tuple[str, ...] = ()
    sample_rate: int = 48_000
    channels: int = 2
    voices: int = 8
    trust: bool = False

    def __post_init__(self) -> None:
        for name, low, high in (
            ("sample_rate", 8_000, 192_000),
            ("channels", 1, 32),
            ("voices", 1, 64),
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or not low <= value <= high:
                raise ConfigError(f"{name} is {value!r}; {low} … {high} is allowed")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)
