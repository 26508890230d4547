"""Addresses and ranges: what a message means, and what it can't mean."""

from __future__ import annotations

import math
import struct
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.namespace.event import NOW, Event
from realtime.namespace.global_addresses import GLOBAL_VALUES
from realtime.namespace.namespace import Namespace
from realtime.protocol.osc_decode import NotFiniteError, OscArg
from synth.contract import ConfigError, Control, ProtocolError

CONTROLS = (
    Control("position", 1, (0.0,), (2.5,), (0.0,), "s"),
    Control("latent", 4, (-1.0, -2.0, -3.0, -4.0), (1.0, 2.0, 3.0, 4.0), (0.0,) * 4, role="latent"),
    Control("levels", 1, (1.0,), (16.0,), (8.0,), "", "integer"),
    Control("loop", 1, (0.0,), (1.0,), (0.0,), "", "toggle", role="loop"),
)


@pytest.fixture
def namespace() -> Namespace:
    return Namespace({"codec": CONTROLS, "room": [Control("wet")]})


@pytest.mark.parametrize(
    ("address", "args", "target", "value"),
    [
        ("/codec/position", [1.25], "/codec/position", (1.25,)),
        ("/codec/position", [2], "/codec/position", (2.0,)),
        ("/codec/position/0", [0.5], "/codec/position/0", (0.5,)),
        ("/codec/latent", [0.1, 0.2, 0.3, 0.4], "/codec/latent", (0.1, 0.2, 0.3, 0.4)),
        ("/codec/latent/3", [-4.0], "/codec/latent/3", (-4.0,)),
        ("/codec/latent/003", [1.0], "/codec/latent/3", (1.0,)),
        ("/codec/levels", [2.6], "/codec/levels", (3.0,)),
        ("/codec/loop", [True], "/codec/loop", (1.0,)),
        ("/room/wet", [1], "/room/wet", (1.0,)),
        ("/note/on", [60, 90], "/note/on", (60.0, 90.0)),
        ("/note/on", [60.0], "/note/on", (60.0, 100.0)),
        ("/note/on", [60, 0], "/note/off", (60.0,)),
        ("/note/off", [60], "/note/off", (60.0,)),
        ("/panic", [], "/panic", ()),
        ("/panic", [1.0], "/panic", ()),
        ("/all_notes_off", [], "/all_notes_off", ()),
        ("/gain", [-6], "/gain", (-6.0,)),
        ("/sustain", [1], "/sustain", (1.0,)),
        ("/pitch_bend", [-1.5], "/pitch_bend", (-1.5,)),
        ("/program", [3], "/program", (3.0,)),
        ("/note/on", [60, 90, 7], "/note/on", (60.0, 90.0, 7.0)),
        ("/note/on", [60, 0, 7], "/note/off", (60.0, 7.0)),
        ("/note/off", [60, 7], "/note/off", (60.0, 7.0)),
        ("/note/bend", [60, -0.5], "/note/bend", (60.0, -0.5)),
        ("/note/pressure", [60, 0.5, 7], "/note/pressure", (60.0, 0.5, 7.0)),
        ("/codec/position/pressure", [-2.5], "/codec/position/pressure", (-2.5,)),
        ("/codec/latent/03/timbre", [1], "/codec/latent/3/timbre", (1.0,)),
        ("/codec/latent/1/sync", [4], "/codec/latent/1/sync", (4.0,)),
        ("/codec/latent/1/sync", [4, -1, 2], "/codec/latent/1/sync", (4.0, -1.0, 2.0)),
        ("/transport/start", [1], "/transport/start", ()),
    ],
)
def test_meaning(
    namespace: Namespace,
    address: str,
    args: list[OscArg],
    target: str,
    value: tuple[float, ...],
) -> None:
    assert namespace.resolve(address, args) == Event(NOW, target, value)
    assert namespace.counters == {"clamped": 0, "refused": 0}


@pytest.mark.parametrize(
    ("address", "args", "value"),
    [
        ("/codec/position", [9.0], (2.5,)),
        ("/codec/position", [-1e300], (0.0,)),
        ("/codec/latent", [5, 0, -9, 0], (1.0, 0.0, -3.0, 0.0)),
        ("/codec/latent/1", [3], (2.0,)),
        ("/codec/levels", [99], (16.0,)),
        ("/note/on", [128, 200], (127.0, 127.0)),
        ("/gain", [100], (12.0,)),
        ("/note/bend", [60, 97], (60.0, 96.0)),
        ("/codec/position/pressure", [-3], (-2.5,)),
        ("/codec/latent/1/sync", [-1, -3, 3], (0.0, -2.0, 2.0)),
        ("/codec/position", [10**400], None),
    ],
)
def test_out_of_range_is_clamped_and_counted(
    namespace: Namespace, address: str, args: list[OscArg], value: tuple[float, ...] | None
) -> None:
    if value is None:  # beyond every float: as good as infinite
        with pytest.raises(NotFiniteError):
            namespace.resolve(address, args)
        assert namespace.counters["refused"] == 1
        return
    assert namespace.resolve(address, args).value == value
    moved = sum(got != asked for got, asked in zip(value, args, strict=True))
    assert namespace.counters == {"clamped": moved, "refused": 0}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("address", ["/codec/position", "/codec/latent/0", "/gain", "/note/off"])
