"""A manifest survives its file, and nothing but a clear refusal comes of a damaged one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.contract import FORMAT_VERSION, Control, Manifest, ModelFileError, TensorSpec
from synth.contract.manifest import MAX_JSON_BYTES


def example(**changed: Any) -> Manifest:
    fields: dict[str, Any] = {
        "name": "bells",
        "family": "codec",
        "kind": "generator",
        "sample_rate": 24_000,
        "hop": 320,
        "channels_in": 0,
        "channels_out": 1,
        "latency": 320,
        "controls": (
            Control("gate", curve="toggle", role="gate"),
            Control("pan", 2, (-1.0,), (1.0,)),
        ),
        "state": (TensorSpec("state_a", (3, 4)), TensorSpec("state_n", (1,), "int64")),
        "random": (TensorSpec("noise", (-1, 8)),),
        "sounds": ("low", "high"),
        "key_range": (36, 84),
        "provenance": {"seed": 0, "licence": "MIT"},
    }
    return Manifest(**fields | changed)


def plain(**changed: Any) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(example().to_json())
    return data | changed


names = st.text("abcdefgh", min_size=1, max_size=6)
shapes = st.lists(st.integers(1, 9) | st.just(-1), max_size=3).map(tuple)


@given(
    names,
    st.integers(4_000, 384_000),
    st.integers(1, 4096),
    st.dictionaries(names, shapes, max_size=4),
    st.lists(names, max_size=3).map(tuple),
    st.none() | st.tuples(st.integers(0, 60), st.integers(60, 127)),
)
def test_survives_its_file(
    name: str,
    rate: int,
    hop: int,
    tensors: dict[str, tuple[int, ...]],
    sounds: tuple[str, ...],
    keys: tuple[int, int] | None,
) -> None:
    state = tuple(TensorSpec(f"state_{n}", shape) for n, shape in tensors.items())
    manifest = example(
        name=name, sample_rate=rate, hop=hop, state=state, sounds=sounds, key_range=keys
    )
    text = manifest.to_json()
    assert "\n" not in text
    assert Manifest.from_json(text) == manifest
    assert manifest.format_version == FORMAT_VERSION


def test_finds_its_controls() -> None:
    manifest = example()
    pan = manifest.control("pan")
    assert pan is not None
    assert pan.size == 2
    assert manifest.control("no_such") is None


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"kind": "toy"}, "toy"),
        ({"sample_rate": 3_999}, "sample_rate"),
        ({"sample_rate": 24_000.0}, "sample_rate"),
        ({"sample_rate": "24000"}, "sample_rate"),
        ({"hop": 0}, "hop"),
        ({"hop": True}, "hop"),
        ({"latency": -1}, "latency"),
        ({"channels_out": 0}, "channels_out"),
        ({"channels_out": 65}, "channels_out"),
        ({"kind": "effect"}, "channels_in"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"family": None}, "family"),
        ({"format_version": FORMAT_VERSION + 1}, "update synth"),
        ({"format_version": "1"}, "format_version"),
        ({"format_version": 0}, "format_version"),
        ({"format_version": None}, "format_version"),
        ({"surprise": 1}, "surprise"),
        ({"controls": [{"name": "gate", "colour": "red"}]}, "colour"),
        ({"controls": [{"name": "a"}, {"name": "a"}]}, "share a name"),
        ({"controls": [{"name": "audio"}]}, "audio"),
        ({"controls": {"gate": 1}}, "control"),
        ({"controls": None}, "damaged"),
        ({"state": [{"name": "s", "shape": [0], "dtype": "float32"}]}, "'s'"),
        ({"state": [{"name": "s", "shape": [1], "dtype": "object"}]}, "'s'"),
        ({"state": [{"name": "s", "shape": [1 << 14, 1 << 14], "dtype": "float32"}]}, "'s'"),
        ({"state": [{"name": "s", "shape": [True], "dtype": "float32"}]}, "'s'"),
        ({"state": [{"name": "s", "shape": 3, "dtype": "float32"}]}, "damaged"),
        ({"state": [{"name": "s"}]}, "shape"),
        ({"sounds": "abc"}, "sounds"),
        ({"sounds": 3}, "damaged"),
        ({"key_range": [1]}, "damaged"),
        ({"key_range": [1.5, 3]}, "damaged"),
        ({"key_range": [0, float("inf")]}, "Infinity"),
        ({"latency": float("nan")}, "NaN"),
        ({"key_range": [60, 40]}, "key_range"),
        ({"key_range": [-1, 40]}, "key_range"),
        ({"key_range": [0, 128]}, "key_range"),
        ({"key_range": "low"}, "damaged"),
        ({"provenance": [1]}, "provenance"),
    ],
)
def test_refuses_by_name(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(ModelFileError, match="manifest") as caught:
        Manifest.from_json(json.dumps(plain(**changed)))
    assert named in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "3", '"x"', "{}", "[" * 100_000, '{"name": "x"}', "\x00"]
)
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(ModelFileError, match="export the model again"):
        Manifest.from_json(text)


def test_newer_format_is_named_before_anything_unknown_in_it() -> None:
    newer = plain(format_version=FORMAT_VERSION + 1, something_new={"x": 1})
    with pytest.raises(ModelFileError, match="newer than"):
        Manifest.from_json(json.dumps(newer))


def test_too_long_a_manifest_is_not_parsed() -> None:
    with pytest.raises(ModelFileError, match="at most"):
        Manifest.from_json(" " * (MAX_JSON_BYTES + 1))


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@given(st.sampled_from(sorted(plain())), json_like)
def test_nothing_but_a_refusal_comes_of_a_damaged_field(name: str, value: Any) -> None:
    try:
        manifest = Manifest.from_json(json.dumps(plain(**{name: value})))
    except ModelFileError:
        return
    assert Manifest.from_json(manifest.to_json()) == manifest


@given(st.data())
def test_nothing_but_a_refusal_comes_of_flipped_characters(data: st.DataObject) -> None:
    text = list(example().to_json())
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.characters())
    try:
        Manifest.from_json("".join(text))
    except ModelFileError:
        return
