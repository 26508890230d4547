"""`Surface`: the faders and buttons that a generated client has."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.namespace.address import Address, element_of, split_last

SWEEP = 0.3  # of a fader's range, in the phrase that the clients play


@dataclass(frozen=True)
class Fader:
    """One number that can be set.

    Args:
        address: the number is sent to it; minimum, maximum, default: in the control's unit.
        whole: whether only whole numbers are valid; text: its description.
    """

    address: str
    minimum: float
    maximum: float
    default: float
    whole: bool = False
    text: str = ""

    @property
    def name(self) -> str:
        """The last part of the address; for an element, with its control: `latent/0`."""
        address = Address.match(self.address)
        if address is None:  # a global address
            return split_last(self.address)[1]
        name = split_last(address.whole)[1]
        return name if address.element is None else element_of(name, address.element)

    @property
    def label(self) -> str:
        """The address without its first slash."""
        return self.address[1:]

    @property
    def sweep(self) -> tuple[float, float]:
        """Two ends of a movement that can be heard: the default, and 30 % of the range above it (or
        below it, if there is no room above)."""
        step = SWEEP * (self.maximum - self.minimum)
        far = self.default + step if self.default + step <= self.maximum else self.default - step
        return float(self.default), float(round(far, 6))


@dataclass(frozen=True)
class Surface:
    """The contents of a client.

    Args:
        name: of the instrument; host, port: where it receives OSC.
        faders: at least one; buttons: addresses that need no number.
    """

    name: str
    host: str
    port: int
    faders: tuple[Fader, ...]
    buttons: tuple[str, ...]

    @property
    def mover(self) -> Fader:
        """The fader that moves in the phrase."""
        return next((f for f in self.faders if not f.whole), self.faders[0])


def number(value: float) -> str:
    """A number in the shortest form that every language reads: 0.5, 12, -80."""
    text = f"{value:.9g}"
    return f"{value:.9f}".rstrip("0").rstrip(".") if "e" in text else text
