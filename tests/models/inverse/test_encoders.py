"""Encoders of inverse synthesis: shapes, gradients, export, what they refuse."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from export.onnx.tracing import trace_graph
from synth.contract import ConfigError
from synth.models.inverse.encoders import (
    OF_WAVEFORMS,
    JoinedEncoder,
    MobileEncoder,
    PretrainedEncoder,
    dry_run,
    make_encoder,
)


@dataclass(frozen=True)
class Config:
    encoder: str
    dim: int = 12
    widths: tuple[int, ...] = (8, 16)
    depths: tuple[int, ...] = (1, 2)
    expansion: int = 2
    patch: int = 4
    dilations: tuple[int, ...] = (1, 2, 3, 5)
    dropout: float = 0.0
    sample_rate: int = 16_000
    bands: int = 24
    window: int = 512
    hop: int = 384


def build(name: str, shape: tuple[int, ...]) -> nn.Module:
    torch.manual_seed(3)
    return make_encoder(Config(name), shape)


CASES = [("mobile", (1, 24, 43)), *((name, (1, 6_000)) for name in OF_WAVEFORMS)]


@pytest.mark.parametrize(
    ("name", "shape"),
    [*CASES, ("mobile", (3, 13, 5)), ("mobile", (15, 33, 34)), ("sample", (1, 6_001)),
     ("multiresolution", (2, 4_999)), ("diagonal", (1, 77))],
)  # fmt: skip
def test_any_shape_becomes_an_embedding(name: str, shape: tuple[int, ...]) -> None:
    encoder = build(name, shape)
    assert encoder(torch.randn(3, *shape)).shape == (3, 12)
    assert dry_run(encoder, shape) == (12,)


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_gradients_reach_every_weight(name: str, shape: tuple[int, ...]) -> None:
    encoder = build(name, shape)
    (encoder(torch.randn(4, *shape)) ** 3).sum().backward()
    for part, weight in encoder.named_parameters():
        assert weight.grad is not None, part
        assert weight.grad.abs().sum() > 0, part


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_the_exported_encoder_equals_torch(name: str, shape: tuple[int, ...]) -> None:
    encoder, example = build(name, shape).eval(), torch.randn(2, *shape)
    graph = trace_graph(encoder, [example], ["x"], ["embedding"], {})
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    (made,) = session.run(None, {"x": example.numpy()})
    with torch.no_grad():
        assert np.abs(made - encoder(example).numpy()).max() < 1e-4


def test_when_something_happens_matters() -> None:
    encoder = build("mobile", (1, 24, 43)).eval()
    early, late = torch.zeros(2, 1, 1, 24, 43)
    early[..., 4:8] = 1
    late[..., 36:40] = 1
    assert not torch.allclose(encoder(early), encoder(late), atol=1e-3)


def test_a_dry_run_leaves_statistics_and_mode_alone() -> None:
    encoder = build("mobile", (1, 24, 43)).train()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    dry_run(encoder, (1, 24, 43))
    assert encoder.training
    assert all(torch.equal(before[name], t) for name, t in encoder.state_dict().items())


def test_dilations_reach_farther_along_the_frequency_only() -> None:
    def reach(dilations: tuple[int, ...]) -> tuple[int, int]:
        torch.manual_seed(0)
        encoder = MobileEncoder((1, 64, 64), 4, (8,), (2,), dilations=dilations).eval()
        picture = torch.randn(1, 1, 64, 64, requires_grad=True)
        encoder.picture(picture)[..., 8, 8].sum().backward()
        assert picture.grad is not None
        seen = picture.grad[0, 0] != 0
        return int(seen.any(1).sum()), int(seen.any(0).sum())

    plain, prime = reach((1,)), reach((3, 5))
    assert prime[0] > plain[0]
    assert prime[1] == plain[1]


def test_joined_branches_are_all_used() -> None:
    branches = [nn.Linear(4, 3), nn.Linear(4, 5)]
    encoder = JoinedEncoder((4,), 2, branches)
    assert encoder.output[1].in_features == 8
    (encoder(torch.randn(6, 4)) ** 3).sum().backward()
    assert all(branch.weight.grad is not None for branch in branches)


def test_encoders_refuse_what_they_do_not_take() -> None:
    with pytest.raises(ConfigError, match="'resnet' is unknown"):
        build("resnet", (1, 24, 43))
    with pytest.raises(ConfigError, match="doesn't take the front end's waveforms"):
        build("mobile", (1, 6_000))
    with pytest.raises(ConfigError, match="doesn't take the front end's pictures"):
        build("sample", (1, 24, 43))
    with pytest.raises(ConfigError, match="one for each stage"):
        MobileEncoder((1, 24, 43), 4, (8, 16), (1,))
    with pytest.raises(ConfigError, match="at least 4 x 4"):
        MobileEncoder((1, 3, 43))
    with pytest.raises(ConfigError, match="12 samples"):
        build("sample", (1, 12))


def test_without_torchvision_the_pretrained_encoder_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(ConfigError, match="needs torchvision"):
        build("pretrained", (3, 24, 43))


def test_pretrained_features_come_down_to_an_embedding(monkeypatch: pytest.MonkeyPatch) -> None:
    def mobilenet_v3_small(weights: str | None) -> object:
        assert weights is None  # nothing is fetched
        return SimpleNamespace(features=nn.Conv2d(3, 20, 3, stride=2, padding=1))

    module = SimpleNamespace(mobilenet_v3_small=mobilenet_v3_small)
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace(models=module))
    monkeypatch.setitem(sys.modules, "torchvision.models", module)
    for shape in [(3, 64, 65), (1, 31, 90)]:
        encoder = build("pretrained", shape)
        assert isinstance(encoder, PretrainedEncoder)
        assert isinstance(encoder.features, nn.Conv2d)
        assert encoder(torch.randn(2, *shape)).shape == (2, 12)
