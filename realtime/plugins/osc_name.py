"""`osc_name`: a plugin's name in addresses."""

from __future__ import annotations

from realtime.namespace.namespace import RESERVED
from synth.contract import Manifest


def osc_name(manifest: Manifest) -> str:
    """An instrument's name as a part of OSC addresses: at most 32 lower-case letters, digits and
    underscores; without any of these, the name of its model family. A name with which other
    addresses begin is followed by `_1`, so that an instrument may be called "timbre"."""
    kept = "".join(c if c.isascii() and c.isalnum() else "_" for c in manifest.name.lower())
    name = kept.strip("_")[:32] or manifest.family
    return f"{name}_1" if name in RESERVED else name
