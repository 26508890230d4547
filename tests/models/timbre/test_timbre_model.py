"""The timbre model: scaling, standard deviations, conditions, and configs that can't be."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from synth.contract import ConfigError
from synth.models.timbre import PRESETS, Conditioning, Timbre, TimbreConfig
from synth.models.timbre.model import BIAS, FRAME_STD, LATENT_STD, bounded

TINY = replace(PRESETS["tiny"], conditioning=("pitch", "dynamics"), dynamics=("p", "f"))


def test_the_original_size_has_410_bands_and_three_layers_of_3000() -> None:
    with torch.device("meta"):
        model = Timbre(PRESETS["dafx"])
    assert model.bands == 410
    widths = [layer.out_features for layer in model.encoder if isinstance(layer, torch.nn.Linear)]
    assert widths == [3_000] * 3


def test_what_a_live_instrument_needs_of_the_preset_live_is_small() -> None:
    model = Timbre(replace(PRESETS["live"], dynamics=("pp", "mf", "ff")))
    parts = (model.decoder, model.frame_mean)
    assert sum(p.numel() for part in parts for p in part.parameters()) <= 850_000


def test_scaled_frames_come_back_and_silence_stays_silence() -> None:
    model = Timbre(TINY)
    model.offset.fill_(-6.0)
    model.spread.fill_(7.0)
    magnitude = torch.tensor([0.0, 1e-7, 2e-6, 1e-3, 1.0])
    back = model.magnitude(model.scaled(magnitude))
    torch.testing.assert_close(back[2:], magnitude[2:], rtol=1e-4, atol=0.0)
    assert back[:2].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("ends", [FRAME_STD, LATENT_STD])
def test_a_standard_deviation_stays_between_its_ends_with_finite_slopes(
    ends: tuple[float, float],
) -> None:
    raw = torch.tensor([-1e4, -5.0, 0.0, 5.0, 1e4], requires_grad=True)
    std = bounded(raw, *ends)
    low, high = torch.tensor(ends)
    assert bool((std >= low * 0.999).all())
    assert bool((std <= high * 1.001).all())
    assert bool((std.diff() > 0).all())
    torch.testing.assert_close(std[2], (low * high).sqrt())
    std.log().sum().backward()
    assert raw.grad is not None
    assert bool(torch.isfinite(raw.grad).all())


def test_weights_are_those_of_xavier_and_biases_small() -> None:
    torch.manual_seed(0)
    model = Timbre(replace(TINY, hidden_dims=256))
    layer = model.frame_mean
    limit = (6 / (layer.in_features + layer.out_features)) ** 0.5
    assert 0.98 * limit < float(layer.weight.detach().abs().max()) <= limit
    assert bool((layer.bias == BIAS).all())


def test_the_mean_alone_is_that_of_the_whole_decoder() -> None:
    model = Timbre(TINY).eval()
    told = model.conditioning.row(torch.tensor([60.0, 61.0]), torch.tensor([0.0, 1.0]))
    latent = torch.randn(2, 4)
    torch.testing.assert_close(model.decode_mean(latent, told), model.decode(latent, told)[0])


def test_frames_and_conditions_side_by_side_are_encoded_alike() -> None:
    model = Timbre(TINY).eval()
    model.offset.fill_(-5.0)
    model.spread.fill_(8.0)
    told = model.conditioning.row(torch.tensor([60.0]), torch.tensor([0.5]))
    logs = torch.randn(1, model.bands) - 5
    by_parts = model.encode((logs - model.offset) / model.spread, told)
    torch.testing.assert_close(model.posterior(model.joined(torch.cat([logs, told], 1))), by_parts)


@pytest.mark.parametrize(
    ("parts", "width"),
    [((), 0), (("pitch",), 12), (("octave",), 11), (("dynamics",), 3), (("key",), 1),
     (("key", "dynamics", "octave", "pitch"), 27)],
)  # fmt: skip
def test_any_subset_of_conditions_makes_rows(parts: tuple[str, ...], width: int) -> None:
    made = Conditioning(parts, 3).row(torch.tensor([60.4, 71.0]), torch.tensor([0.0, 1.5]))
    assert made.shape == (2, width)
    model = Timbre(replace(TINY, conditioning=parts, dynamics=("p", "mf", "f"))).eval()
    mean, _ = model.encode(torch.zeros(2, model.bands), made)
    assert model.decode_mean(mean, made).shape == (2, model.bands)


def test_conditions_say_what_they_mean() -> None:
    row = Conditioning(("pitch", "octave", "dynamics", "key"), 3).row
    (made,) = row(torch.tensor([61.6]), torch.tensor([0.25])).split(27, 1)
    pitch, octave, dynamics, key = made[0].split([12, 11, 3, 1])
    assert (int(pitch.argmax()), float(pitch.sum())) == (2, 1.0)
    assert (int(octave.argmax()), float(octave.sum())) == (5, 1.0)
    assert dynamics.tolist() == [0.75, 0.25, 0.0]
    assert float(key) == pytest.approx(1.6 / 24)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"scale": "bark"}, "scale is 'bark'"),
        ({"latent_dims": 0}, "latent_dims is 0"),
        ({"hidden_layers": 99}, "hidden_layers is 99"),
        ({"floor": 1.0}, "floor is 1.0"),
        ({"conditioning": ("vowel",)}, "conditioning is 'vowel'"),
        ({"conditioning": ("pitch", "pitch")}, "name each part once"),
        ({"maximum_hz": 11_024.0}, "highest band at 11"),
        ({"minimum_hz": 900.0, "maximum_hz": 800.0}, "900 to 800"),
        ({"anchor_keys": (60.0,)}, "as many each"),
    ],
)
def test_a_config_that_cannot_be_is_refused_by_name(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        TimbreConfig(**settings)  # type: ignore[arg-type]


def test_a_batch_of_one_row_goes_by_what_was_learned_and_teaches_nothing() -> None:
    torch.manual_seed(0)
    model = Timbre(TINY)
    frames, told = torch.randn(8, model.bands), torch.randn(8, model.conditioning.width)
    model.encode(frames, told)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    mean, _ = model.encode(frames[:1], told[:1])
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    torch.testing.assert_close(mean, model.eval().encode(frames[:1], told[:1])[0])
    many = model.train().encode(frames, told)[0]
    assert not torch.allclose(many[:1], mean), "more rows have statistics of their own"
