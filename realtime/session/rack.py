"""The addresses of a rack, from what the engine says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from realtime.namespace.namespace import Namespace
from realtime.namespace.parts import with_parts
from synth.contract import BankPatch, Control, Place


def rack_namespace(plugins: Sequence[Mapping[str, Any]]) -> Namespace:
    """The addresses of the playing plugins and of their parts.

    Args:
        plugins: as the engine describes them.
    """
    return Namespace(
        with_parts(
            {
                p["name"]: (p["kind"], tuple(Control.from_dict(c) for c in p["controls"]))
                for p in plugins
            }
        ),
        {p["name"]: p["sounds"] for p in plugins},
        {p["name"]: [Place(**place) for place in p["map"]] for p in plugins},
        {p["name"]: [BankPatch(**patch) for patch in p["patches"]] for p in plugins},
    )
