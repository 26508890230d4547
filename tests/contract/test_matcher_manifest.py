"""The manifest of a matching model: what it says survives JSON, and a damaged one is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from synth.contract import MatcherManifest, ModelFileError
from synth.contract.matcher import MAX_JSON_BYTES, MAX_NAMES, MAX_SAMPLES

MANIFEST = MatcherManifest("fm", ("pitch", "length", "level"), "pitch", "length", 44_100, 176_400)


def changed(**changes: Any) -> str:
    return json.dumps({**json.loads(MANIFEST.to_json()), **changes})


def test_json_and_back() -> None:
    assert MatcherManifest.from_json(MANIFEST.to_json()) == MANIFEST


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 100_000, "is not JSON"),
        ("[]", "not a JSON object"),
        ('{"names": ' + "9" * 5_000 + "}", "is not JSON"),
        (" " * (MAX_JSON_BYTES + 1), f"at most {MAX_JSON_BYTES}"),
        (changed(format_version=2), "update synth"),
        (changed(odd=1), "unknown field"),
        (changed(names="pitch"), "names is not a list"),
        (changed(names=["pitch", "length", "pitch"]), "different"),
        (changed(names=["pitch", "length", 3]), "not a text"),
        (changed(names=["pitch", "length", "x" * 101]), "1 to 100 characters"),
        (changed(names=[*"abcdefg", *map(str, range(MAX_NAMES))]), f"1 to {MAX_NAMES}"),
        (changed(key="level_2"), "no parameter 'level_2'"),
        (changed(duration=["length"]), "no parameter"),
        (changed(sample_rate=44_100.5), "sample_rate"),
        (changed(samples=MAX_SAMPLES + 1), "samples"),
        (changed(samples=True), "samples"),
        (changed(provenance=[]), "provenance"),
    ],
)
def test_a_damaged_one_is_refused_in_few_words(text: str, problem: str) -> None:
    with pytest.raises(ModelFileError, match=problem) as caught:
        MatcherManifest.from_json(text)
    assert len(str(caught.value)) < 300


def test_a_missing_field_is_named() -> None:
    told = json.loads(MANIFEST.to_json())
    del told["voice"]
    with pytest.raises(ModelFileError, match="voice"):
        MatcherManifest.from_json(json.dumps(told))
