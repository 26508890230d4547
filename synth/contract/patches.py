"""The bank of an instrument: named settings of its controls, chosen by program changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synth.contract.control import Control
from synth.contract.curves import WHOLE
from synth.contract.errors import ConfigError
from synth.contract.roles import NOBODY, mover

MAX_PATCHES = 512
MAX_PATCH_NAME = 100


@dataclass(frozen=True)
class BankPatch:
    """One setting of an instrument's controls.

    Args:
        name: for people, 1 to 100 characters, unlike that of any other patch of the instrument.
        values: of controls, by name, in their units: as many numbers as the control has elements.

    Raises:
        ConfigError: the name is no such text, or the values are not made of finite numbers.
    """

    name: str
    values: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not 0 < len(self.name) <= MAX_PATCH_NAME:
            raise ConfigError(
                f"the name {self.name!r:.50} of a patch is not a text of 1 to {MAX_PATCH_NAME}"
                " characters"
            )
        if not isinstance(self.values, Mapping):
            raise ConfigError(f"the values of patch {self.name!r:.50} are not a table")
        kept = {str(control): self._numbers(control) for control in self.values}
        object.__setattr__(self, "values", kept)

    def _numbers(self, control: str) -> tuple[float, ...]:
        found: Any = self.values[control]
        given = found if isinstance(found, Sequence) and not isinstance(found, str) else (found,)
        if not all(type(v) in (int, float) and np.isfinite(np.float64(v)) for v in given):
            raise ConfigError(
                f"patch {self.name!r:.50}: {control!r:.50} {found!r:.50} is not made of finite"
                " numbers"
            )
        return tuple(float(v) for v in given)


def check_bank(patches: Sequence[BankPatch], controls: Iterable[Control]) -> None:
    """Raise `ConfigError` unless a bank fits an instrument.

    All its patches set the same controls, none of which notes or the transport set, to values
    within their ranges.

    Args:
        patches: the bank.
        controls: of the instrument.
    """
    if len(patches) > MAX_PATCHES:
        raise ConfigError(f"a bank of {len(patches)} patches; at most {MAX_PATCHES} are allowed")
    known = {control.name: control for control in controls}
    names = [patch.name for patch in patches]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"two patches are called {twice!r:.50}; names must differ")
    for patch in patches:
        where = f"patch {patch.name!r:.50}"
        odd = sorted(set(patch.values) ^ set(patches[0].values))
        if odd or not patch.values:
            raise ConfigError(
                f"{where} must set the same controls as the first patch, at least one; see"
                f" {odd[:1]}"
            )
        for name, values in patch.values.items():
            _check_values(where, name, values, known.get(name))


def _check_values(
    where: str, name: str, values: tuple[float, ...], control: Control | None
) -> None:
    if control is None or mover(control.role) != NOBODY:
        raise ConfigError(f"{where}: {name!r:.50} is not a fader of the instrument")
    if len(values) != control.size:
        raise ConfigError(
            f"{where}: {name} has {control.size} elements, but {len(values)} numbers are given"
        )
    for low, high, value in zip(control.minimum, control.maximum, values, strict=True):
        # Compared in float32, as values arrive in the graph.
        if not np.float32(low) <= np.float32(value) <= np.float32(high):
            raise ConfigError(f"{where}: {name} {value:g} is not in {low:g} … {high:g}")
        if control.curve in WHOLE and value != round(value):
            raise ConfigError(f"{where}: {name} {value:g} is not a whole number")
