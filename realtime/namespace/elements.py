"""The elements of controls, one number each, as maps, pads and snapshots move them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from realtime.namespace.namespace import Namespace
from synth.contract import Control

Axis = tuple[str, list[Control]]  # an address and the controls of its elements


def element(control: Control, index: int | None) -> Control:
    """One element of a control as a control of its own.

    Args:
        control: the whole.
        index: from 0; None for the only element.
    """
    i = index or 0
    return replace(
        control,
        size=1,
        minimum=(control.minimum[i],),
        maximum=(control.maximum[i],),
        default=(control.default[i],),
    )


def axes_of(addresses: Sequence[str], namespace: Namespace) -> list[Axis]:
    """The controls of the elements at some addresses.

    Args:
        addresses: of controls or elements; unknown ones are left out.
        namespace: has the controls.
    """
    axes = []
    for address in addresses:
        found = namespace.find(address)
        if found is not None:
            control, index = found
            indices = range(control.size) if index is None else (index,)
            axes.append((address, [element(control, i) for i in indices]))
    return axes
