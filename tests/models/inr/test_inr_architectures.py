"""Every architecture: its size, what it learns, what it refuses."""

from __future__ import annotations

import io
import warnings
from typing import Any

import onnxruntime
import pytest
import torch

from synth.contract import ConfigError
from synth.models.inr import ARCHITECTURES, INR, METHODS, INRConfig

torch.set_num_threads(1)

# Sizes that arXiv 2111.08462 compares; those of the two with progressive gates or no latent of
# their own follow from the layers: 792322 as `pi-gan`, and 257 * 256 + 256 + 2 * 65792 + 257.
PARAMETERS = {
    "wavegan": 799_170,
    "im-net": 1_208_257,
    "pi-gan": 792_322,
    "pi-gan_prog": 792_322,
    "pi-gan_sine_first": 790_273,
    "pi-gan_sine_last": 790_273,
    "pi-gan_relu": 790_273,
    "pi-gan_concat_middle": 855_809,
    "pi-gan_concat_all": 1_250_561,
    "pi-gan_min_mapping": 592_897,
    "pi-gan_five_mapping": 921_857,
    "pi-gan_shrinking": 1_414_913,
    "pi-gan_deep": 793_357,
    "pi-gan_wide": 786_852,
    "siren": 197_889,
}
ENCODER = 713_984
EXPLICIT = [tag for tag in ARCHITECTURES if tag != "wavegan"]


def small_model(tag: str, **changes: Any) -> INR:
    """Frequencies of everyday size, all gates open."""
    torch.manual_seed(0)
    values = {"first_omega_0": 60.0, "hidden_omega_0": 30.0, "latent_init_std": 1.0}
    model = INR(INRConfig(architecture=tag, **{**values, "sounds": 3, **changes}))
    model.open_gates(1, 1)
    return model


def points(model: INR, count: int) -> torch.Tensor:
    """Times for all sounds; `wavegan` has but one set of them."""
    if model.config.architecture == "wavegan":
        positions = torch.arange(16_000)
    else:
        positions = torch.randint(0, model.config.audio_length, (count,))
    return model.coordinates(positions).expand(model.config.sounds, -1)


def test_the_table_is_complete() -> None:
    assert set(PARAMETERS) == set(ARCHITECTURES)


@pytest.mark.parametrize("tag", ARCHITECTURES)
def test_parameter_count(tag: str) -> None:
    with torch.device("meta"):
        model = INR(INRConfig(architecture=tag))
        encoded = INR(INRConfig(architecture=tag, meta_architecture="autoencoder"))
    count = sum(p.numel() for p in model.parameters())
    assert count == PARAMETERS[tag]
    assert sum(p.numel() for p in encoded.parameters()) == count + ENCODER
    groups = model.parameter_groups()
    assert sum(p.numel() for group in groups.values() for p in group) == count


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("tag", ARCHITECTURES)
def test_one_step_changes_every_trainable_tensor(tag: str, method: str) -> None:
    model = small_model(tag, meta_architecture=method)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    t = points(model, 64)
    torch.manual_seed(1)
    z = model.latents if model.encoder is None else model.encode(torch.randn(3, 16_000))
    groups = [{"params": group} for group in model.parameter_groups().values() if group]
    optimizer = torch.optim.Adam(groups, lr=1e-3)
    (model(z, t) - torch.randn(t.shape)).square().sum().backward()
    optimizer.step()
    same = [name for name, p in model.named_parameters() if torch.equal(p, before[name])]
    assert not same
    assert any(name.startswith("decoder.mapping") for name in before) == (
        ARCHITECTURES[tag].mapping is not None
    )


@pytest.mark.parametrize("tag", ARCHITECTURES)
def test_every_latent_is_another_sound_and_gets_a_gradient(tag: str) -> None:
    model = small_model(tag)
    z = model.latents.clone().requires_grad_()
    sounds = model(z, points(model, 50))
    assert float(torch.pdist(sounds.detach()).min()) > 1e-4
    (slope,) = torch.autograd.grad(sounds[0].square().sum(), z)
    assert float(slope[0].abs().max()) > 0
    assert not slope[1:].any(), "another sound's latent has no say"


