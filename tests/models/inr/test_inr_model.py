"""Times, gates, branches, the encoder and the table of sounds."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch

from synth.contract import ConfigError
from synth.models import FAMILIES
from synth.models.inr import INR, Folded, INRConfig
from synth.models.package import pack, unpack

torch.set_num_threads(1)

SMALL: dict[str, Any] = {
    "width": 16, "depth": 3, "num_latent": 8, "first_omega_0": 40.0, "hidden_omega_0": 20.0,
    "latent_init_std": 1.0, "sounds": 3, "audio_length": 4000,
}  # fmt: skip


def small(seed: int = 0, **changes: Any) -> INR:
    torch.manual_seed(seed)
    return INR(INRConfig(**{**SMALL, **changes}))


def sound(model: INR, positions: torch.Tensor | None = None) -> torch.Tensor:
    """All sounds at some positions, `[sounds, points]`."""
    at = torch.arange(0.0, 4000.0, 37.0) if positions is None else positions
    with torch.no_grad():
        return model(model.latents, model.coordinates(at).expand(model.config.sounds, -1))


def test_a_sound_lasts_from_minus_one_to_one() -> None:
    model = small(audio_length=16_000)
    found = model.coordinates(torch.tensor([0, 1, 8_000, 15_999, 16_000]))
    wanted = torch.tensor([-1.0, -1 + 2 / 16_000, 0.0, 1 - 2 / 16_000, 1.0])
    torch.testing.assert_close(found, wanted, atol=1e-7, rtol=0)
    assert found.dtype == torch.float32
    assert small().double().coordinates(torch.arange(3)).dtype == torch.float64


def test_a_layer_of_time_alone_is_a_sum_of_sines() -> None:
    """One sine layer with everything known is exactly what the formula says."""
    model = small(architecture="pi-gan_min_mapping", depth=1, width=2, sounds=1, audio_length=1000)
    first, output = model.decoder.layers
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[[1.0], [0.5]]]))
        first.bias.copy_(torch.tensor([[0.0, math.pi / 80]]))
        output.weight.copy_(torch.tensor([[[0.7, -0.2]]]))
        output.bias.fill_(0.1)
        gamma, beta = torch.tensor([[10.0, -20.0]]), torch.tensor([[0.5, 0.0]])
        t = model.coordinates(torch.arange(1000.0))[None]
        found = model.evaluate(t, (gamma, beta))
    one = torch.sin(50 * t + 0.5)
    other = torch.sin(20 * (0.5 * t + math.pi / 80))
    torch.testing.assert_close(found, 0.7 * one - 0.2 * other + 0.1, atol=1e-5, rtol=0)


@pytest.mark.parametrize("omega", [2_000.0, 10_000.0])
def test_float32_tells_phases_of_thousands_of_turns(omega: float) -> None:
    """Biases of 0 … 2 pi times omega_0 are turns by the thousand, which leave few digits."""
    network = small(audio_length=16_000, first_omega_0=omega, depth=1, width=64).decoder
    t = torch.rand(3, 500) * 2 - 1
    with torch.no_grad():
        folded = network.fold(network.modulate(torch.randn(3, 8)))
        found = network.run(t, folded)
        exact = [Folded(part.weight.double(), part.shift.double(), None) for part in folded]
        wanted = network.run(t.double(), exact)
    error = (found - wanted).square().mean().sqrt() / wanted.std()
    assert float(error) < 3e-8 * omega  # 8e-8 of it with the turns


def test_bfloat16_keeps_the_phases_of_the_first_layer() -> None:
    model = small(audio_length=16_000, first_omega_0=2_000.0, width=64)
    at = torch.arange(0.0, 16_000.0, 61.0)
    wanted = sound(model, at)
    with torch.autocast("cpu", torch.bfloat16):
        found = sound(model, at).float()
    assert float((found - wanted).square().mean()) < 0.01 * float(wanted.var())


def test_gates_open_group_by_group_until_half_time() -> None:
    model = small(architecture="pi-gan_prog", num_groups=4)
    gate = model.decoder.gate
    assert not gate.any()
    epochs, before = 160, gate.clone()  # half of them in 8 spans of 10
    for epoch in range(epochs):
        model.open_gates(epoch, epochs)
        assert bool((gate >= before).all())
        before = gate.clone()
        parts = gate.reshape(4, 4)
        assert bool((parts == parts[:, :1]).all()), "a group opens as one"
        assert bool((parts.diff(dim=0) <= 0).all()), "slow units come first"
        for group in range(4):
            wanted = min(1.0, max(0.0, (epoch + 1 - 20 * group) / 10))
            assert float(parts[group, 0]) == pytest.approx(wanted, abs=1e-6)
        if epoch + 1 >= epochs // 2:
            assert bool((gate == 1).all())


def test_a_closed_gate_is_silent_and_kept() -> None:
    model = small(architecture="pi-gan_prog")
    assert model.config.groups == 8, "never zero groups"
    constant = sound(model)
    assert float(constant.std(dim=1).max()) < 1e-6
    model.open_gates(0, 1)
    assert float(sound(model).std(dim=1).min()) > 1e-3
    again = small(1, architecture="pi-gan_prog")
    again.load_state_dict(model.state_dict())
    assert torch.equal(sound(again), sound(model))


def test_only_the_progressive_one_has_gates() -> None:
    model = small()
    before = sound(model)
    model.open_gates(0, 100)
    assert torch.equal(sound(model), before)


@pytest.mark.parametrize("tag", ["pi-gan", "pi-gan_concat_all", "siren", "pi-gan_prog"])
def test_branches_are_separate_networks_added_up(tag: str) -> None:
    model = small(architecture=tag, width=12, branches=3)
    model.open_gates(0, 1)
    parts = [small(architecture=tag, width=4) for _ in range(3)]
    t = model.coordinates(torch.arange(0.0, 4000.0, 111.0)).expand(3, -1)
    modulation = model.modulate(model.latents)
    total = torch.zeros(t.shape)
    for k, part in enumerate(parts):
        part.open_gates(0, 1)
        with torch.no_grad():
            for own, shared in zip(part.decoder.layers, model.decoder.layers, strict=True):
                for tensor, of in zip(own.state_dict(keep_vars=True).values(),
                                      shared.state_dict().values(), strict=True):  # fmt: skip
                    tensor.copy_(of[k : k + 1])
            film = tuple(m[:, 4 * k : 4 * k + 4] for m in modulation)
            total += part.evaluate(t, film if model.config.row.film else modulation)
    torch.testing.assert_close(sound(model, torch.arange(0.0, 4000.0, 111.0)), total, atol=1e-5,
                               rtol=1e-5)  # fmt: skip


def test_im_net_takes_branches_too() -> None:
    with torch.device("meta"):
        whole, split = (INR(INRConfig(architecture="im-net", branches=k)) for k in (1, 4))
    size = [sum(p.numel() for p in m.parameters()) for m in (whole, split)]
    assert size[1] < size[0]


def test_encoder_wants_enough_sound_and_autodecoders_have_none() -> None:
    model = small(meta_architecture="autoencoder", audio_length=2048)
    z = model.encode(torch.randn(2, 2048))
    assert z.shape == (2, 8)
    assert not torch.equal(z[0], z[1])
    with pytest.raises(ConfigError, match="train with meta_architecture autoencoder"):
        small().encode(torch.zeros(1, 16_000))


CHANGES: dict[str, Any] = {
    "architecture": "pi-gan_deep", "meta_architecture": "autoencoder", "audio_length": 5000,
    "num_latent": 9, "first_omega_0": 41.0, "hidden_omega_0": 21.0, "coord_multi": 1.1,
    "weight_norm": True, "num_groups": 3, "width": 12, "depth": 4, "branches": 2,
    "latent_init_std": 0.5, "sounds": 4,
}  # fmt: skip
LABELS = {"sample_rate", "names", "keys"}  # they say what the sounds are; the instrument uses them


def test_each_setting_is_looked_at_below() -> None:
    assert {f.name for f in dataclasses.fields(INRConfig)} == set(CHANGES) | LABELS


@pytest.mark.parametrize("field", CHANGES)
def test_each_setting_changes_something(field: str) -> None:
    own = {"architecture": "pi-gan_prog"} if field == "num_groups" else {"architecture": "siren"}
    one = small(**({} if field == "architecture" else own))
    other = small(**({} if field == "architecture" else own), **{field: CHANGES[field]})
    for model in (one, other):
        model.open_gates(2, 40)
    shapes = [{k: v.shape for k, v in model.state_dict().items()} for model in (one, other)]
    assert shapes[0] != shapes[1] or not torch.equal(sound(one), sound(other))


@pytest.mark.parametrize("preset", FAMILIES["inr"].presets)
def test_a_model_comes_back_from_its_file(preset: str) -> None:
    base = FAMILIES["inr"].presets[preset]
    config = dataclasses.replace(base, sounds=2, names=("a", "b"), keys=(60.0, -1.0))
    model = INR(config)
    back = unpack(pack("inr", model, config, {}, {}))
    assert back.config == config
    t = model.coordinates(torch.arange(20)).expand(2, -1)
    with torch.no_grad():
        assert torch.equal(back.model(back.model.latents, t), model(model.latents, t))
