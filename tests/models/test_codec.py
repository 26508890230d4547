"""The codec: every preset streams, and every setting is checked and does something."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from synth.contract import ConfigError, config_from_dict, config_to_dict
from synth.models.codec import PRESETS, Codec, CodecConfig

SMALL = CodecConfig(
    channels=4, strides=(2, 3), dilations=(1, 2), kernel=3, latent_dim=6, levels=3, codebook_size=8
)


def built(config: CodecConfig, seed: int = 0) -> Codec:
    torch.manual_seed(seed)
    return Codec(config).eval()


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1)) * 0.3


@pytest.mark.parametrize("name", PRESETS)
def test_presets_stream(name: str) -> None:
    codec, hop = built(PRESETS[name]), PRESETS[name].hop
    x = noise(2, 1, 6 * hop)
    with torch.inference_mode():
        latent, whole = codec.encode(x), codec.decode(codec.encode(x))
        encoder, decoder, frames, parts = (
            codec.encoder.init_state(2),
            codec.decoder.init_state(2),
            [],
            [],
        )
        for part in x.split([hop, 3 * hop, 2 * hop], dim=2):
            z, encoder = codec.encoder.step(part, encoder)
            y, decoder = codec.decoder.step(z, decoder)
            frames.append(z)
            parts.append(y)
    assert latent.shape == (2, PRESETS[name].latent_dim, 6)
    torch.testing.assert_close(torch.cat(frames, 2), latent, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(torch.cat(parts, 2), whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", PRESETS)
def test_one_hop_of_input_changes_the_output_from_that_hop_on(name: str) -> None:
    codec, hop = built(PRESETS[name]), PRESETS[name].hop
    x = noise(1, 1, 4 * hop)
    other = x.clone()
    other[..., 2 * hop : 3 * hop] += 0.5
    with torch.inference_mode():
        a, b = codec.decode(codec.encode(x)), codec.decode(codec.encode(other))
    torch.testing.assert_close(a[..., : 2 * hop], b[..., : 2 * hop])
    assert not torch.allclose(a[..., 2 * hop : 3 * hop], b[..., 2 * hop : 3 * hop])


def test_preset_sizes() -> None:
    size = {n: sum(p.numel() for p in Codec(c).parameters()) for n, c in PRESETS.items()}
    assert size["tiny"] <= 600_000
    assert size["tiny"] < size["small"] < size["base"]
    assert PRESETS["base"].hop == 320
    assert PRESETS["base"].sample_rate == 24_000


def test_any_length_comes_back_as_long_as_it_was() -> None:
    codec = built(SMALL)
    for samples in (1, 5, 6, 7, 100):
        out = codec(noise(1, 1, samples))
        assert out.audio.shape == (1, 1, samples)
        assert out.latent.shape[2] == out.codes.shape[2] == -(-samples // SMALL.hop)


def test_gradient_reaches_every_parameter() -> None:
    codec = Codec(SMALL).train()
    out = codec(noise(4, 1, 60))
    (out.audio.square().mean() + out.commitment).backward()
    idle = [n for n, p in codec.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


OUT_OF_RANGE = {
    "sample_rate": (15_999, 48_001),
    "audio_channels": (0, 3),
    "channels": (0, 1025),
    "strides": ((), (0,), (17,), (1,) * 9, (16,) * 4),
    "dilations": ((0,), (82,), (1,) * 9),
    "compress": (0, 17),
    "kernel": (0, 64),
    "latent_dim": (0, 1025),
    "max_channels": (3, 4097),
    "activation": ("tanh",),
    "bottleneck": ("none",),
    "levels": (0, 33),
    "codebook_size": (1, 65_537),
    "codebook_decay": (0.4, 1.0),
    "stale_usage": (-0.1, 1.1),
    "level_dropout": (-0.1, 1.1, float("nan")),
    "bypass": (-0.1, 1.1),
}
CASES = [(name, value) for name, values in OUT_OF_RANGE.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    word = "strides" if name == "strides" else name
    with pytest.raises(ConfigError, match=word):
        dataclasses.replace(SMALL, **{name: value})


# `weight_norm` is a yes or no, which its type checks; every other field has a refusal above.
def test_every_field_has_a_refusal() -> None:
    assert {f.name for f in dataclasses.fields(CodecConfig)} - set(OUT_OF_RANGE) == {"weight_norm"}


# What moves when one setting moves: the shape of the model, what an untrained one computes, or what
# a training pass does.
CHANGES = {
    "audio_channels": 2,
    "channels": 5,
    "strides": (3, 2),
    "dilations": (1, 3),
    "compress": 2,
    "kernel": 5,
    "latent_dim": 7,
    "max_channels": 5,
    "activation": "leaky_relu",
    "weight_norm": False,
    "levels": 2,
    "codebook_size": 9,
    "codebook_decay": 0.6,
    "stale_usage": 0.9,
    "level_dropout": 1.0,
    "bypass": 1.0,
}
# The rate says what the numbers mean, not how they are computed; "rvq" is the one bottleneck yet.
DESCRIPTIVE = {"sample_rate", "bottleneck"}


def fingerprint(config: CodecConfig) -> list[object]:
    torch.manual_seed(0)
    codec = Codec(config).train()
    shapes = [(name, tuple(value.shape)) for name, value in codec.state_dict().items()]
    x = noise(8, config.audio_channels, 60)
    for _ in range(2):
        out = codec(x)
    return [*shapes, out.audio.tolist(), codec.bottleneck.codebooks.tolist()]


@pytest.mark.parametrize("name", CHANGES)
def test_every_field_changes_something(name: str) -> None:
    base = dataclasses.replace(SMALL, level_dropout=0.0, bypass=0.0)
    changed = dataclasses.replace(base, **{name: CHANGES[name]})
    assert fingerprint(base) == fingerprint(base)
    assert fingerprint(changed) != fingerprint(base)


def test_every_field_is_watched() -> None:
    fields = {f.name for f in dataclasses.fields(CodecConfig)}
    assert fields == set(CHANGES) | DESCRIPTIVE


def test_config_survives_plain_data() -> None:
    for config in (*PRESETS.values(), SMALL):
        assert config_from_dict(CodecConfig, config_to_dict(config)) == config
    with pytest.raises(ConfigError, match="unknown setting 'stride'"):
        config_from_dict(CodecConfig, {"stride": [2]})