@pytest.mark.parametrize("tag", ARCHITECTURES)
def test_weight_norm_adds_one_length_per_unit(tag: str) -> None:
    with torch.device("meta"):
        model = INR(INRConfig(architecture=tag, weight_norm=True))
    plain = PARAMETERS[tag]
    if ARCHITECTURES[tag].weight_norm:
        lengths = 0
    elif tag == "wavegan":
        lengths = 2048 + 64 + 32 + 16 + 8 + 1 + 1
    else:
        lengths = sum(model.config.widths) + 1
    assert sum(p.numel() for p in model.parameters()) == plain + lengths


@pytest.mark.parametrize("tag", EXPLICIT)
def test_points_do_not_see_each_other(tag: str) -> None:
    model = small_model(tag).double()
    t = model.coordinates(torch.arange(0, 16_000, 250)).expand(3, -1)
    with torch.no_grad():
        whole = model(model.latents, t)
        modulation = model.modulate(model.latents[1:2])
        one = model.evaluate(t[1:2, 7:8], modulation)
    torch.testing.assert_close(one, whole[1:2, 7:8], atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("tag", EXPLICIT)
def test_the_graph_gives_the_same(tag: str) -> None:
    model = small_model(tag).eval()

    file = io.BytesIO()
    t = points(model, 40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer is deprecated; it is what exports use here
        torch.onnx.export(
            model, (model.latents[:2], t[:2, :9]), file, dynamo=False, opset_version=18,  # type: ignore[arg-type]
            input_names=["z", "t"], output_names=["y"],
            dynamic_axes={"z": {0: "b"}, "t": {0: "b", 1: "n"}, "y": {0: "b", 1: "n"}},
        )  # fmt: skip
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"z": model.latents.numpy(), "t": t.numpy()})
    with torch.no_grad():
        torch.testing.assert_close(
            torch.from_numpy(found), model(model.latents, t), atol=1e-4, rtol=0
        )


def test_wavegan_makes_its_own_grid_and_nothing_else() -> None:
    model = small_model("wavegan")
    grid = points(model, 0)
    with torch.no_grad():
        assert model(model.latents, grid).shape == (3, 16_000)
        for wrong in (grid[:, :8000], grid.flip(1), grid + 0.5 / 16_000):
            with pytest.raises(ConfigError, match="all 16000 samples at their own times"):
                model(model.latents, wrong)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"architecture": "pigan"}, "architecture is 'pigan'; known are wavegan, im-net, pi-gan,"),
        ({"meta_architecture": "gan"}, "meta_architecture is 'gan'; known are autodecoder"),
        ({"architecture": "wavegan", "audio_length": 8000}, "audio_length of wavegan is 8000"),
        ({"architecture": "wavegan", "coord_multi": 2.0}, "coord_multi of wavegan is 2.0"),
        ({"architecture": "wavegan", "branches": 2}, "branches of wavegan is 2"),
        ({"architecture": "im-net", "width": 64}, "im-net has its own shape"),
        ({"architecture": "pi-gan_shrinking", "depth": 2}, "pi-gan_shrinking has its own shape"),
        ({"architecture": "pi-gan_wide", "branches": 2}, "branches is 2; the widths"),
        ({"num_groups": 4}, "num_groups of pi-gan is 4; 0 … 0"),
        ({"architecture": "pi-gan_prog", "num_groups": 257}, "num_groups of pi-gan_prog is 257"),
        ({"sounds": 2, "names": ("a",)}, "1 names are given; one per sound, that is 2"),
        ({"sounds": 1, "keys": (128.0,)}, "keys .* is 128.0; 0 … 127"),
        ({"first_omega_0": 0.0}, "first_omega_0 is 0.0; 0.001 … "),
        ({"meta_architecture": "autoencoder", "audio_length": 1024}, "of an autoencoder is 1024"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        INRConfig(**fields)
