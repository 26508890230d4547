"""A manifest survives its file, and nothing but a clear refusal comes of a damaged one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.contract import (
    FORMAT_VERSION,
    BankPatch,
    Control,
    Manifest,
    ModelFileError,
    Place,
    TensorSpec,
)
from synth.contract.manifest import MAX_JSON_BYTES, MAX_PLACE_NAME, MAX_PLACES


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
            Control("latent", 4, (-2.0,), (2.0,), role="latent"),
            Control("patch", 1, (0.0,), (1.0,), curve="integer", role="sound"),
            Control("cutoff", 1, (0.0,), (8.0,), curve="power", exponent=3.0),
        ),
        "state": (TensorSpec("state_a", (3, 4)), TensorSpec("state_n", (1,), "int64")),
        "random": (TensorSpec("noise", (-1, 8)),),
        "sounds": ("low", "high"),
        "key_range": (36, 84),
        "map": (Place("oboe", (0.5, -1.0, 0.25)), Place("flute", (-2.5, 1.0, 0.0))),
        "patches": (BankPatch("low", {"cutoff": 0.5}), BankPatch("high", {"cutoff": 8.0})),
        "provenance": {"seed": 0, "licence": "MIT"},
    }
    return Manifest(**fields | changed)


def plain(**changed: Any) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(example().to_json())
    return data | changed


names = st.text("abcdefgh", min_size=1, max_size=6)
coordinates = st.floats(-1e6, 1e6)
places = st.builds(
    Place, st.text(min_size=1, max_size=9), st.tuples(coordinates, coordinates, coordinates)
)
shapes = st.lists(st.integers(1, 9) | st.just(-1), max_size=3).map(tuple)


@given(
    names,
    st.integers(4_000, 384_000),
    st.integers(1, 4096),
    st.dictionaries(names, shapes, max_size=4),
    st.lists(names, max_size=3).map(tuple),
    st.none() | st.tuples(st.integers(0, 60), st.integers(60, 127)),
    st.lists(places, max_size=4).map(tuple),
)
def test_survives_its_file(
    name: str,
    rate: int,
    hop: int,
    tensors: dict[str, tuple[int, ...]],
    sounds: tuple[str, ...],
    keys: tuple[int, int] | None,
    places: tuple[Place, ...],
) -> None:
    state = tuple(TensorSpec(f"state_{n}", shape) for n, shape in tensors.items())
    manifest = example(
        name=name,
        sample_rate=rate,
        hop=hop,
        state=state,
        sounds=sounds,
        patches=(),
        key_range=keys,
        map=places,
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
        ({"map": {"oboe": [0, 0, 0]}}, "map"),
        ({"map": None}, "map"),
        ({"map": ["oboe"]}, "map"),
        ({"map": [{"name": "oboe"}]}, "position"),
        ({"map": [{"name": "oboe", "position": [0, 0, 0], "colour": 1}]}, "colour"),
        ({"map": [{"name": "", "position": [0, 0, 0]}]}, "1 to 100 characters"),
        ({"map": [{"name": "x" * 101, "position": [0, 0, 0]}]}, "1 to 100 characters"),
        ({"map": [{"name": 7, "position": [0, 0, 0]}]}, "1 to 100 characters"),
        ({"map": [{"name": "oboe", "position": [0, 0]}]}, "3 numbers"),
        ({"map": [{"name": "oboe", "position": "000"}]}, "3 numbers"),
        ({"map": [{"name": "oboe", "position": [0, True, 0]}]}, "finite"),
        ({"map": [{"name": "oboe", "position": [0, 1e39, 0]}]}, "finite"),
        ({"map": [{"name": "oboe", "position": [0, None, 0]}]}, "finite"),
        ({"map": [{"name": "oboe", "position": [0, 0, 0]}] * (MAX_PLACES + 1)}, "at most 1024"),
        ({"controls": [{"name": "gate"}]}, "'latent'"),
        ({"controls": [{"name": "latent", "role": "latent"}]}, "'latent'"),
        ({"controls": [{"name": "map"}, {"name": "z", "size": 2, "role": "latent"}]}, "'map'"),
    ],
)
def test_refuses_by_name(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(ModelFileError, match="manifest") as caught:
        Manifest.from_json(json.dumps(plain(**changed)))
    assert named in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_position_is_three_floats_however_it_was_given() -> None:
    made = Place("oboe", [1, 2, 3])  # type: ignore[arg-type]
    assert made.position == (1.0, 2.0, 3.0)
    assert all(type(coordinate) is float for coordinate in made.position)


def test_the_largest_map_fits_into_a_manifest() -> None:
    """With names of characters that JSON writes with twelve."""
    places = tuple(
        Place("\U0001f3bb" * MAX_PLACE_NAME, (-i / 3e30, i / 7e-30, 1 / 3))
        for i in range(MAX_PLACES)
    )
    text = example(map=places).to_json()
    assert len(text) < MAX_JSON_BYTES / 2
    assert Manifest.from_json(text).map == places


def bank(*patches: Any) -> dict[str, Any]:
    """Fields of a manifest with a bank of these patches."""
    names = [patch["name"] for patch in patches if isinstance(patch, dict) and "name" in patch]
    return {"patches": list(patches), "sounds": names}


def soft(**values: Any) -> dict[str, Any]:
    return {"name": "soft", "values": values}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"patches": {"low": {}}}, "list of patches"),
        ({"patches": ["low"]}, "list of patches"),
        (bank({"name": "soft"}), "values"),
        (bank({**soft(cutoff=[1]), "colour": 1}), "colour"),
        (bank({"name": "", "values": {"cutoff": [1]}}), "1 to 100 characters"),
        (bank({"name": "x" * 101, "values": {"cutoff": [1]}}), "1 to 100 characters"),
        (bank({"name": "soft", "values": [1]}), "not a table"),
        (bank(soft()), "at least one"),
        (bank(soft(cutoff="1")), "finite"),
        (bank(soft(cutoff=[None])), "finite"),
        (bank(soft(cutoff=[1e400])), "Infinity|finite"),
        (bank(soft(cutoff=[True])), "finite"),
        (bank(soft(cutoff=[8.1])), "8.1 is not in 0 … 8"),
        (bank(soft(cutoff=[1, 2])), "1 elements"),
        (bank(soft(wobble=[1])), "'wobble' is not a fader"),
        (bank(soft(gate=[1])), "'gate' is not a fader"),
        (bank(soft(patch=[1])), "'patch' is not a fader"),
        (bank(soft(cutoff=[1]), {"name": "hard", "values": {"pan": [0, 0]}}), "same controls"),
        (bank(soft(cutoff=[1]), soft(cutoff=[2])), "two patches are called 'soft'"),
        (bank(*[soft(cutoff=[1])] * 513), "at most 512"),
        ({"sounds": ["low"]}, "not the names of its patches"),
    ],
)
def test_refuses_a_bank_that_does_not_fit(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(ModelFileError, match=named) as caught:
        Manifest.from_json(json.dumps(plain(**changed)))
    assert len(str(caught.value)) < 400


def test_a_bank_needs_a_control_that_chooses_from_it() -> None:
    controls = tuple(c for c in example().controls if c.role != "sound")
    with pytest.raises(ModelFileError, match="role 'sound'"):
        example(controls=controls)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_older_formats_have_no_patches_and_no_bent_curves(version: int) -> None:
    controls = tuple(c for c in example().controls if c.curve != "power")
    older = example(map=(), patches=(), controls=controls, format_version=version)
    text = older.to_json()
    assert "patches" not in json.loads(text)
    assert "exponent" not in text
    assert Manifest.from_json(text).controls[0] == controls[0]
    for change in ({"patches": []}, {"controls": [{"name": "a", "exponent": 1.0}]}):
        with pytest.raises(ModelFileError, match=f"format {version} has no field"):
            Manifest.from_json(json.dumps(json.loads(text) | change))
    bent = {"controls": [{"name": "a", "curve": "power"}]}
    with pytest.raises(ModelFileError, match="curve that format"):
        Manifest.from_json(json.dumps(json.loads(text) | bent))
    with pytest.raises(ModelFileError, match=f"format {version} has no field 'patches'"):
        example(map=(), controls=example().controls[:-1], format_version=version)


@pytest.mark.parametrize("version", [1, 2])
def test_older_formats_have_no_map(version: int) -> None:
    """They are read without it and written without it; one that has it all the same is refused."""
    plainer: dict[str, Any] = {"patches": (), "controls": example().controls[:-1]}
    older = example(map=(), format_version=version, **plainer)
    text = older.to_json()
    assert "map" not in json.loads(text)
    assert Manifest.from_json(text).map == ()
    with pytest.raises(ModelFileError, match=f"format {version} has no field 'map'"):
        Manifest.from_json(json.dumps(json.loads(text) | {"map": []}))
    with pytest.raises(ModelFileError, match=f"format {version} has no field 'map'"):
        example(format_version=version, **plainer)


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
