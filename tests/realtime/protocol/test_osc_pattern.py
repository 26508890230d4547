"""Address patterns: the sentences of OSC 1.0 and 1.1, a slow matcher that agrees, and limits."""

from __future__ import annotations

import itertools
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.protocol.osc_pattern import MAX_ALTERNATIVES, MAX_PATTERN, AddressBook, is_pattern
from synth.contract import ProtocolError
from tests.realtime.osc_hostile import hostile

ADDRESSES = (
    "/codec/position", "/codec/latent", "/codec/latent/0", "/codec/latent/1", "/codec/latent/10",
    "/room/wet", "/room/position", "/gain", "/note/on", "/note/off", "/a-b/x_1.y",
)  # fmt: skip


@pytest.fixture(scope="module")
def book() -> AddressBook:
    return AddressBook(ADDRESSES)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/codec/position", ["/codec/position"]),
        ("/*/position", ["/codec/position", "/room/position"]),
        ("/codec/*", ["/codec/position", "/codec/latent"]),
        ("/c*c/p*n", ["/codec/position"]),
        ("/codec/latent/*", ["/codec/latent/0", "/codec/latent/1", "/codec/latent/10"]),
        ("/codec/latent/?", ["/codec/latent/0", "/codec/latent/1"]),
        ("/codec/latent/?*", ["/codec/latent/0", "/codec/latent/1", "/codec/latent/10"]),
        ("/codec/latent/[0-9]", ["/codec/latent/0", "/codec/latent/1"]),
        ("/codec/latent/[!0]", ["/codec/latent/1"]),
        ("/codec/latent/[!1-9]", ["/codec/latent/0"]),
        ("/note/o[nf]*", ["/note/on", "/note/off"]),
        ("/note/{on,off}", ["/note/on", "/note/off"]),
        ("/note/o{n,ff,}", ["/note/on", "/note/off"]),
        ("/{codec,room}/position", ["/codec/position", "/room/position"]),
        ("/a[-x]b/x_1.?", ["/a-b/x_1.y"]),
        ("/a[!-]b/*", []),
        ("/[z-a]*", []),
        ("/*", ["/gain"]),
        ("//position", ["/codec/position", "/room/position"]),
        ("//latent//*", ["/codec/latent/0", "/codec/latent/1", "/codec/latent/10"]),
        ("/codec//1", ["/codec/latent/1"]),
        ("//codec//latent", ["/codec/latent"]),
        ("//*", list(ADDRESSES)),
        ("//", []),
        ("/codec//", []),
        ("/", []),
        ("/codec/posit", []),
        ("/codec/positions", []),
        ("/codec?position", []),
        ("/codec[/]position", None),
        ("/co{dec/position}", None),
        ("/codec/[ab", None),
        ("/codec/ab]", None),
        ("/codec/{a,{b}}", None),
        ("/codec/}a", None),
    ],
)
def test_what_a_pattern_names(book: AddressBook, pattern: str, found: list[str] | None) -> None:
    """`?` matches any single character, `*` any sequence of zero or more, `[ ]` a character in it
    or, after `!`, not in it, `{ }` any of the strings in it; none of them matches "/". OSC 1.1:
    `//` enables matching across disparate branches of the address tree at any depth."""
    if found is None:
        with pytest.raises(ProtocolError, match="brackets"):
            book.match(pattern)
    else:
        assert list(book.match(pattern)) == found


def slow(pattern: str, address: str) -> bool:
    """The same by trying everything; exponential, for short patterns of valid signs."""
    if not pattern:
        return not address
    sign, rest = pattern[0], pattern[1:]
    if pattern.startswith("//"):
        after = pattern.lstrip("/")
        starts = [i + 1 for i, c in enumerate(address) if c == "/"]
        return address.startswith("/") and any(slow(after, address[i:]) for i in starts)
    if sign == "*":
        part = address.partition("/")[0]
        return any(slow(rest, address[i:]) for i in range(len(part) + 1))
    if sign == "{":
        texts, _, rest = rest.partition("}")
        return any(
            address.startswith(t) and slow(rest, address[len(t) :]) for t in texts.split(",")
        )
    if not address or (sign != "/" and address[0] == "/"):
        return False
    if sign == "?":
        return slow(rest, address[1:])
    if sign == "[":
        text, _, rest = rest.partition("]")
        found = address[0] in text.lstrip("!")
        return found != text.startswith("!") and slow(rest, address[1:])
    return sign == address[0] and slow(rest, address[1:])


PARTS = ["a", "b", "aa", "ab", "ba", "abb"]
SMALL = ["/".join(("", *parts)) for n in (1, 2, 3) for parts in itertools.product(PARTS, repeat=n)]
SMALL_BOOK = AddressBook(SMALL)
SIGNS = st.sampled_from(["a", "b", "*", "?", "[ab]", "[!a]", "{a,bb}", "{,b}", "/", "//"])


@given(st.lists(SIGNS, max_size=8).map(lambda signs: "/" + "".join(signs)))
def test_it_agrees_with_a_matcher_that_tries_everything(pattern: str) -> None:
    assert list(SMALL_BOOK.match(pattern)) == [a for a in SMALL if slow(pattern, a)]


def test_what_is_a_pattern() -> None:
    assert all(map(is_pattern, ("/*", "/a?", "//a", "/[a]", "/{a}", "/a]", "/a}")))
    assert not any(map(is_pattern, ("/", "/codec/latent/0", "/a-b/x_1.y", "/a!")))


@pytest.mark.parametrize(
    "pattern",
    [
        "/" + "a" * MAX_PATTERN,
        "/" + "*?" * 80,
        "/{" + "a," * (MAX_ALTERNATIVES + 1) + "}",
        "/" + "[" * 1_000,
        "/" + "{a,}" * 100,
    ],
)
def test_too_much_is_refused(book: AddressBook, pattern: str) -> None:
    with pytest.raises(ProtocolError):
        book.match(pattern)


def test_hostile_patterns_cost_microseconds() -> None:
    """Twelve stars cost a backtracking matcher 15 s. Time of this thread alone, with much room."""
    many = AddressBook(
        address
        for plugin in range(8)
        for name in ("position", "level", "sound", "latent", *(f"latent/{i}" for i in range(16)))
        for address in (f"/codec{plugin}/{name}",)
    )
    random_ = random.Random(1)
    patterns = [hostile(random_) for _ in range(2_000)]
    began = time.thread_time()
    for pattern in patterns:
        try:
            many.match(pattern)
        except ProtocolError:
            continue
    assert time.thread_time() - began < 2.0
