"""The file of a matching model proposes what the networks propose, for any number of patches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from export.inverse import matcher_file
from export.inverse.matcher_file import HALF_LIMIT, matcher_onnx
from export.inverse.proposing_graph import values_of
from export.onnx.half_precision import halve_weights
from export.written import Exported
from realtime.match.proposals import Proposer
from synth.contract import MatcherManifest, ModelFileError
from synth.models.inverse import PRESETS, Inverse
from synth.models.package import Package


@pytest.fixture(scope="module")
def package() -> Package:
    """An untrained model, none of whose layers is at zero any more."""
    torch.manual_seed(0)
    model = Inverse(PRESETS["tiny"]).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return Package("inverse", PRESETS["tiny"], model, {}, {"seed": 0})


@pytest.fixture(scope="module")
def made(package: Package) -> tuple[bytes, MatcherManifest]:
    return matcher_onnx(package, "tiny", {}, print)


def test_the_file_proposes_what_the_networks_do(
    package: Package, made: tuple[bytes, MatcherManifest], tmp_path: Path
) -> None:
    """In the units of the parameters; the first is the head's, the key the one that is heard."""
    data, manifest = made
    path = tmp_path / "tiny.onnx"
    path.write_bytes(data)
    proposer = Proposer(path)
    assert proposer.manifest == manifest
    model = package.model
    assert isinstance(model, Inverse)
    assert manifest.names == tuple(model.voice.names)
    time = torch.arange(model.voice.samples) / manifest.sample_rate
    audio = 0.3 * torch.sin(2 * torch.pi * 220 * time) * (time < 1.5)
    spans = np.float32([p.maximum - p.minimum for p in model.voice.parameters_])
    for count in (2, 7):
        found = proposer.propose(audio.numpy(), count, seed=3)
        noise = np.random.default_rng(3).standard_normal((count, len(spans)), np.float32)
        with torch.inference_mode():
            units = model.propose(audio[None], torch.from_numpy(noise))
            wanted = values_of(model, units, model.told(audio)).numpy()
        assert np.abs((found.values - wanted) / spans).max() < HALF_LIMIT
        assert found.values.std(0).max() > 0

        assert found.key == pytest.approx(57, abs=0.1)
        assert found.voiced > 0.5
        assert found.seconds == pytest.approx(1.5, abs=0.05)


def test_a_file_that_proposes_no_numbers_is_never_written(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(audio: torch.Tensor, noise: torch.Tensor) -> list[np.ndarray]:
        return [np.full(tuple(noise.shape), np.nan, np.float32)]

    monkeypatch.setattr(matcher_file, "_runner", lambda graph: run)
    with pytest.raises(ModelFileError, match="inf"):
        matcher_onnx(package, "tiny", {}, print)


def test_the_difference_is_told_as_a_share_of_ranges(made: tuple[bytes, MatcherManifest]) -> None:
    data, manifest = made
    assert "of a parameter's range" in Exported(Path("x.onnx"), len(data), manifest).difference


def test_the_manifest_says_how_exact_it_is(made: tuple[bytes, MatcherManifest]) -> None:
    told = made[1].provenance
    assert told["graph_parity"] < 1e-4
    assert told["graph_parity"] < told["parity"] < HALF_LIMIT
    assert told["seed"] == 0


def test_weights_are_stored_in_half_precision(made: tuple[bytes, MatcherManifest]) -> None:
    """Those of the loop as well, and none of them twice; hearing's tables are not stored at all."""
    model = onnx.load_from_string(made[0])
    (loop,) = [node for node in model.graph.node if node.op_type == "Loop"]
    for graph in (model.graph, loop.attribute[0].g):
        stored = [numpy_helper.to_array(tensor) for tensor in graph.initializer]
        large = [values for values in stored if values.size >= 4_096]
        assert large
        assert all(values.dtype == np.float16 for values in large)
        assert len({values.tobytes() for values in large}) == len(large)
    assert len(made[0]) < 800_000


def test_a_model_that_half_precision_spoils_is_refused(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.inverse.matcher_file.HALF_LIMIT", 1e-9)
    with pytest.raises(ModelFileError, match="half precision"):
        matcher_onnx(package, "x", {}, print)


def test_weights_that_half_precision_cannot_hold_stay() -> None:
    """Infinite ones would be worse than large files."""
    large = numpy_helper.from_array(np.full(300, 1e6, np.float32), "large")
    odd = numpy_helper.from_array(np.full(300, 0.1, np.float32), "odd")
    graph = onnx.helper.make_graph([], "g", [], [], [large, odd])
    model = onnx.helper.make_model(graph)
    halve_weights(model)
    assert [t.name for t in model.graph.initializer] == ["large", "odd"]
    halve_weights(model, rounded=True)
    assert [t.name for t in model.graph.initializer] == ["large", "odd_half"]
