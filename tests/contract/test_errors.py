"""Errors inside of messages: one line, never empty."""

from __future__ import annotations

from synth.contract.errors import one_line


def test_white_space_is_folded_and_the_text_cut() -> None:
    error = RuntimeError("  one\n\ttwo   three\n")
    assert one_line(error) == "one two three"
    assert one_line(error, 7) == "one two"
    assert len(one_line(RuntimeError("x" * 1000))) == 160


def test_an_error_without_a_text_gives_its_type() -> None:
    assert one_line(EOFError()) == "EOFError"
    assert one_line(OSError(" \n ")) == "OSError"
