"""Warnings about input that was not played as it was meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def unplayed(stats: Mapping[str, Any]) -> list[str]:
    """One sentence for each kind of notes, programs and bends that the rack could not play.

    Args:
        stats: counters of the engine.
    """
    said = []
    notes, channel = int(stats.get("unheard_notes", 0)), int(stats.get("unheard_channel", 0))
    if notes:
        where = f" (the last one on channel {channel})" if channel else ""
        said.append(
            f"{notes} notes were not played, because no instrument hears them{where};"
            f" --channel NAME={channel or 'all'} or /NAME.part/channels changes that"
        )
    programs = int(stats.get("unknown_programs", 0))
    if programs:
        said.append(
            f"{programs} program changes were ignored, because there is no such sound; synth info"
            " lists the sounds"
        )
    if stats.get("limited_bends"):
        said.append(
            "a note was bent farther than its instrument can be; synth info tells how far that is"
        )
    return said
