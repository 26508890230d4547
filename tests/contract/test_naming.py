"""One reader of the names of notes, for every family."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.contract import naming
from synth.contract.naming import parse_name

NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
words = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)
keys = st.integers(0, 127)
examined = settings(deadline=None, derandomize=True, max_examples=60)


def test_examples_of_names_are_true() -> None:
    assert doctest.testmod(naming).attempted
    assert not doctest.testmod(naming).failed


@examined
@given(words, keys, st.sampled_from("_- "))
def test_every_key_has_a_name_and_a_number(sound: str, key: int, mark: str) -> None:
    note = f"{NAMES[key % 12]}{key // 12 - 1}"
    assert parse_name(f"{sound}{mark}{note}") == (sound, key)
    assert parse_name(f"{sound}{mark}{note[0].lower()}{note[1:]}") == (sound, key)
    assert parse_name(f"{sound}{mark}{key:03d}") == (sound, key)


@pytest.mark.parametrize(
    "stem", ["door", "take_2", "a_60", "a_A9", "a_128", "a_999", "A4", "60", "a_H3", "aC4", ""]
)
def test_what_is_no_key_belongs_to_the_name(stem: str) -> None:
    assert parse_name(stem) == (stem, None)


@examined
@given(st.text(max_size=40))
def test_any_name_is_a_sound(stem: str) -> None:
    sound, key = parse_name(stem)
    assert stem.startswith(sound)
    assert sound or not stem
    assert key is None or 0 <= key <= 127


@examined
@given(words, keys, keys)
def test_a_velocity_behind_the_key_is_no_key(sound: str, key: int, velocity: int) -> None:
    note = f"{NAMES[key % 12]}{key // 12 - 1}"
    assert parse_name(f"{sound}_{key}_{velocity}") == (sound, key)
    assert parse_name(f"{sound}_{note}_{velocity}") == (sound, key)
    assert parse_name(f"{sound}_010-{key:03d}-{velocity:03d}") == (f"{sound}_010", key)
