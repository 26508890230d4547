"""The rated instruments under the names that recordings and ratings give them."""

from __future__ import annotations

import re

# Abbreviations are those of TinySOL's files and of scores.
ALIASES: dict[str, tuple[str, ...]] = {
    "Alto-Sax": ("alto saxophone", "sax alto", "saxophone", "sax", "ASax", "alto saxophone Eb"),
    "Bassoon": ("Bn", "Bsn", "fagott"),
    "Clarinet-Bb": (
        "clarinet",
        "Bb clarinet",
        "B flat clarinet",
        "clarinet in Bb",
        "clarinet in B flat",
        "ClBb",
        "Cl",
    ),
    "English-Horn": ("cor anglais", "EH"),
    "Flute": ("Fl", "concert flute", "transverse flute"),
    "French-Horn": ("horn", "horn in F", "horn F", "F horn", "Hn"),
    "Oboe": ("Ob",),
    "Piano": ("grand piano", "acoustic piano", "acoustic grand piano", "pianoforte", "Pno"),
    "Tenor-Trombone": ("trombone", "Tbn"),
    "Trumpet-C": ("trumpet", "C trumpet", "trumpet in C", "TpC", "Tpt"),
    "Violin": ("Vn", "Vln"),
    "Violoncello": ("cello", "Vc", "Vcl"),
}


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


_KNOWN = {_plain(alias): name for name, known in ALIASES.items() for alias in (name, *known)}
_NUMBER = re.compile(r"(acoustic)?\d+$")  # violin 2, NSynth's flute_acoustic_002


def canonical(name: str) -> str:
    """The name by which two spellings of one instrument are the same.

    Case, spaces, dashes and underscores don't matter, nor does a number at the end, and an alias is
    the instrument that it stands for.

    >>> canonical("alto_sax"), canonical("Cello 2"), canonical("flute_acoustic_002")
    ('Alto-Sax', 'Violoncello', 'Flute')
    >>> canonical("Bass Tuba") == canonical("bass_tuba")
    True
    """
    plain = _plain(name)
    without = _NUMBER.sub("", plain)
    return _KNOWN.get(plain) or _KNOWN.get(without) or without or plain
