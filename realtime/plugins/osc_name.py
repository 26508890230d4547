"""`osc_name`: what a plugin is called in addresses."""

from __future__ import annotations

from synth.contract import Manifest


def osc_name(manifest: Manifest) -> str:
    """A name that is good in an OSC address: lower-case letters, digits, underscores."""
    kept = "".join(c if c.isascii() and c.isalnum() else "_" for c in manifest.name.lower())
    return kept.strip("_")[:32] or manifest.family
