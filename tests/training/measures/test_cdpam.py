"""CDPAM: the published function, our scale and rate, and weights that can't run anything."""

from __future__ import annotations

import hashlib
import os
from importlib import metadata
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from synth.contract import ConfigError, ModelFileError
from training.measures import cdpam_weights
from training.measures.cdpam import CDPAM, FULL_SCALE, HEAD, LAYERS, RATE, CDPAMLoss, channels
from training.measures.cdpam_weights import find_weights, installed_weights, read_weights

needs_package = pytest.mark.skipif(
    not any(metadata.distributions(name="cdpam")), reason="pip install cdpam"
)


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """Of the published shapes, with values that keep a signal's level."""
    random = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random)

    state = {}
    for n in range(LAYERS):
        into, out = channels(n)
        state[f"base_encoder.encoder.{n}.weight"] = normal(out, into, 15) * (1 / (8 * into)) ** 0.5
        state[f"base_encoder.encoder.{n}.bias"] = 0.1 * normal(out)
        norm = f"base_encoder.ebatch.{n}"
        state[f"{norm}.weight"] = 1 + 0.1 * normal(out)
        state[f"{norm}.bias"] = 0.1 * normal(out)
        state[f"{norm}.running_mean"] = 0.1 * normal(out)
        state[f"{norm}.running_var"] = 1 + 0.1 * normal(out).abs()
    size = 512
    for n, wider in enumerate(HEAD):
        state[f"model_dist.convs.{n}.0.weight"] = normal(wider, size) * 0.3
        state[f"model_dist.convs.{n}.0.bias"] = 0.1 * normal(wider)
        state[f"model_dist.chan_w.{n}"] = normal(wider)
        size = wider
    return state


def layer_by_layer(weights: dict[str, Tensor], audio: Tensor) -> Tensor:
    """The encoder as the paper draws it: convolution, batch norm, activation, then decimation."""
    x = audio[:, None]
    for n in range(LAYERS):
        name, norm = f"base_encoder.encoder.{n}", f"base_encoder.ebatch.{n}"
        x = nn.functional.conv1d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=7)
        x = nn.functional.batch_norm(
            x, weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"],
            weights[f"{norm}.weight"], weights[f"{norm}.bias"],
        )  # fmt: skip
        x = nn.functional.leaky_relu(x, 0.1)
        if n % 4 == 3:
            x = x[:, :, ::2]
    x = x.mean(2)[:, :512]
    return x / x.square().sum(1, keepdim=True).sqrt()


@pytest.fixture(scope="module")
def metric(weights: dict[str, Tensor]) -> CDPAM:
    return CDPAM(weights)


def sound(seed: int, *shape: int) -> Tensor:
    return 0.3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_channels_double_every_fourth_layer() -> None:
    assert [channels(n)[1] for n in (0, 2, 3, 7, 11, 15)] == [64, 64, 128, 256, 512, 1024]


@pytest.mark.parametrize("samples", [256, 301])
def test_folded_network_is_the_function_as_drawn(
    weights: dict[str, Tensor], metric: CDPAM, samples: int
) -> None:
    audio = sound(1, 2, samples)
    assert torch.allclose(metric.embed(audio), layer_by_layer(weights, audio), atol=1e-5)


def test_distance_by_hand(weights: dict[str, Tensor], metric: CDPAM) -> None:
    first, second = (metric.embed(sound(n, 2, 200)) for n in (1, 2))
    total, a, b = torch.zeros(2), first, second
    for n in range(len(HEAD)):
        matrix, bias = (weights[f"model_dist.convs.{n}.0.{part}"] for part in ("weight", "bias"))
        a, b = a @ matrix.T + bias, b @ matrix.T + bias
        if n < 3:
            a, b = torch.maximum(a, 0.01 * a), torch.maximum(b, 0.01 * b)
        total += (weights[f"model_dist.chan_w.{n}"] * (a - b)).abs().sum(1)
    assert torch.allclose(metric.between(first, second), total, rtol=1e-5)
    assert torch.allclose(metric.between(second, first), total, rtol=1e-5)
    assert torch.equal(metric.between(first, first), torch.zeros(2))


