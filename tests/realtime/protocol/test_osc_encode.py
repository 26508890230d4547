"""What is sent: one encoder, and a fast one for streams of floats that has to agree with it."""

from __future__ import annotations

import struct

import pytest

from realtime.protocol.osc_encode import encode_floats, encode_message


def test_floats_are_encoded_as_python_osc_does() -> None:
    for values in ([], [0.5], [0.1, -2.0, 3e38], [1.0] * 9):
        assert encode_floats("/codec/latent", values) == encode_message("/codec/latent", values)
    tail = encode_floats("/a", [float("nan"), float("inf")])[-8:]
    assert struct.unpack(">ff", tail) == (0.0, pytest.approx(3.4028234e38))
