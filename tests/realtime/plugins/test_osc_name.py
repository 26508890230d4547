"""An instrument may have any name: what its addresses begin with is free, whatever it is called."""

from __future__ import annotations

import pytest

from realtime.namespace.namespace import RESERVED, Namespace
from realtime.plugins.osc_name import osc_name
from synth.contract import Control, Manifest


def named(name: str, family: str = "codec") -> str:
    return osc_name(Manifest(name, family, "generator", 48_000, 32, 0, 1))


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("Bells", "bells"),
        ("my bells!", "my_bells"),
        ("鐘", "codec"),
        ("x" * 200, "x" * 32),
        ("timbre", "timbre_1"),
        ("Timbre space", "timbre_space"),
        ("tempo!", "tempo_1"),
    ],
)
def test_a_name_becomes_a_part_of_an_address(name: str, address: str) -> None:
    assert named(name) == address


def test_no_name_is_one_that_other_addresses_begin_with() -> None:
    """Else the instrument couldn't be played at all. So may a model family be called."""
    for name in sorted(RESERVED):
        Namespace({named(name): [Control("wet")]})
        Namespace({named("鐘", name): [Control("wet")]})