def test_loss_is_zero_at_identity_and_its_gradient_points_down(metric: CDPAM) -> None:
    loss = CDPAMLoss(metric, seconds=0.02)
    meant, made = sound(1, 2, 320), sound(2, 2, 320).requires_grad_()
    assert loss(meant, meant) == 0
    before = loss(made, meant)
    (slope,) = torch.autograd.grad(before, made)
    step = 1e-3 * slope / slope.norm()
    expected = float((slope * step).sum())
    with torch.no_grad():
        after = loss(made - step, meant)
    assert float(after - before.detach()) == pytest.approx(-expected, rel=0.1)
    assert all(not p.requires_grad for p in loss.parameters())


def test_gradient(metric: CDPAM) -> None:
    precise = CDPAMLoss(metric.double(), seconds=0.002)
    made, meant = sound(1, 1, 32).double().requires_grad_(), sound(2, 1, 32).double()
    # Differences are taken over so little that no activation changes sides.
    check = torch.autograd.gradcheck(
        lambda x: precise(x, meant), made, eps=1e-9, atol=1e-3, fast_mode=True
    )
    metric.float()
    assert check


def test_sounds_reach_the_metric_at_its_rate_and_scale(weights: dict[str, Tensor]) -> None:
    heard: list[Tensor] = []

    class Listening(CDPAM):
        def embed(self, audio: Tensor) -> Tensor:
            heard.append(audio)
            return super().embed(audio)

    loss = CDPAMLoss(Listening(weights), seconds=0.1)
    constant = torch.full((1, 800), 0.5)  # 0.1 s at 8 kHz
    loss(constant, constant)
    for audio in heard:
        assert audio.shape == (1, round(0.1 * RATE))
        assert torch.allclose(audio, torch.tensor(0.5 * FULL_SCALE))


def save_old(path: Path, data: object) -> str:
    """As torch saved before 1.6; returns the digest."""
    torch.save(data, path, _use_new_zipfile_serialization=False)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_weights_of_the_old_format_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    state = {"a": torch.arange(6.0).reshape(2, 3).t(), "steps": torch.tensor([3])}
    digest = save_old(path, {"epochs": 7, "optim": {"lr": 0.1}, "state": state})
    found = read_weights(path, digest)
    assert set(found) == {"a", "steps"}
    assert torch.equal(found["a"], state["a"])


def test_another_file_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    digest = save_old(path, {"state": {}})
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ModelFileError, match=r"is not the weights of cdpam .*force-reinstall"):
        read_weights(path, digest)
    with pytest.raises(ModelFileError, match="can't be read"):
        read_weights(tmp_path / "absent.pth", digest)


class Program:
    """Pickles as a call of `os.mkdir`."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> object:
        return os.mkdir, (str(self.place),)


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path) -> None:
    path, trace = tmp_path / "evil.pth", tmp_path / "trace"
    digest = save_old(path, {"state": {}, "more": Program(trace)})
    with pytest.raises(ModelFileError, match=r"posix\.mkdir is refused"):
        read_weights(path, digest)
    assert not trace.exists()
    digest = save_old(path, {"state": {"a": torch.ones(1), "b": nn.Linear(1, 1)}})
    with pytest.raises(ModelFileError, match="is refused"):
        read_weights(path, digest)
    digest = save_old(path, {"state": {"a": 1}})
    with pytest.raises(ModelFileError, match="no tensors under 'state'"):
        read_weights(path, digest)
    path.write_bytes(b"\x80\x02garbage")
    with pytest.raises(ModelFileError, match="can't be read as tensors"):
        read_weights(path, hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdpam_weights, "PACKAGE", "synth-no-such-package")
    with pytest.raises(ConfigError, match=r"pip install cdpam, or --cdpam 0"):
        find_weights()


def test_weights_of_another_shape_are_named(weights: dict[str, Tensor]) -> None:
    wrong = {**weights, "model_dist.chan_w.3": torch.ones(5)}
    with pytest.raises(ModelFileError, match=r"model_dist\.chan_w\.3 needs shape \(4,\)"):
        CDPAM(wrong)
    with pytest.raises(ModelFileError, match="got nothing"):
        CDPAM({})


@needs_package
def test_published_weights_hear_what_a_listener_would() -> None:
    loss = CDPAMLoss(CDPAM(installed_weights()), seconds=0.25)
    time = torch.arange(4_000) / 16_000
    tone = 0.3 * torch.sin(2 * torch.pi * 440 * time) * torch.exp(-6 * time)
    tone, hiss = tone[None], sound(0, 1, 4_000)
    barely, clearly = (float(loss(tone + level * hiss, tone)) for level in (1e-4, 1e-1))
    assert 0 <= barely < 0.2 * clearly
    assert float(loss(tone, tone)) == 0
