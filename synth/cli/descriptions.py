"""Help texts of flags, taken from the docstring of a config class."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from typing import Any


def descriptions(cls: type[Any]) -> dict[str, str]:
    """The description of each field of a dataclass, from the Args of its docstring.

    An entry is `name: text`, `one, other: text` or several of these after one another, as in
    `one: text; other: text`. A class that inherits fields inherits their descriptions.

    Args:
        cls: the dataclass.

    Returns:
        By name of a field, a sentence with a capital and a full stop; fields without an entry are
        left out.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Cup:
    ...     '''A cup.
    ...
    ...     Args:
    ...         height: in cm; width: at its rim,
    ...             in cm.
    ...     '''
    ...
    ...     height: float = 9.0
    ...     width: float = 7.0
    >>> descriptions(Cup)
    {'height': 'In cm.', 'width': 'At its rim, in cm.'}
    """
    known = "|".join(f.name for f in fields(cls))
    begin = rf"(?:^|(?<=[;.] ))((?:(?:{known}), )*(?:{known})): "
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        for entry in _entries(base):
            parts = re.split(begin, entry)[1:]
            for names, text in zip(parts[::2], parts[1::2], strict=True):
                said = text.strip().rstrip(";.")
                found |= {name: f"{said[:1].upper()}{said[1:]}." for name in names.split(", ")}
    return found


def _entries(cls: type[Any]) -> list[str]:
    """The entries of a docstring's Args, each on one line."""
    _, found, rest = (inspect.cleandoc(cls.__doc__ or "") + "\n").partition("\nArgs:\n")
    if not found:
        return []
    body = re.split(r"\n(?=\S)", rest)[0]
    return [" ".join(entry.split()) for entry in re.split(r"\n(?= {4}\S)", body) if entry.strip()]
