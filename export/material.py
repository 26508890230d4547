"""Recordings that an export can use; the others are named and left out, as training does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from synth.contract import DataError

NAMED = 5  # reasons in one message, at most
Made = TypeVar("Made")


def read_usable(
    files: Sequence[Path],
    read: Callable[[Path], Made],
    on_notice: Callable[[str], None] | None = None,
) -> list[Made]:
    """Read every recording that can be used.

    Args:
        files: recordings, at least one.
        read: reads one; raises `DataError` with the reason, the file in front, where it can't be
            used.
        on_notice: called with a sentence for each recording that is left out.

    Returns:
        what `read` made of the others, at least one.

    Raises:
        DataError: none can be used; the message has the reasons.
    """
    made, reasons = [], []
    for file in files:
        try:
            made.append(read(file))
        except DataError as error:
            reasons.append(str(error))
    if not made:
        named = "; ".join(reasons[:NAMED])
        more = f"; and {len(reasons) - NAMED} more" if len(reasons) > NAMED else ""
        raise DataError(f"none of {len(reasons)} recordings can be used: {named}{more}")
    for reason in reasons:
        if on_notice is not None:
            on_notice(f"left out: {reason}")
    return made
