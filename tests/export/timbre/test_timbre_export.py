"""Exported timbre spaces: the file plays what the model does, also in the engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from timbre_sines import STATISTICS, hertz, peak, space

from export.families import EXPORT
from export.timbre.instrument_file import generator_onnx
from export.written import Exported
from realtime.engine.settings import EngineSettings
from realtime.namespace.event import NOW, Event
from realtime.plugins.onnx.file import read_instrument
from realtime.plugins.rack import build_engine
from synth.contract import ConfigError, Manifest
from synth.models.package import Package


def package(**kinds: Any) -> Package:
    model = space(**kinds)
    return Package("timbre", model.config, model, STATISTICS, {})


def made(weights: str = "fp32", sample_rate: int = 48_000) -> tuple[bytes, Manifest]:
    options = {"sample_rate": sample_rate, "weights": weights}
    return generator_onnx(package(floor=1e-4), "tones", options, lambda text: None)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("exported") / "tones.onnx"
    path.write_bytes(made()[0])
    return path


def test_the_file_plays_what_the_model_does(exported: Path) -> None:
    _, manifest = read_instrument(exported)
    assert manifest.provenance["parity"] < 1e-4
    assert manifest.latency == 0
    assert manifest.sounds == ("bright", "dark")
    assert manifest.with_role("brightness") is not None
    assert [r.name for r in manifest.random] == ["noise_draws"]


def test_half_precision_halves_the_file(exported: Path) -> None:
    data, manifest = made("fp16", 22_050)
    assert len(data) < 0.75 * exported.stat().st_size
    assert manifest.provenance["weights"] == "fp16"
    assert manifest.provenance["graph_parity"] < 1e-4
    assert manifest.provenance["parity"] < 0.02
    told = Exported(exported, len(data), manifest).difference
    assert "weights are rounded to fp16" in told


def test_waves_are_not_in_the_file(exported: Path) -> None:
    graph = onnx.load(exported).graph
    assert max(np.prod(t.dims) for t in graph.initializer) <= 410 * 136
    assert any(node.op_type == "Sin" for node in graph.node)


def test_it_plays_in_the_engine(exported: Path) -> None:
    """In tune, each note bent by itself, brighter with the third dimension of its controller."""
    engine = build_engine(EngineSettings((str(exported),), voices=4))
    engine.schedule(Event(NOW, "/note/on", (69.0, 100.0)))
    sound = torch.from_numpy(engine.render(48_000)[0][12_000:])
    stats = engine.stats()
    engine.close()
    assert (stats["plugin_errors"], stats["muted_hops"]) == (0, 0)
    assert abs(1200 * np.log2(peak(sound, 440.0)[0] / hertz(69))) < 0.1


HOP = 256
# Of a note that is moved, and of one that is left as it is: no partial of one is near the other's.
KEYS = (60.0, 66.0)
BEND = 2.0


def played(path: Path, moves: Mapping[str, float]) -> np.ndarray:
    """Half a second of two notes, without noise, and as much after one of them was moved; softly,
    so that nothing limits them."""
    engine = build_engine(EngineSettings((str(path),), voices=4))
    engine.schedule(Event(NOW, "/tones/noise", (-60.0,)))
    engine.schedule(Event(NOW, "/tones/gain", (-24.0,)))
    engine.render(40 * HOP)
    for key in KEYS:
        engine.schedule(Event(NOW, "/note/on", (key, 90.0)))
    parts = [engine.render(94 * HOP)[0]]
    for address, value in moves.items():
        engine.schedule(Event(NOW, address, (KEYS[0], value)))
    parts.append(engine.render(94 * HOP)[0])
    stats = engine.stats()
    engine.close()
    assert (stats["plugin_errors"], stats["muted_hops"]) == (0, 0)
    sound: np.ndarray = np.concatenate(parts)
    return sound


def heights(sound: np.ndarray, key: float, count: int = 3) -> np.ndarray:
    """Level in dB of the first partials of a key."""
    late = torch.from_numpy(sound[-60 * HOP :].astype(np.float32))
    found = [peak(late, number * hertz(key))[1] for number in range(1, count + 1)]
    return 20 * np.log10(np.array(found))


@pytest.mark.parametrize(
    ("address", "value"), [("/note/bend", BEND), ("/note/pressure", 1.0), ("/note/timbre", 1.0)]
)
def test_one_note_is_moved_and_the_other_stays(exported: Path, address: str, value: float) -> None:
    still, moved = played(exported, {}), played(exported, {address: value})
    assert np.abs(heights(moved, KEYS[1]) - heights(still, KEYS[1])).max() < 0.1
    if address == "/note/bend":
        late = torch.from_numpy(moved[-60 * HOP :].astype(np.float32))
        found = peak(late, hertz(KEYS[0] + BEND))[0]
        assert abs(1200 * np.log2(found / hertz(KEYS[0] + BEND))) < 0.2
        return
    change = heights(moved, KEYS[0]) - heights(still, KEYS[0])
    if address == "/note/pressure":
        assert change.min() > 3.0, "louder"
    else:
        assert change[-1] - change[0] > 1.0, "brighter"


def test_axes_jump_without_a_click_in_the_engine(exported: Path) -> None:
    engine = build_engine(EngineSettings((str(exported),), voices=1))
    engine.schedule(Event(NOW, "/tones/noise", (-60.0,)))
    engine.render(40 * HOP)
    engine.schedule(Event(NOW, "/note/on", (60.0, 90.0)))
    parts = []
    for value in (-1.0, 1.0, -1.0):
        engine.schedule(Event(NOW, "/tones/latent", (value, value, 0.0, 0.0)))
        parts.append(engine.render(94 * HOP)[0])
    engine.close()
    bend = [np.abs(np.diff(part[-60 * HOP :], 2)).max() for part in parts]
    for at in (1, 2):
        joined = np.concatenate([parts[at - 1][-2:], parts[at][: 30 * HOP]])
        assert np.abs(np.diff(joined, 2)).max() < 1.1 * max(bend)


def test_a_model_without_anchors_is_refused() -> None:
    bare = package()
    bare.model.anchor_times.zero_()  # type: ignore[operator, union-attr]
    with pytest.raises(ConfigError, match="no anchors"):
        generator_onnx(bare, "x", {"sample_rate": 48_000, "weights": "fp32"}, print)


def test_the_row_has_what_it_needs() -> None:
    (form,) = EXPORT["timbre"].forms
    assert form.name == "generator"
    assert {option.name for option in form.options} == {"sample_rate", "weights"}
    assert form.formats["onnx"]() is generator_onnx
