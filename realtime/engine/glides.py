"""`Glides`: the steps of all controls that are on their way to a value.

The steps come a hundred times a second, at samples of the engine's own clock. So there are as many
of them whichever way the event came, and a replay makes the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from realtime.namespace.address import Address, element_of
from realtime.namespace.event import NOW, Event
from realtime.namespace.glide import MAX_SECONDS
from synth.contract import Control
from synth.contract.curves import BENT, WHOLE, position_of, value_at

STEPS_PER_SECOND = 100

Found = tuple[Control, Sequence[float]]  # a control and its current values


@dataclass
class _Element:
    """One number on its way, from sample `begin` to sample `finish`."""

    start: float
    end: float
    begin: int
    finish: int
    control: Control
    ends: tuple[float, float]  # of its range

    def at(self, sample: int) -> float:
        if sample >= self.finish:
            return self.end
        share = (sample - self.begin) / (self.finish - self.begin)
        curve, exponent = self.control.curve, self.control.exponent
        if curve in BENT:
            first, last = (
                position_of(curve, exponent, *self.ends, value) for value in (self.start, self.end)
            )
            return float(value_at(curve, exponent, *self.ends, first + (last - first) * share))
        straight = "linear" if self.start <= 0 else curve
        return float(value_at(straight, exponent, self.start, self.end, share))


@dataclass
class _Glide:
    """A control with the elements that are on their way."""

    size: int
    moving: dict[int, _Element] = field(default_factory=dict)


class Glides:
    """All glides that are under way; false when there are none.

    Args:
        sample_rate: Hz.
        find: returns the control at an address and its current values, or None.

    Attributes:
        step: samples from one step to the next.
    """

    def __init__(self, sample_rate: int, find: Callable[[str], Found | None]) -> None:
        self.step = max(1, sample_rate // STEPS_PER_SECOND)
        self._rate, self._find = sample_rate, find
        self._glides: dict[str, _Glide] = {}

    def __bool__(self) -> bool:
        return bool(self._glides)

    def begin(self, now: int, address: str, value: Sequence[float]) -> list[Event]:
        """Start a glide.

        Args:
            now: sample at which it starts.
            address: of a control or one of its elements.
            value: seconds, then the goal of each element.

        Returns:
            The event to apply at once where no glide is possible: there is nothing between two
            whole numbers, and a glide to an address without a control has no known start. Else
            nothing.

        Raises:
            ValueError: too few or too many numbers.
        """
        if len(value) < 2:
            raise ValueError("needs seconds and values")
        seconds, end = value[0], value[1:]
        head, index = _split(address)
        found = self._find(head)
        if found is None or found[0].curve in WHOLE or seconds <= 0:
            self.forget(address)
            return [Event(NOW, address, tuple(end))]
        control, values = found
        whole = index is None
        first = index or 0
        if first >= control.size or len(end) != (control.size if whole else 1):
            raise ValueError("not as many numbers as elements")
        glide = self._glides.setdefault(head, _Glide(control.size))
        finish = now + max(1, round(min(seconds, MAX_SECONDS) * self._rate))
        for i, wanted in enumerate(end, first):
            bounded = min(max(wanted, control.minimum[i]), control.maximum[i])
            ends = (control.minimum[i], control.maximum[i])
            start = float(values[i])
            if control.curve in BENT:
                start = min(max(start, ends[0]), ends[1])
            glide.moving[i] = _Element(start, bounded, now, finish, control, ends)
        return []

    def forget(self, address: str) -> None:
        """End the glide of a control, or of an element, where it is: somebody else has moved it."""
        if self._glides.pop(address, None) is None:
            head, index = _split(address)
            glide = self._glides.get(head)
            if glide is not None and index is not None:
                glide.moving.pop(index, None)
                if not glide.moving:
                    del self._glides[head]

    def steps(self, now: int) -> list[Event]:
        """The events that bring everything under way to its value at sample `now`; glides that have
        arrived are forgotten."""
        events = []
        for address, glide in list(self._glides.items()):
            values = {i: element.at(now) for i, element in glide.moving.items()}
            if len(values) == glide.size:
                whole = tuple(values[i] for i in range(glide.size))
                events.append(Event(NOW, address, whole))
            else:
                events += [Event(NOW, element_of(address, i), (v,)) for i, v in values.items()]
            glide.moving = {i: e for i, e in glide.moving.items() if now < e.finish}
            if not glide.moving:
                del self._glides[address]
        return events


def _split(address: str) -> tuple[str, int | None]:
    """The control's address and the element's index; for any other address, itself and None."""
    parsed = Address.match(address)
    if parsed is None or not parsed.is_element:
        return address, None
    return parsed.whole, parsed.element
