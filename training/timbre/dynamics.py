"""Names of dynamics from soft to loud."""

from __future__ import annotations

import re
from collections.abc import Iterable

WORDS = ("pppp", "ppp", "pp", "p", "mp", "mf", "f", "ff", "fff", "ffff")
OTHER = ("soft", "medium", "loud")


def soft_to_loud(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once: `pp` … `ff` and `soft` … `loud` in their order, numbers by size.

    >>> soft_to_loud(["ff", "mf", "pp", "mf"]), soft_to_loud(["v100", "v25"])
    (('pp', 'mf', 'ff'), ('v25', 'v100'))
    """
    return tuple(sorted(set(names), key=_loudness))


def _loudness(name: str) -> tuple[int, float, str]:
    word = name.lower()
    for kind, words in enumerate((WORDS, OTHER)):
        if word in words:
            return kind, words.index(word), name
    number = re.search(r"\d+", word)
    return (2, float(number[0]), name) if number else (3, 0.0, name)
