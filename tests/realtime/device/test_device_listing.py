"""Finding the device that a person means."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from realtime.device.listing import AudioDevice, find_device
from synth.contract import DeviceError
from tests.conftest import JackServer


def device(index: int, name: str, outputs: int = 2, inputs: int = 0, **rest: bool) -> AudioDevice:
    return AudioDevice(index, name, "ALSA", outputs, inputs, 48_000, 5.0, 5.0, **rest)


CARDS = [
    device(0, "HDMI"),
    device(1, "Scarlett 2i2", inputs=2, default_output=True),
    device(2, "Scarlett 18i20", inputs=18, default_input=True),
    device(3, "Microphone", outputs=0, inputs=1),
]


@pytest.mark.parametrize(
    ("wanted", "kind", "index"),
    [
        ("", "output", 1),
        ("", "input", 2),
        ("0", "output", 0),
        ("hdmi", "output", 0),
        ("2i2", "output", 1),
        ("Scarlett 2i2 [ALSA]", "input", 1),
        ("mic", "input", 3),
    ],
)
def test_a_device_is_named_by_index_or_part_of_its_name(wanted: str, kind: str, index: int) -> None:
    """Index, label or a part of it, whatever the case; nothing means the default."""
    assert find_device(CARDS, wanted, kind).index == index


@pytest.mark.parametrize(
    ("wanted", "kind", "problem"),
    [("nord", "output", "not there"), ("scarlett", "output", "several"), ("3", "output", "there")],
)
def test_a_wrong_name_lists_the_right_ones(wanted: str, kind: str, problem: str) -> None:
    """The message says what is there, of that kind only."""
    with pytest.raises(DeviceError, match=problem) as caught:
        find_device(CARDS, wanted, kind)
    assert "Scarlett 2i2" in str(caught.value)
    assert "Microphone" not in str(caught.value)


def test_no_device_at_all_says_what_to_do() -> None:
    """The next steps are named."""
    with pytest.raises(DeviceError, match="--driver null"):
        find_device([], "")


LIST = "import realtime.device.listing as d; print([x.label for x in d.list_devices()])"


def test_looking_for_devices_is_quiet() -> None:
    """Without server and sound card, ALSA's and JACK's libraries complain on stderr; we don't."""
    environment = {**os.environ, "JACK_DEFAULT_SERVER": "no-such-server"}
    done = subprocess.run(
        [sys.executable, "-c", LIST], env=environment, capture_output=True, check=True, timeout=30
    )
    assert done.stderr == b""
    assert done.stdout.startswith(b"[")


@pytest.mark.peers
def test_a_jack_server_is_a_device(jack_server: JackServer) -> None:
    """PortAudio sees the server that the environment names."""
    done = subprocess.run([sys.executable, "-c", LIST], capture_output=True, check=True, timeout=30)
    assert b"system [JACK Audio Connection Kit]" in done.stdout
