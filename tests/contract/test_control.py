"""A control's range holds, its fader goes from end to end, and it survives being written down."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.contract import ConfigError, Control
from synth.contract.control import MAX_SIZE
from synth.contract.curves import BENT, CURVES

finite = st.floats(-1e4, 1e4, allow_nan=False, width=32)


@st.composite
def controls(draw: st.DrawFn, curve: str | None = None) -> Control:
    curve = curve or draw(st.sampled_from(CURVES))
    size = draw(st.integers(1, 4))
    lows, highs, defaults = [], [], []
    for _ in range(size):
        if curve == "toggle":
            low, high = 0.0, 1.0
        elif curve == "integer":
            low = float(draw(st.integers(-100, 100)))
            high = low + draw(st.integers(1, 200))
        elif curve == "exponential":
            low = draw(st.floats(0.0009765625, 1024, width=32))
            high = low * draw(st.floats(1.0625, 1024, width=32))
        else:
            low = draw(finite)
            high = low + draw(st.floats(0.5, 1e4, width=32))
        lows.append(low)
        highs.append(high)
        defaults.append(draw(st.sampled_from((low, high))))
    exponent = draw(st.floats(1 / 64, 64)) if curve in BENT else 1.0
    return Control(
        "moved", size, tuple(lows), tuple(highs), tuple(defaults), curve=curve, unit="Hz",
        exponent=exponent,
    )  # fmt: skip


@given(controls(), st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4))
def test_clamp_holds_the_range_and_says_when_it_had_to(
    control: Control, values: list[float]
) -> None:
    given_values = np.array(values[: control.size], np.float32)
    clamped, outside = control.clamp(given_values)
    assert clamped.dtype == np.float32
    low, high = np.float32(control.minimum), np.float32(control.maximum)
    assert np.all(clamped >= low)
    assert np.all(clamped <= high)
    assert outside == bool(np.any(given_values < low) or np.any(given_values > high))
    again, outside_again = control.clamp(clamped)
    assert not outside_again
    np.testing.assert_array_equal(again, clamped)
    if control.curve in ("integer", "toggle"):
        np.testing.assert_array_equal(clamped, np.round(clamped))


@given(controls())
def test_fader_ends_are_the_ends_of_the_range(control: Control) -> None:
    np.testing.assert_allclose(control.from_unit(0.0), np.float32(control.minimum), rtol=1e-6)
    np.testing.assert_allclose(control.from_unit(1.0), np.float32(control.maximum), rtol=1e-6)
    np.testing.assert_array_equal(control.from_unit(-3.0), control.from_unit(0.0))
    np.testing.assert_array_equal(control.from_unit(3.0), control.from_unit(1.0))


@given(controls(), st.floats(0, 1), st.floats(0, 1))
def test_fader_is_monotonic_and_invertible(control: Control, a: float, b: float) -> None:
    low, high = control.from_unit(min(a, b)), control.from_unit(max(a, b))
    assert np.all(low <= high)
    position = control.to_unit(control.from_unit(a))
    assert position.dtype == np.float32
    span = np.float64(control.maximum) - np.float64(control.minimum)
    if control.curve == "linear":
        # float32 values near a wide offset are coarse: half a step of theirs, seen from the fader.
        coarse = np.spacing(np.float32(np.abs([control.minimum, control.maximum]).max(0))) / span
        assert np.all(np.abs(position - a) <= 1e-6 + coarse)
    elif control.curve in BENT:
        # Where the curve is flat, many positions share a value; its value comes back all the same.
        again = control.from_unit(position)
        size = np.abs([control.minimum, control.maximum]).max(0)
        steep = max(control.exponent, 1.0)
        assert np.all(np.abs(again - control.from_unit(a)) <= 1e-6 * size * steep)
    elif control.curve == "exponential":
        octaves = np.log(np.float64(control.maximum) / np.float64(control.minimum))
        assert np.all(np.abs(position - a) <= 1e-6 + 3e-7 / octaves)
    else:
        assert np.all(np.abs(position - a) <= 0.5 / span + 1e-5)


def test_exponential_middle_is_the_geometric_mean() -> None:
    cutoff = Control("cutoff", 1, (20.0,), (20_000.0,), (1000.0,), "Hz", "exponential")
    assert float(cutoff.from_unit(0.5)[0]) == pytest.approx(math.sqrt(20 * 20_000), rel=1e-6)


def test_power_gives_small_values_more_of_the_way() -> None:
    attack = Control("attack", 1, (0.0,), (2.0,), unit="s", curve="power", exponent=2.0)
    assert attack.from_unit(0.5)[0] == pytest.approx(0.5)
    assert attack.to_unit(np.float32([0.125]))[0] == pytest.approx(0.25)


def test_symmetric_is_flat_in_the_middle_of_the_range_and_odd_about_it() -> None:
    depth = Control("depth", 1, (-10.0,), (20.0,), (5.0,), "Hz", "symmetric", exponent=2.0)
    assert depth.from_unit(0.5)[0] == pytest.approx(5.0)
    assert depth.from_unit(0.75)[0] == pytest.approx(5 + 15 / 4)
    assert depth.from_unit(0.25)[0] == pytest.approx(5 - 15 / 4)
    for value in (-10.0, -3.0, 5.0, 12.0, 20.0):
        back = depth.from_unit(depth.to_unit(np.float32([value])))
        assert back[0] == pytest.approx(value, abs=1e-4)


@given(controls())
def test_survives_json(control: Control) -> None:
    written = json.loads(json.dumps(control.to_dict()))
    assert Control.from_dict(written) == control
    np.testing.assert_array_equal(control.default_array, np.float32(control.default))


def test_the_maximum_itself_is_inside_whatever_float32_makes_of_it() -> None:
    tenth = Control("amount", 1, (0.0,), (0.1,))  # float32(0.1) > 0.1
    value, outside = tenth.clamp(np.float32([0.1]))
    assert not outside
    assert value[0] == np.float32(0.1)


def test_one_number_holds_for_all_elements() -> None:
    control = Control("offset", 3, (-2.0,), (2.0,))
    assert control.minimum == (-2.0, -2.0, -2.0)
    assert control.default_array.shape == (3,)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"name": "Gain"}, "Gain"),
        ({"name": "9lives"}, "9lives"),
        ({"name": "gain\n"}, "gain"),
        ({"name": "a" * 33}, "at most 32"),
        ({"name": 3}, "3"),
        ({"size": 0}, "0"),
        ({"size": MAX_SIZE + 1}, str(MAX_SIZE)),
        ({"size": 1.5}, "1.5"),
        ({"size": True}, "size"),
        ({"minimum": (0.0, 1.0)}, "minimum"),
        ({"minimum": (math.nan,)}, "minimum"),
        ({"maximum": (math.inf,)}, "maximum"),
        ({"maximum": ("1",)}, "maximum"),
        ({"maximum": (True,)}, "maximum"),
        ({"maximum": "11"}, "maximum"),
        ({"maximum": (1e39,)}, "finite"),  # in float32 it is infinite
        ({"maximum": (10**400,)}, "finite"),
        ({"minimum": (1e8,), "maximum": (1e8 + 1,), "default": (1e8,)}, "not empty"),
        ({"default": (2.0,)}, "default 2.0"),
        ({"minimum": (1.0,), "maximum": (1.0,), "default": (1.0,)}, "not empty"),
        ({"curve": "wobbly"}, "wobbly"),
        ({"curve": "exponential"}, "minimum above 0"),
        ({"curve": "integer", "maximum": (2.5,)}, "whole numbers"),
        ({"curve": "power", "exponent": 0}, "exponent"),
        ({"curve": "power", "exponent": 1e4}, "exponent"),
        ({"curve": "symmetric", "exponent": math.nan}, "exponent"),
        ({"curve": "symmetric", "exponent": "2"}, "exponent"),
        ({"exponent": 2.0}, "linear curve has no exponent"),
        ({"smoothing_ms": -1.0}, "smoothing_ms"),
        ({"smoothing_ms": math.nan}, "smoothing_ms"),
        ({"smoothing_ms": "5"}, "smoothing_ms"),
        ({"unit": 3}, "unit"),
        ({"description": None}, "description"),
        ({"per_voice": "no"}, "per_voice"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_refuses_by_name(bad: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match="control") as caught:
        Control.from_dict({"name": "gain", **bad})
    assert named in str(caught.value)
    assert len(str(caught.value)) < 400


@given(
    st.dictionaries(
        st.sampled_from(
            ["name", "size", "minimum", "maximum", "default", "curve", "unit", "smoothing_ms"]
        ),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=5)
        | st.lists(st.none() | st.floats() | st.text(max_size=2), max_size=3),
    )
)
def test_nothing_but_a_config_error_comes_of_foreign_data(data: dict[str, object]) -> None:
    try:
        control = Control.from_dict(data)
    except ConfigError:
        return
    assert Control.from_dict(control.to_dict()) == control
