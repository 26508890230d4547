"""`Learner`: waits for the next source that moves, and binds it to a control."""

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
    """Gives a binding the next source that moves.

    The first message of a 14-bit controller looks like one of a 7-bit controller; if the lower half
    follows at once, the learnt binding is changed to 14 bits. An endless encoder of unknown
    encoding is learnt once it was turned both ways.

    Args:
        binding: waits for its source, which is still open; None while nothing is to be learnt.
    """

    binding: Binding | None = None
    _learnt: Binding | None = None
    _turned: dict[Source, Recognition] = field(default_factory=dict)

    def arm(self, binding: Binding | None) -> None:
        """Wait for the source of a binding; with None, stop waiting."""
        self.binding, self._learnt = binding, None
        self._turned.clear()

    def offer(self, source: Source, position: float) -> Binding | None:
        """The binding that a movement completes, or None.

        Args:
            source: what moved; position: see `Mover.moved`.
        """
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
    """The map with a binding added, and all others of its control or of its source removed."""
    source = binding.source
    stale = {source, source._replace(channel=0)}
    if source.kind == "cc14" and isinstance(source.number, int):
        stale |= {s._replace(kind="cc", number=n) for s in stale
                  for n in (source.number, source.number + 32)}  # fmt: skip
    kept = [b for b in mapping.bindings if b.target != binding.target and b.source not in stale]
    return replace(mapping, bindings=(*kept, binding))


def without(mapping: ControlMap, target: str) -> tuple[ControlMap, int]:
    """The map without the bindings of a control.

    Args:
        mapping: the map; target: address of a control (with all its elements) or of one element.

    Returns:
        The map, and how many bindings were removed.
    """
    kept = tuple(b for b in mapping.bindings if not is_within(b.target, target))
    return replace(mapping, bindings=kept), len(mapping.bindings) - len(kept)
