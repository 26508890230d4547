"""Addresses of controls: what has the form of one, and that its text is its only text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.namespace import address as module
from realtime.namespace.address import (
    MAX_CHARACTERS,
    MODULATIONS,
    Address,
    element_of,
    is_within,
    parts_of,
    split_last,
)
from synth.contract import Control, ProtocolError
from synth.contract.control import MAX_SIZE

PLUGINS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", fullmatch=True)
CONTROLS = st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True)
ADDRESSES = st.builds(
    Address,
    PLUGINS,
    CONTROLS,
    st.none() | st.integers(0, MAX_SIZE - 1),
    st.sampled_from(("", *MODULATIONS)),
)
MALFORMED = (
    "", "/", "//", "codec/position", "/codec", "/codec/", "/codec/position/", "//position",
    "/codec/Position", "/codec/position ", "/codec/position\n", "/co dec/position", "/é/position",
    "/-codec/position", "/codec/0", "/codec/latent/-1", "/codec/latent/+1", "/codec/latent/1.0",
    "/codec/latent/²", "/codec/latent/٣", "/codec/latent/4096", "/codec/latent/00001",
    "/codec/latent/1/2", "/codec/latent/pressure/1", "/codec/latent/1/pressure/sync",
    "/codec/latent/1/velocity", "/codec/*", "/{a,b}/position", "/gain", "/pad/plane/store",
    "/" + 65 * "a" + "/position", "/codec/" + 33 * "a",
)  # fmt: skip


@given(ADDRESSES)
def test_the_text_of_an_address_is_parsed_into_it(address: Address) -> None:
    assert Address.parse(str(address)) == address
    assert Address.match(str(address)) == address
    assert len(str(address)) <= MAX_CHARACTERS


@given(ADDRESSES)
def test_an_address_is_made_of_its_parts(address: Address) -> None:
    parts = parts_of(str(address))
    expected = (address.plugin, address.control)
    expected += () if address.element is None else (str(address.element),)
    assert parts == expected + ((address.modulation,) if address.modulation else ())
    assert str(address).startswith(address.modulated)
    assert address.modulated.startswith(address.whole)
    assert Address.parse(address.whole) == Address(address.plugin, address.control)
    assert address.is_element == (address.element is not None and not address.modulation)


@given(ADDRESSES, st.integers(0, MAX_SIZE - 1))
def test_an_element_is_one_of_its_control(address: Address, index: int) -> None:
    expected = Address(address.plugin, address.control, index)
    assert Address.parse(element_of(address.whole, index)) == expected


@given(st.text(max_size=200) | st.from_regex(r"(/[a-z0-9_.]{1,9}){1,6}", fullmatch=True))
def test_whatever_is_parsed_has_that_text_but_for_leading_zeros(text: str) -> None:
    found = Address.match(text)
    if found is None:
        with pytest.raises(ProtocolError):
            Address.parse(text)
        return
    assert Address.match(str(found)) == found
    assert len(str(found)) <= len(text)
    written = ["0" if part and not part.strip("0") else part.lstrip("0") for part in parts_of(text)]
    assert [part.lstrip("0") or "0" for part in parts_of(str(found))] == written


@pytest.mark.parametrize("text", MALFORMED)
def test_malformed_ones_are_refused(text: str) -> None:
    assert Address.match(text) is None
    with pytest.raises(ProtocolError, match=r"/<plugin>/<control>"):
        Address.parse(text)


def test_leading_zeros_are_dropped() -> None:
    assert str(Address.parse("/codec/latent/003/sync")) == "/codec/latent/3/sync"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (("a/b", "position"), "plugin name 'a/b'"),
        (("", "position"), "plugin name ''"),
        (("codec", "Position"), "control name 'Position'"),
        (("codec", "latent", MAX_SIZE), "element 4096 is not in 0 … 4095"),
        (("codec", "latent", -1), "element -1"),
        (("codec", "latent", 0, "bend"), "none of pressure, timbre, sync"),
    ],
)
def test_parts_that_can_not_be_in_an_address(parts: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        Address(*parts)  # type: ignore[arg-type]


@given(CONTROLS)
def test_the_name_of_every_control_can_be_in_an_address(name: str) -> None:
    assert Address("codec", Control(name).name).control == name


def test_what_is_remembered_is_bounded() -> None:
    """A network can send any number of addresses, and long ones."""
    before = module._match.cache_info()
    assert Address.match("/codec/" + "a" * 8_000) is None
    assert module._match.cache_info().currsize == before.currsize
    for i in range(6_000):
        Address.match(f"/p{i}/position")
    after = module._match.cache_info()
    assert after.currsize == after.maxsize == 4_096
    assert Address.match("/codec/position") is Address.match("/codec/position")


def test_any_address_is_split_at_its_slashes() -> None:
    assert split_last("/codec/latent/3") == ("/codec/latent", "3")
    assert split_last("/gain") == ("", "gain")
    assert parts_of("/pad/plane/store") == ("pad", "plane", "store")
    assert parts_of("/gain") == ("gain",)
    assert is_within("/codec/latent/3", "/codec/latent")
    assert is_within("/gain", "/gain")
    assert not is_within("/codec/latent2", "/codec/latent")
