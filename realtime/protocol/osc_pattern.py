"""Matches address patterns (`?`, `*`, `[a-z]`, `[!ab]`, `{this,that}`, `//`) with all addresses.

A pattern is never turned into a regular expression. All addresses lie side by side in one row of
bits, one bit for each place between two characters. The set of places that the pattern can have
reached is one number, and each token of the pattern moves all of them by a few operations on it.
So the work is at most the length of the pattern times the length of the row, for every pattern.

    *   from each place to the end of its part: guard bits G behind the parts stop the borrow of
        (G - S) | S, which sets all bits from the lowest one in S up to the guard
    //  the same with guards behind whole addresses, and then on to the beginnings of parts
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from synth.contract import ProtocolError

MAX_PATTERN = 1_024  # characters
MAX_SIGNS = 64  # wildcards
MAX_ALTERNATIVES = 128

_WILD = re.compile(r"[*?\[\]{}]|//")
# Splits a pattern; every character is looked at once or twice, whatever follows.
_TOKENS = re.compile(r"\*+|//+|[?/]|\[[^\[\]/]*\]|\{[^{}/]*\}|[^*?/\[\]{}]+")


def is_pattern(address: str) -> bool:
    """Whether an address contains a wildcard, which makes it a pattern."""
    return _WILD.search(address) is not None


class AddressBook:
    """Addresses that patterns are matched against.

    Args:
        addresses: ASCII, each of them a "/" and parts separated by "/".
    """

    def __init__(self, addresses: Iterable[str]) -> None:
        self._chars = [0] * 128  # places in front of each character; "/" is kept apart
        self._slashes = self._starts = self._ends = self._parts = self._wholes = 0
        self._at: dict[int, str] = {}
        place = 0
        for address in addresses:
            self._starts |= 1 << place
            for char in address:
                if char == "/":
                    self._slashes |= 1 << place
                    self._parts |= 1 << place + 1
                    place += 2
                else:
                    self._chars[ord(char)] |= 1 << place
                    place += 1
            self._at[place] = address
            self._ends |= 1 << place
            self._parts |= 1 << place + 1
            self._wholes |= 1 << place + 1
            place += 2
        # No place is in front of two characters, so the sum of masks is their union.
        self._below = [0]
        for mask in self._chars:
            self._below.append(self._below[-1] + mask)
        self._any = self._below[-1]

    def match(self, pattern: str) -> tuple[str, ...]:
        """The addresses that a pattern names, in their order.

        Raises:
            ProtocolError: the pattern is longer than 1 024 characters, has more than 64 wildcards
                or 128 alternatives, or a bracket without its partner.
        """
        here = self._starts
        for token in _tokens(pattern):
            here = self._step(here, token)
            if not here:
                return ()
        here &= self._ends
        found = []
        while here:
            last = here & -here
            found.append(self._at[last.bit_length() - 1])
            here ^= last
        return tuple(found)

    def _step(self, here: int, token: str) -> int:
        sign = token[0]
        if sign == "/":
            here &= self._slashes
            if len(token) > 1:
                here = (here | (self._wholes - here)) & self._slashes
            return here << 2
        if sign == "*":
            return (here | (self._parts - here)) & ~self._parts
        if sign == "?":
            return (here & self._any) << 1
        if sign == "[":
            return (here & self._class(token[1:-1])) << 1
        if sign == "{":
            there = 0
            for text in set(token[1:-1].split(",")):
                there |= self._literal(here, text)
            return there
        return self._literal(here, token)

    def _literal(self, here: int, text: str) -> int:
        chars = self._chars
        for char in text:
            here = (here & chars[ord(char)]) << 1
            if not here:
                break
        return here

    def _class(self, text: str) -> int:
        """The places in front of the characters of a class, "a-z" or "!ab". A "-" at either end
        stands for itself."""
        inverted = text.startswith("!")
        text = text[1:] if inverted else text
        mask, at = 0, 0
        while at < len(text):
            low = high = ord(text[at])
            if text[at + 1 : at + 2] == "-" and at + 2 < len(text):
                high = ord(text[at + 2])
                at += 2
            at += 1
            if low <= high:
                mask |= self._below[high + 1] - self._below[low]
        return self._any ^ mask if inverted else mask


def _tokens(pattern: str) -> list[str]:
    if len(pattern) > MAX_PATTERN:
        raise ProtocolError(
            f"a pattern of {len(pattern)} characters; up to {MAX_PATTERN} are allowed"
        )
    if len(_WILD.findall(pattern)) > 2 * MAX_SIGNS or pattern.count(",") > MAX_ALTERNATIVES:
        raise ProtocolError(
            f"a pattern with too many signs; {MAX_SIGNS} wildcards and {MAX_ALTERNATIVES}"
            " alternatives are allowed"
        )
    tokens = _TOKENS.findall(pattern)
    if sum(map(len, tokens)) != len(pattern):
        raise ProtocolError("a pattern whose brackets don't match; a part can't end inside them")
    return tokens
