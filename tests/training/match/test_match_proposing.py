"""Proposers: a model's file and its export name the same patches; wrong ones are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from match_sounds import tone
from torch import Tensor

from export.inverse.matcher_file import HALF_LIMIT, matcher_onnx
from synth.contract import ModelFileError
from synth.models.inverse import PRESETS, Inverse
from synth.models.inverse.voices import Voice, make_voice
from synth.models.package import Package, pack
from training.match.proposing import ModelProposer, OnnxProposer, find_proposer


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run: an untrained model, and its export."""
    torch.manual_seed(0)
    model = Inverse(PRESETS["tiny"]).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    folder = tmp_path_factory.mktemp("run")
    torch.save(pack("inverse", model, PRESETS["tiny"], {}, {"seed": 0}), folder / "model.pt")
    package = Package("inverse", PRESETS["tiny"], model, {}, {})
    data, _ = matcher_onnx(package, "tiny", {}, lambda text: None)
    (folder / "tiny.onnx").write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def voice() -> Voice:
    return make_voice("modular", PRESETS["tiny"].sample_rate)


def noise(count: int) -> Tensor:
    names = make_voice("modular").names
    return torch.randn(count, len(names), generator=torch.Generator().manual_seed(1))


def sound(voice: Voice) -> Tensor:
    whole = torch.zeros(1, voice.samples)
    note = tone(220, 1.5, voice.sample_rate, 0.3)
    whole[0, : len(note)] = note
    return whole


@pytest.mark.parametrize("count", [1, 2, 7])
def test_an_export_proposes_what_its_model_does(count: int, run: Path, voice: Voice) -> None:
    """In the units of the parameters: near the end of a curve, a knob turns far for little."""
    audio = sound(voice)
    models = (ModelProposer(run / "model.pt", voice), OnnxProposer(run / "tiny.onnx", voice))
    wanted, found = (model.propose(audio, noise(count)) for model in models)
    assert found.shape == (count, len(voice.names))
    a, b = voice.values(wanted), voice.values(found)
    for p in voice.parameters_:
        away = (a[p.name] - b[p.name]).abs() / (p.maximum - p.minimum)
        assert float(away.max()) < HALF_LIMIT, p.name
    if count > 2:
        assert float(found[1:].std(0).max()) > 0.01


def test_a_shorter_sound_is_one_that_ends_in_silence(run: Path, voice: Voice) -> None:
    proposer = OnnxProposer(run / "tiny.onnx", voice)
    whole = sound(voice)
    short = whole[:, : 2 * voice.sample_rate]
    torch.testing.assert_close(proposer.propose(short, noise(3)), proposer.propose(whole, noise(3)))


def test_the_folder_of_a_run_is_its_model(run: Path, voice: Voice) -> None:
    found = find_proposer(run, voice)
    assert isinstance(found, ModelProposer)
    assert isinstance(find_proposer(run / "tiny.onnx", voice), OnnxProposer)


@pytest.mark.parametrize("name", ["model.pt", "tiny.onnx"])
def test_a_model_of_another_voice_is_refused(name: str, run: Path) -> None:
    with pytest.raises(ModelFileError, match=rf"{name}.*not of fm; choose --voice modular"):
        find_proposer(run / name, make_voice("fm", PRESETS["tiny"].sample_rate))


@pytest.mark.parametrize("name", ["model.pt", "tiny.onnx"])
def test_a_model_of_another_rate_is_refused(name: str, run: Path) -> None:
    with pytest.raises(ModelFileError, match=r"another rate.*train and\s+export it again"):
        find_proposer(run / name, make_voice("modular", PRESETS["tiny"].sample_rate // 2))


class Damaged:
    """A session of onnxruntime whose model proposes what it is told to."""

    def __init__(self, found: np.ndarray | Exception) -> None:
        self.found = found

    def run(self, names: list[str], feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        if isinstance(self.found, Exception):
            raise self.found
        return [self.found]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (np.full((3, 78), np.nan, np.float32), "not finite; export it again"),
        (np.zeros((3, 77), np.float32), r"proposes \(3, 77\) numbers"),
        (RuntimeError("bad node"), r"doesn't run \(bad node\)"),
    ],
)
def test_a_damaged_export_says_so(
    found: np.ndarray | Exception, words: str, run: Path, voice: Voice
) -> None:
    proposer = OnnxProposer(run / "tiny.onnx", voice)
    proposer._session = Damaged(found)
    with pytest.raises(ModelFileError, match=rf"tiny\.onnx: .*{words}"):
        proposer.propose(sound(voice), noise(3))


def test_a_damaged_model_says_so(run: Path, voice: Voice) -> None:
    proposer = ModelProposer(run / "model.pt", voice)
    with torch.no_grad():
        next(iter(proposer._model.head.parameters())).fill_(float("nan"))
    with pytest.raises(ModelFileError, match=r"model\.pt: .*not finite; train it again"):
        proposer.propose(sound(voice), noise(3))


def test_an_instrument_is_no_matching_model(tmp_path: Path, voice: Voice) -> None:
    instrument = Path(__file__).parents[3] / "synth" / "instruments" / "modular.onnx"
    with pytest.raises(ModelFileError, match=r"no matching model; `synth export`"):
        find_proposer(instrument, voice)
    with pytest.raises(ModelFileError, match="no such model"):
        find_proposer(tmp_path / "none.onnx", voice)


def test_the_bundled_model_is_that_of_the_modular_voice() -> None:
    found = find_proposer(None, make_voice("modular"))
    assert isinstance(found, OnnxProposer)
    assert find_proposer(None, make_voice("drum")) is None
