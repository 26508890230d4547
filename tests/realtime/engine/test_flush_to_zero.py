"""Subnormal numbers are flushed while sound is made, and nowhere else."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from realtime.engine.settings import EngineSettings
from realtime.engine.signal.flush_to_zero import flush_to_zero
from realtime.namespace.event import NOW, Event
from realtime.plugins.onnx.plugin import OnnxPlugin
from realtime.plugins.rack import build_engine
from tests.realtime.whisper_instrument import LEVEL, write_whisper

# Alone in a process: a runtime that sets the mode when its first session is made does so once.
LIFE = """
import sys, threading
import numpy as np
from realtime.plugins.onnx.plugin import OnnxPlugin
from realtime.plugins.rack import build_engine
from realtime.engine.settings import EngineSettings

def kept(found):
    found.append(bool(np.float32(1e-45) * np.float32(1) != 0))

plugin = OnnxPlugin(sys.argv[1])
plugin.prepare(2)
controls = {c.name: c.default_array[None] for c in plugin.manifest.controls}
plugin.process(np.arange(1), controls, None)
build_engine(EngineSettings((sys.argv[1],))).render(256)
found = []
kept(found)
thread = threading.Thread(target=kept, args=(found,))
thread.start()
thread.join()
print(found)
"""


def keeps_subnormals() -> bool:
    return bool(np.float32(1e-45) * np.float32(1) != 0)


def test_the_mode_ends_with_the_block() -> None:
    """Also when nested, and where the block raises; another thread never has it."""
    elsewhere: list[bool] = []
    other = threading.Thread(target=lambda: elsewhere.append(keeps_subnormals()))
    other.start()
    other.join()
    with flush_to_zero():
        assert not keeps_subnormals()
        with flush_to_zero():
            assert not keeps_subnormals()
        assert not keeps_subnormals()
    assert keeps_subnormals()
    with pytest.raises(ZeroDivisionError), flush_to_zero():
        _ = 1 / 0
    assert keeps_subnormals()
    assert elsewhere == [True]


def test_an_instrument_leaves_the_mode_of_its_callers_alone(tmp_path: Path) -> None:
    """Made, prepared and run, by itself and in an engine; here and in a thread started later."""
    program = [sys.executable, "-c", LIFE, str(write_whisper(tmp_path))]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "[True, True]\n", done.stderr[-2000:]


def test_an_engine_flushes(tmp_path: Path) -> None:
    """A note that is made of a subnormal number is silent; the same plugin outside plays it."""
    path = write_whisper(tmp_path)
    plugin = OnnxPlugin(path)
    plugin.prepare(1)
    controls = {"gate": np.ones((1, 1), np.float32), "aloud": np.zeros((1, 1), np.float32)}
    assert np.abs(plugin.process(np.arange(1), controls, None)).max() == pytest.approx(LEVEL)
    engine = build_engine(EngineSettings((str(path),)))
    engine.schedule(Event(NOW, "/note/on", (60.0, 127.0)))
    assert not engine.render(4800).any()
    engine.schedule(Event(NOW, f"/{next(iter(engine.strips))}/aloud", (1.0,)))
    assert np.abs(engine.render(4800)).max() > LEVEL / 2
