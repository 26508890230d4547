"""An error that another process told by name and text is the same error here."""

from __future__ import annotations

import pytest

from synth.contract import ConfigError, DeviceError, SynthError, error_named


@pytest.mark.parametrize("kind", [ConfigError, DeviceError, SynthError])
def test_an_error_comes_back_from_another_process(kind: type[SynthError]) -> None:
    again = error_named(kind.__name__, "of there")
    assert (type(again), str(again), again.exit_code) == (kind, "of there", kind.exit_code)


@pytest.mark.parametrize("name", ["ValueError", "Manifest", "read_audio", "", "None"])
def test_a_name_that_is_no_error_of_ours_gives_the_root(name: str) -> None:
    assert type(error_named(name, "x")) is SynthError
