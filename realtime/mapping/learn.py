"""`Learner`: waits for the next thing that moves, and binds it to a control."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from realtime.mapping.control_map import Binding, ControlMap
from realtime.mapping.relative import RECOGNISE, Recognition
from realtime.namespace.address import is_within
from realtime.namespace.sources import Source

# Controllers that change what other messages mean: banks, data entry, parameter numbers.
_NOT_LEARNT = (0, 32, 6, 38, *range(96, 102))
_MIDI_MAXIMUM = 127.0


@dataclass
class Learner:
    """At most one control waits. `binding` is bound to what moves next, with its source left open.

    A controller of 14 bits shows as one of 7 bits first, and right after it as its lower half:
    then what was learnt is made one of 14. An endless encoder whose encoding is not known is
    learnt as soon as it was turned both ways.
    """

    binding: Binding | None = None
    _learnt: Binding | None = None
    _turned: dict[Source, Recognition] = field(default_factory=dict)

    def arm(self, binding: Binding | None) -> None:
        """Wait for a source, or for none any more."""
        self.binding, self._learnt = binding, None
        self._turned.clear()

    def offer(self, source: Source, position: float) -> Binding | None:
        """What is learnt from a movement, if anything."""
        if self.binding is None:
            return self._widened(source)
        if source.kind == "cc14" or (source.kind == "cc" and source.number in _NOT_LEARNT):
            return None
        if self.binding.relative:
            return self._encoder(self.binding, source, position)
        span = (0.0, 1.0)
        if source.kind == "osc" and abs(position) > 1:
            span = (0.0, _MIDI_MAXIMUM if position > 0 else -1.0)
        learnt = replace(self.binding, source=source, span=span)
        self.binding, self._learnt = None, learnt
        return learnt

    def _encoder(self, binding: Binding, source: Source, position: float) -> Binding | None:
        if source.kind != "cc":
            return None
        encoding = binding.relative
        if encoding == RECOGNISE:
            turned = self._turned.setdefault(source, Recognition())
            encoding = turned.take(round(_MIDI_MAXIMUM * position))
        if not encoding:
            return None
        self.arm(None)
        return replace(binding, source=source, relative=encoding)

    def _widened(self, source: Source) -> Binding | None:
        learnt = self._learnt
        if learnt is None or source.kind == "cc14":
            return None
        upper = learnt.source
        self._learnt = None
        if upper.kind != "cc" or not isinstance(upper.number, int) or upper.number > 31:
            return None
        if source == upper:
            self._learnt = learnt
            return None
        if source != upper._replace(number=upper.number + 32):
            return None
        return replace(learnt, source=upper._replace(kind="cc14"))


def with_learnt(mapping: ControlMap, binding: Binding) -> ControlMap:
    """A map in which the binding's control has this source alone, and the source this control."""
    source = binding.source
    stale = {source, source._replace(channel=0)}
    if source.kind == "cc14" and isinstance(source.number, int):
        stale |= {s._replace(kind="cc", number=n) for s in stale
                  for n in (source.number, source.number + 32)}  # fmt: skip
    kept = [b for b in mapping.bindings if b.target != binding.target and b.source not in stale]
    return replace(mapping, bindings=(*kept, binding))


def without(mapping: ControlMap, target: str) -> tuple[ControlMap, int]:
    """A map in which nothing moves a control, or any element of it; and how many did."""
    kept = tuple(b for b in mapping.bindings if not is_within(b.target, target))
    return replace(mapping, bindings=kept), len(mapping.bindings) - len(kept)
