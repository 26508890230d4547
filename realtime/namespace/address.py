"""`Address`: the name of a control, of one element, or of what moves it besides.

    /<plugin>/<control>
    /<plugin>/<control>/<i>
    /<plugin>/<control>[/<i>]/<modulation>

It is taken apart and put together here alone. Macros and pads have such addresses too, `/macro/x`
and `/pad/y/0`; whether anything has an address is for the `Namespace` to say.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from synth.contract import ProtocolError
from synth.contract.control import MAX_SIZE

# Behind the address of a control of one element, or of one element: what moves it besides.
MODULATIONS = ("pressure", "timbre", "sync")
MAX_CHARACTERS = 128  # the longest one has 115; what is longer never gets into the cache
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
    """What an event is about. Its text is `str(address)`, or `text`, which costs nothing the second
    time.

    Args:
        plugin: 1 to 64 letters, digits, '_', '-' or '.', the first one a letter or digit.
        control: name of one of its controls, see `Control`.
        element: index from 0 to 4095, or None for all of the control.
        modulation: one of `MODULATIONS`, or "" for the control itself.

    Raises:
        ProtocolError: a part is none of these.
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
        """The address of a text, or None where it is no such address. Cached: this runs for every
        event.

        Args:
            text: anything; the index of an element may have zeros before it, up to four digits.
        """
        return _match(text) if len(text) <= MAX_CHARACTERS else None

    @staticmethod
    def parse(text: str) -> Address:
        """The address of a text.

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
        """Whether it is one element of a control, and nothing that moves it besides."""
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
    """The text of an element's address. Not checked, for it is made a hundred times a second.

    Args:
        control: the text of the control's address; index: from 0.
    """
    return f"{control}/{index}"


def parts_of(text: str) -> tuple[str, ...]:
    """The names between the slashes of any OSC address, from the first one on."""
    return tuple(text.split("/")[1:])


def is_within(text: str, container: str) -> bool:
    """Whether any OSC address is another one, or lies below it."""
    return text == container or text.startswith(container + "/")


def split_last(text: str) -> tuple[str, str]:
    """The container of any OSC address, and the last name; the root is ""."""
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
