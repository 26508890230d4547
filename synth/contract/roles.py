"""Roles of controls: they say who moves a control, so that no host has to go by its name.

A control with the role "" is a fader: people, maps and messages move it, nothing else does.
"""

from __future__ import annotations

NOTE, PROGRAM, EXPRESSION, TRANSPORT, NOBODY = "note", "program", "expression", "transport", ""

# The mover of a control with this role, and the control's meaning.
ROLES: dict[str, tuple[str, str]] = {
    "": (NOBODY, "a fader"),
    "gate": (NOTE, "1 while a note is held, then 0"),
    "key": (NOTE, "MIDI key of the note"),
    "velocity": (NOTE, "velocity of the note, 0 … 1"),
    "sound": (PROGRAM, "index into the manifest's sounds; a note keeps the one it began with"),
    "bend": (EXPRESSION, "semitones on top of the key, from the pitch wheel or the note's own"),
    "pressure": (EXPRESSION, "pressure on the key or the channel, 0 … 1"),
    "timbre": (EXPRESSION, "the third dimension of MPE, controller 74"),
    "tempo": (TRANSPORT, "beats a minute"),
    "beat": (TRANSPORT, "beats since the start of the song"),
    "latent": (NOBODY, "offsets along the axes of a latent space, the largest first"),
    "place": (
        NOBODY,
        "0: latent is an offset from the sound that plays; 1: the place itself",
    ),
    "loudness": (NOBODY, "how loud the material plays; pressure moves it unless told otherwise"),
    "brightness": (NOBODY, "how bright it sounds; timbre moves it unless told otherwise"),
    "transpose": (NOBODY, "semitones added to the key of every note"),
    "loop": (NOBODY, "whether held notes go round; its maximum lets every sound last"),
    "mix": (NOBODY, "from the dry input, 0, to the effect's output, 1"),
    "morph": (
        NOBODY,
        "from the sound's own, 0, to another one, 1; timbre moves it unless told otherwise",
    ),
    "seed": (NOBODY, "of a voice's noise, which begins anew with every note and every change"),
}

ROLES_SINCE_FORMAT_3 = frozenset(("place",))
ROLES_SINCE_FORMAT_4 = frozenset(("morph",))

# Roles whose value a note takes at its start and keeps to its end, even if the control moves.
KEPT_BY_NOTES = frozenset(role for role, (mover, _) in ROLES.items() if mover in (NOTE, PROGRAM))


def mover(role: str) -> str:
    """The mover of a control with this role: one of the five constants of this module."""
    return ROLES[role][0]


def role_of_name(name: str) -> str:
    """The role of a control in a file of format 1, in which some names stood for a role."""
    if name == "pitch":
        return "transpose"
    newer = ROLES_SINCE_FORMAT_3 | ROLES_SINCE_FORMAT_4
    return name if name in ROLES and name not in newer else ""
