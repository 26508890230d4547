"""`synth info`: what it says of a file's sounds and of its tuning."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from builders import PLACES, write_mapped

from realtime.session.info import MOST_PLACES, describe_file, format_description


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


def test_the_map_is_told(tmp_path: Path) -> None:
    """The name and the place of each sound; a long map is cut on a terminal alone."""
    info = describe_file(write_mapped(tmp_path))
    assert info["map"] == [asdict(place) for place in PLACES]
    said = format_description(info)
    lines = [line.split() for line in said.partition("map, along")[2].splitlines()]
    assert ["reed", "0.5", "-0.5", "0.75"] in lines
    long = [{"name": f"one\x1b {i}", "position": (0.0, 1.0, 2.0)} for i in range(MOST_PLACES + 3)]
    cut = format_description({**info, "map": long})
    assert f"one\\x1b {MOST_PLACES - 1} " in cut
    assert f"one\\x1b {MOST_PLACES} " not in cut
    assert "3 more" in cut
    assert "\x1b" not in cut
    assert "map, along" in cut
    assert "map, along" not in format_description(describe_file(None))
