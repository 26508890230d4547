"""`Sounds`: finds sounds by their names instead of their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from synth.contract import ProtocolError


class Sounds:
    """The sounds of all instruments of a rack.

    Args:
        names: the names of the sounds by instrument, in the order of their numbers.
    """

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self._names = {plugin: tuple(known) for plugin, known in names.items() if known}

    def number(self, name: str, plugin: str = "") -> int:
        """The number of a sound.

        Args:
            name: of the sound, in upper or lower case.
            plugin: the instrument; "" for all that have the sound.

        Raises:
            ProtocolError: no instrument has it, or several do, at different numbers.
        """
        asked = {plugin: self._names.get(plugin, ())} if plugin else self._names
        folded = {p: [known.casefold() for known in names] for p, names in asked.items()}
        found = {p: names.index(name.casefold()) for p, names in folded.items()
                 if name.casefold() in names}  # fmt: skip
        if not found:
            raise ProtocolError(f"no sound is called {name[:64]!r}; {self._listed()}")
        if len(set(found.values())) > 1:
            places = ", ".join(f"/{p}/sound {number}" for p, number in found.items())
            raise ProtocolError(f"{name[:64]!r} has several numbers; use one of {places}")
        return next(iter(found.values()))

    def require_program(self, number: float) -> None:
        """Raise `ProtocolError` if instruments have named sounds, but none has this number."""
        if self._names and not any(number < len(names) for names in self._names.values()):
            raise ProtocolError(f"no instrument has a sound {number:g}; {self._listed()}")

    def having(self, number: float) -> list[str]:
        """The instruments that have a sound of this number."""
        return [plugin for plugin, names in self._names.items() if number < len(names)]

    def names(self, plugin: str) -> tuple[str, ...]:
        """The names of an instrument's sounds, in the order of their numbers; may be empty."""
        return self._names.get(plugin, ())

    def name(self, plugin: str, number: float) -> str:
        """The name of an instrument's sound, or "" if it has none."""
        names = self.names(plugin)
        return names[int(number)] if 0 <= number < len(names) else ""

    def _listed(self) -> str:
        lists = [
            f"{plugin} has {', '.join(f'{i} {n}' for i, n in enumerate(names))}"
            for plugin, names in self._names.items()
        ]
        return "; ".join(lists)[:400] or "no instrument here has named sounds"