def test_not_finite_is_refused_and_counted(
    namespace: Namespace, address: str, value: float
) -> None:
    with pytest.raises(NotFiniteError, match="finite"):
        namespace.resolve(address, [value])
    assert namespace.counters == {"clamped": 0, "refused": 1}


@pytest.mark.parametrize(
    ("address", "args", "reason"),
    [
        ("/codec/positon", [1.0], "did you mean /codec/position"),
        ("/nothing/like/it", [1.0], "/codec/position, /codec/latent"),
        ("/codec/latent/4", [1.0], "0 … 3 is allowed"),
        ("/codec/latent/-1", [1.0], "0 … 3 is allowed"),
        ("/codec/latent/99999", [1.0], "0 … 3 is allowed"),
        ("/codec/position/1", [1.0], "0 is allowed"),
        ("/codec/*", [1.0], "nothing has the address"),
        ("/codec", [1.0], "nothing has the address"),
        ("/", [], "nothing has the address"),
        ("/codec/position", [], "needs 1 number, got 0"),
        ("/codec/position", [1.0, 2.0], "needs 1 number, got 2"),
        ("/codec/latent", [1.0], "needs 4 numbers, got 1.*latent/0 … /codec/latent/3"),
        ("/codec/position", ["1"], "argument 0 is of type str"),
        ("/codec/position", [b"1"], "argument 0 is of type bytes"),
        ("/codec/position", [None], "argument 0 is of type nil"),
        ("/note/on", [], r"needs key \(0 … 127\) and velocity \(0 … 127\), got 0"),
        ("/note/on", [60.5, 1], "60.5 is not a whole number in 0 … 127"),
        ("/note/on", [60, 1, 2, 3], "got 4"),
        ("/note/bend", [60], r"needs key \(0 … 127\) and bend \(-96 … 96 semitones\), got 1"),
        ("/codec/position/pressure", [], "needs 1 number, got 0"),
        ("/codec/position/sync", [1, 2], "needs 1 or 3 numbers, got 2"),
        ("/codec/latent/pressure", [1], "0 … 3 is allowed"),
        ("/codec/latent/9/pressure", [1], "nothing has the address"),
        ("/gain/pressure", [1], "nothing has the address"),
        ("/gain", [], r"needs gain \(-80 … 12 dB\)"),
        ("/panic", [1, 2], "needs no argument, got 2"),
        ("/panic", ["now"], "of type str"),
    ],
)
def test_what_it_can_not_mean(
    namespace: Namespace, address: str, args: list[OscArg], reason: str
) -> None:
    with pytest.raises(ProtocolError, match=reason):
        namespace.resolve(address, args)


@given(
    st.sampled_from(CONTROLS).flatmap(
        lambda c: st.tuples(
            st.just(c), st.lists(st.floats(-50, 50, width=32), min_size=c.size, max_size=c.size)
        )
    )
)
def test_clamps_as_the_control_itself(case: tuple[Control, list[float]]) -> None:
    control, values = case
    namespace = Namespace({"codec": CONTROLS})
    event = namespace.resolve(f"/codec/{control.name}", values)
    expected, outside = control.clamp(np.asarray(values, np.float32))
    assert np.array_equal(np.asarray(event.value, np.float32), expected)
    assert (namespace.counters["clamped"] > 0) == outside


def test_find_knows_controls_elements_and_global_faders(namespace: Namespace) -> None:
    assert namespace.find("/codec/latent") == (CONTROLS[1], None)
    assert namespace.find("/codec/latent/2") == (CONTROLS[1], 2)
    assert namespace.find("/gain") == (GLOBAL_VALUES["/gain"], None)
    assert namespace.find("/note/off") is None
    assert namespace.find("/codec/latent/4") is None
    assert namespace.find("/codec/latent/²") is None
    assert list(namespace.controls) == [
        "/codec/position", "/codec/latent", "/codec/levels", "/codec/loop", "/room/wet",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["note", "gain", "status", "fail", "a/b", "", "a b", "x" * 65, "é"]
)
def test_plugin_names_that_can_not_be_addresses(name: str) -> None:
    with pytest.raises(ConfigError, match="plugin name"):
        Namespace({name: CONTROLS})


def test_patterns_cost_nothing() -> None:
    """Twelve stars keep a backtracking matcher busy for seconds; here they are just unknown."""
    many = Namespace({f"p{i}": CONTROLS for i in range(200)})
    began = time.process_time()
    for address in ("/" + "*a" * 12, "/p1/" + "*" * 4_000, "/{a,b}" * 1_000, "/[a-z]" * 1_000):
        with pytest.raises(ProtocolError) as caught:
            many.resolve(address, [1.0])
        assert len(str(caught.value)) < 400
    assert time.process_time() - began < 1.0


def test_the_ends_of_a_range_as_float32_are_inside() -> None:
    """0.01 arrives as 0.0099999998: brought to the end, and not counted."""
    namespace = Namespace({"codec": (Control("release", 1, (0.01,), (0.3,), (0.1,)),)})
    for value in (0.01, 0.3):
        sent = struct.unpack(">f", struct.pack(">f", value))[0]
        assert namespace.resolve("/codec/release", [sent]).value[0] == pytest.approx(value)
    assert namespace.counters["clamped"] == 0
    namespace.resolve("/codec/release", [0.00999])
    assert namespace.counters["clamped"] == 1
