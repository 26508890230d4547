"""`synth doctor` says what is there, and outlives whatever it looks at."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy
import pytest

from realtime.session.doctor import (
    Check,
    answer_of,
    check_package,
    examine,
)


def by_name(checks: list[Check]) -> dict[str, Check]:
    found = {check.name: check for check in checks}
    assert len(found) == len(checks)
    return found


def python(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_every_fault_has_a_remedy_and_nothing_else_has_one() -> None:
    for check in examine():
        assert bool(check.remedy) != check.ok, check
        assert check.detail
        assert "\n" not in check.detail + check.remedy


def test_names_each_requirement_with_its_version() -> None:
    found = by_name(examine())
    names = {"numpy": True, "onnxruntime": True, "torch": False, "lightning": False}
    for name, needed in names.items():
        assert found[name].detail == metadata.version(name)
        assert found[name].ok
        assert found[name].needed == needed
    assert {"pytest", "wandb"}.isdisjoint(found)
    assert found["Python"].ok


def test_missing_and_outdated_packages() -> None:
    absent = check_package("no-such-package-here", ">=2.0", needed=True)
    assert not absent.ok
    assert absent.remedy == f"{sys.executable} -m pip install 'no-such-package-here>=2.0'"
    extra = check_package("no-such-package-here", ">=2.0", needed=False)
    assert extra.remedy == f"{sys.executable} -m pip install -c constraints.txt -e '.[train]'"
    major = int(numpy.__version__.split(".")[0])
    for versions, ok in (
        (f">={major}", True),
        (f">={major}.0.0,<{major + 1}", True),
        (f">={major + 1}", False),
        (f"<{major}.0", False),
        (f"<={numpy.__version__}", True),
        (f">{numpy.__version__}", False),
        ("", True),
    ):
        check = check_package("numpy", versions, needed=False)
        assert check.ok == ok, versions
        assert numpy.__version__ in check.detail
    assert absent.needed
    assert not extra.needed


def test_bundled_instrument_plays() -> None:
    check = by_name(examine())["bundled instrument"]
    assert check.ok, check
    assert "sounds, plays" in check.detail


@pytest.mark.peers
@pytest.mark.usefixtures("jack_server")
def test_finds_the_jack_server() -> None:
    found = by_name(examine())
    assert found["PortAudio"].ok
    assert "JACK" in found["output device"].detail
    assert found["MIDI"].ok
    assert "jackd" in found["sound server"].detail.split("running:")[1]


def test_missing_portaudio_and_a_crashing_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What sounddevice raises where the library is missing, and a native library that dies.
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    (tmp_path / "rtmidi.py").write_text("import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = by_name(examine())
    assert "PortAudio library not found" in found["PortAudio"].detail
    assert not found["PortAudio"].ok
    if sys.platform == "linux":
        assert found["PortAudio"].remedy == "sudo apt-get install libportaudio2"
    assert "died with code" in found["MIDI"].detail
    assert found["onnxruntime"].ok


def test_missing_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    check = by_name(examine())["FluidSynth"]
    assert not check.ok
    assert not check.needed
    assert "program" in check.detail


def test_probe_that_hangs_is_ended_and_chatter_is_no_answer() -> None:
    hung = python("import time; time.sleep(60)")
    assert answer_of(hung, 0.3) == "no answer within 0.3 s"
    assert hung.poll() is not None
    assert "died with code 0" in answer_of(python("print('hello')"))
    assert "died with code 7" in answer_of(python("raise SystemExit(7)"))
    assert answer_of(python("print('chatter'); print('{\"found\": [1]}')")) == [1]


def test_no_torch_and_no_native_library_in_this_process() -> None:
    code = (
        "import sys; from realtime.session.doctor import examine; examine();"
        "bad = {'torch', 'torchaudio', 'sounddevice', 'rtmidi', 'onnxruntime'} & set(sys.modules);"
        "sys.exit(f'imported {bad}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
