"""`synth info`: what it says of a file's sounds and of its tuning."""

from __future__ import annotations

from typing import Any

from realtime.session.info import describe_file, format_description


def test_sounds_that_sustain_and_the_tuning_are_told() -> None:
    """In files that say it; of others, and of those that say nonsense, nothing."""
    info = describe_file(None)
    plain = format_description(info)
    assert "sustain" not in plain.split("controls:")[0]
    assert "cents" not in plain.split("controls:")[0]
    sounds = {"flute": {"loops": True}, "organ": {"loops": True}, "guitar": {"loops": False}}
    told: dict[str, Any] = {"sounds": sounds, "tuning_cents": 12.5}
    said = format_description({**info, "provenance": told})
    assert "sustain: flute, organ; decay: guitar" in said
    assert "in tune from key 54 to 84, within 12.5 cents" in said
    for nonsense in (3, {}, {"a": 1}, {"a": {}}):
        assert format_description({**info, "provenance": {"sounds": nonsense}})
