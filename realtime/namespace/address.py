"""`Address`: the address of a control, of one of its elements, or of a modulation of either.

    /<plugin>/<control>
    /<plugin>/<control>/<i>
    /<plugin>/<control>[/<i>]/<modulation>

Only this module takes addresses apart and puts them together. Macros and pads have such addresses,
too: `/macro/x` and `/pad/y/0`. The `Namespace` knows which addresses exist.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from synth.contract import ProtocolError
from synth.contract.control import MAX_SIZE

# Added to the address of an element, or of a control that has only one: what else moves it.
MODULATIONS = ("pressure", "timbre", "sync")
MAX_CHARACTERS = 128  # the longest address has 115; longer texts never get into the cache
_CACHED = 4_096
_PLUGIN = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
_CONTROL = r"[a-z][a-z0-9_]{0,31}"  # as `Control.name`
_ELEMENT = r"[0-9]{1,4}"
_WHOLE = re.compile(
    rf"/({_PLUGIN})/({_CONTROL})(?:/({_ELEMENT}))?(?:/({'|'.join(MODULATIONS)}))?", re.ASCII
)
_PLUGIN_NAME, _CONTROL_NAME = re.compile(_PLUGIN), re.compile(_CONTROL)


@dataclass(frozen=True)
class Address:
    """The address of a control, an element or a modulation, in its parts.

    Its text is `str(address)`, or `text`, which is computed only once.

    Args:
        plugin: 1 to 64 letters, digits, '_', '-' or '.', the first one a letter or digit.
        control: name of one of its controls, see `Control`.
        element: index, 0 … 4095, or None for the whole control.
        modulation: one of `MODULATIONS`, or "" for the control itself.

    Raises:
        ProtocolError: a part is malformed or out of range.
    """

    plugin: str
    control: str
    element: int | None = None
    modulation: str = ""

    def __post_init__(self) -> None:
        if not is_plugin_name(self.plugin):
            raise ProtocolError(
                f"plugin name {self.plugin[:80]!r} can't be in an address; use up to 64 letters,"
                " digits, '_', '-' or '.'"
            )
        if not _CONTROL_NAME.fullmatch(self.control):
            raise ProtocolError(
                f"control name {self.control[:80]!r} can't be in an address; use a lower-case"
                " identifier of at most 32 characters"
            )
        if self.element is not None and not 0 <= self.element < MAX_SIZE:
            raise ProtocolError(f"element {self.element} is not in 0 … {MAX_SIZE - 1}")
        if self.modulation and self.modulation not in MODULATIONS:
            raise ProtocolError(
                f"modulation {self.modulation[:80]!r} is none of {', '.join(MODULATIONS)}"
            )

    @staticmethod
    def match(text: str) -> Address | None:
        """Parse a text; None if it is no such address. Cached: this runs for every event.

        Args:
            text: anything; an element's index has up to four digits, with zeros in front or not.
        """
        return _match(text) if len(text) <= MAX_CHARACTERS else None

    @staticmethod
    def parse(text: str) -> Address:
        """Parse a text.

        Args:
            text: see `match`.

        Raises:
            ProtocolError: it is no such address.
        """
        address = Address.match(text)
        if address is None:
            raise ProtocolError(
                f"{text[:80]!r} is no address of a control; it needs the form"
                " /<plugin>/<control>, then if wanted /<i> (from 0) and one of "
                + ", ".join(f"/{name}" for name in MODULATIONS)
            )
        return address

    def __str__(self) -> str:
        return self.text

    @functools.cached_property
    def is_element(self) -> bool:
        """Whether it is one element of a control, and not a modulation of it."""
        return self.element is not None and not self.modulation

    @functools.cached_property
    def whole(self) -> str:
        """The text of the control's own address, without element and modulation."""
        return f"/{self.plugin}/{self.control}"

    @functools.cached_property
    def modulated(self) -> str:
        """The text of the control or element that a modulation moves."""
        return self.whole if self.element is None else element_of(self.whole, self.element)

    @functools.cached_property
    def text(self) -> str:
        """The address as it is sent, without zeros before the index."""
        return f"{self.modulated}/{self.modulation}" if self.modulation else self.modulated


def is_plugin_name(name: str) -> bool:
    """Whether a name can be the first part of an address."""
    return _PLUGIN_NAME.fullmatch(name) is not None


def element_of(control: str, index: int) -> str:
    """The text of an element's address. Not checked, because this runs a hundred times a second.

    Args:
        control: the text of the control's address.
        index: from 0.
    """
    return f"{control}/{index}"


def parts_of(text: str) -> tuple[str, ...]:
    """The names between the slashes of any OSC address."""
    return tuple(text.split("/")[1:])


def is_within(text: str, container: str) -> bool:
    """Whether an OSC address equals `container` or lies below it."""
    return text == container or text.startswith(container + "/")


def split_last(text: str) -> tuple[str, str]:
    """Split any OSC address into its container and its last name; the root is ""."""
    container, _, name = text.rpartition("/")
    return container, name


@functools.lru_cache(_CACHED)
def _match(text: str) -> Address | None:
    found = _WHOLE.fullmatch(text)
    if found is None:
        return None
    plugin, control, element, modulation = found.groups()
    if element is not None and int(element) >= MAX_SIZE:
        return None
    return Address(plugin, control, None if element is None else int(element), modulation or "")
