"""Voices: which notes sound on, and which pedal holds them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.engine.voices import GHOSTS, Voices


def sounding(voices: Voices) -> list[tuple[float, int]]:
    """Key and id of what has not been released."""
    return [(v.key, v.ident) for v in voices.active if v.sounds and not v.ghost]


def test_notes_of_one_key_are_kept_apart_by_their_id() -> None:
    voices = Voices(8)
    for ident in (2, 3, 2):
        voices.note_on(60, 0.5, ident)
    assert sounding(voices) == [(60, 3), (60, 2)]  # the second 2 took over from the first
    voices.note_off(60, 3)
    assert sounding(voices) == [(60, 2)]
    voices.note_on(60, 0.5, 4)
    voices.note_off(60)  # whatever id
    assert sounding(voices) == []


def test_sostenuto_holds_only_what_was_down() -> None:
    """ "Sostenuto: only notes that are on at the moment the pedal is pressed are held"."""
    voices = Voices(8)
    voices.note_on(60, 0.5)
    voices.set_sostenuto(True)
    voices.note_on(64, 0.5)
    voices.set_sostenuto(True)  # said again: nothing more is caught
    voices.note_off(60)
    voices.note_off(64)
    assert sounding(voices) == [(60, 0)]
    voices.set_sostenuto(False)
    assert sounding(voices) == []


def test_lifting_sostenuto_leaves_to_sustain_what_sustain_holds() -> None:
    voices = Voices(8)
    voices.note_on(60, 0.5)
    voices.set_sostenuto(True)
    voices.note_off(60)
    voices.set_sustain(True)
    voices.set_sostenuto(False)
    assert sounding(voices) == [(60, 0)]
    voices.set_sustain(False)
    assert sounding(voices) == []


def test_a_key_that_is_down_outlasts_both_pedals() -> None:
    voices = Voices(8)
    voices.note_on(60, 0.5)
    voices.set_sustain(True)
    voices.set_sostenuto(True)
    voices.set_sustain(False)
    voices.set_sostenuto(False)
    assert sounding(voices) == [(60, 0)]


moves = st.one_of(
    st.tuples(st.just("on"), st.integers(0, 3), st.integers(0, 2)),
    st.tuples(st.just("off"), st.integers(0, 3), st.integers(0, 2)),
    st.tuples(st.sampled_from(("sustain", "sostenuto")), st.integers(0, 1), st.just(0)),
)


@given(st.lists(moves, max_size=80))
def test_no_row_is_given_twice_and_no_note_hangs(played: list[tuple[str, int, int]]) -> None:
    """Whatever is played, rows are unique and bounded, and with all keys and pedals up nothing
    sounds."""
    voices = Voices(4)
    for move, number, ident in played:
        if move == "on":
            voices.note_on(number, 0.5, ident)
        elif move == "off":
            voices.note_off(number, ident)
        else:
            getattr(voices, f"set_{move}")(bool(number))
        slots = [voice.slot for voice in voices.active]
        assert len(set(slots)) == len(slots) <= 4 + GHOSTS
        for voice in [v for v in voices.active if not v.sounds]:
            voices.free(voice)
    for key in range(4):
        voices.note_off(key)
    voices.set_sustain(False)
    voices.set_sostenuto(False)
    assert sounding(voices) == []
