"""The model: sizes, causality, carried state, and a predictor that is not linear."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from samplernn_rig import KINDS, gap, random_codes, small_config, small_model
from torch.nn import functional as F

from synth.contract import ConfigError, config_from_dict, config_to_dict
from synth.models import FAMILIES
from synth.models.package import pack, unpack
from synth.models.samplernn import PRESETS, SampleRNN, SampleRNNConfig


def parameters(config: SampleRNNConfig) -> int:
    with torch.device("meta"):
        return sum(weight.numel() for weight in SampleRNN(config).parameters())


def test_the_defaults_have_the_published_size() -> None:
    """Embedding, five LSTM layers over frames of 16, upsampling, predictor of three layers."""
    embedding, predictor = 256 * 256, (16 * 256 + 1 + 2 * 1025) * 1024 + 1025 * 256
    lstm = 4 * 1024 * (16 + 1024 + 2) + 4 * 4 * 1024 * (2 * 1024 + 2)
    upsampling = 1025 * 16 * 1024
    assert parameters(SampleRNNConfig()) == embedding + lstm + upsampling + predictor == 61_271_296


def test_the_table_of_families_builds_it() -> None:
    row = FAMILIES["samplernn"]
    assert isinstance(row.build(small_config()), SampleRNN)
    sizes = [parameters(row.presets[name]) for name in ("tiny", "small", "medium", "base")]
    assert sizes == sorted(sizes)
    assert all(config == config_from_dict(row.config, config_to_dict(config))
               for config in PRESETS.values())  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_shapes(kind: str) -> None:
    model = small_model(**KINDS[kind])
    codes, features = random_codes(model, 3, 5)
    logits, state = model(codes, None, features)
    samples = codes.shape[1] - model.context
    assert logits.shape == (3, samples, model.config.quantization)
    assert {name: t.shape for name, t in state.items()} == {
        name: t.shape for name, t in model.init_state(3).items()
    }
    torch.testing.assert_close(state["history"], codes[:, -model.context :])


@pytest.mark.parametrize("kind", KINDS)
def test_windows_with_the_state_carried_on_equal_one_long_pass(kind: str) -> None:
    model = small_model(**KINDS[kind])
    codes, features = random_codes(model, 2, 9)
    whole, end = model(codes, None, features)
    state, parts = None, []
    for first, last in ((0, 1), (1, 6), (6, 9)):
        window = codes[:, first * model.hop : model.context + last * model.hop]
        given = None if features is None else features[:, first:last]
        part, state = model(window, state, given)
        parts.append(part)
    torch.testing.assert_close(torch.cat(parts, 1), whole)
    assert state is not None
    torch.testing.assert_close(state, end)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_hangs_on_all_that_is_before_it_and_on_nothing_after(kind: str) -> None:
    """By gradients to the embedding's place: codes are changed one at a time."""
    model = small_model(**KINDS[kind])
    codes, features = random_codes(model, 1, 3)
    levels = model.config.quantization
    before = model(codes, None, features)[0]
    reached = torch.zeros(codes.shape[1], before.shape[1], dtype=torch.bool)
    for place in range(codes.shape[1]):
        changed = codes.clone()
        changed[0, place] = (changed[0, place] + levels // 2) % levels
        reached[place] = (model(changed, None, features)[0] != before).any(2)[0]
    place = torch.arange(codes.shape[1])[:, None]
    speaks_of = torch.arange(before.shape[1])[None] + model.context
    assert not bool(reached[place >= speaks_of.expand_as(reached)].any()), "it sees the future"
    recent = (place < speaks_of) & (place >= speaks_of - model.predictor.taps)
    assert bool(reached[recent].all()), "one of the last samples is not seen"
    frame_start = speaks_of - (speaks_of - model.context) % model.config.frames[0]
    known = (place < frame_start) & (place >= model.context - model.config.frames[0])
    assert bool(reached[known].all()), "a frame of the lowest tier is lost"


def test_every_tier_has_a_say() -> None:
    model = small_model(frame_sizes=(2, 2, 3))
    codes, _ = random_codes(model, 1, 4)
    before = model(codes)[0]
    for tier in model.tiers:
        kept = {name: t.clone() for name, t in tier.state_dict().items()}
        with torch.no_grad():
            tier.rnn.groups[0].weight_ih_l0.zero_()
        assert gap(model(codes)[0], before) > 1e-3
        tier.load_state_dict(kept)


def test_the_predictor_is_not_linear() -> None:
    """Were it affine in the conditioning, equal steps would change the logits equally."""
    model = small_model()
    codes = random_codes(model, 1, 1)[0][:, : model.predictor.taps]
    direction = torch.randn(1, 1, model.config.hidden_size)
    at = [model.predictor(codes, k * direction) for k in (-1.0, 0.0, 1.0)]
    assert gap((at[0] + at[2]) / 2, at[1]) > 0.05 * gap(at[2], at[0])


@pytest.mark.parametrize("layer", ["hidden1", "hidden2"])
def test_each_non_linearity_acts(layer: str) -> None:
    """A unit that is negative whatever comes has no effect on the logits."""
    model = small_model()
    codes, conditioning = (
        random_codes(model, 1, 1)[0][:, : model.predictor.taps],
        torch.randn(1, 1, 8),
    )
    linear = getattr(model.predictor, layer)
    with torch.no_grad():
        linear.bias.fill_(-1e4)
        before = model.predictor(codes, conditioning)
        linear.bias.fill_(-1e5)
    torch.testing.assert_close(model.predictor(codes, conditioning), before)


def test_features_and_labels_steer() -> None:
    model = small_model(**KINDS["steered"])
    codes, features = random_codes(model, 1, 2)
    assert features is not None
    before = model(codes, None, features)[0]
    for column in range(model.config.feature_count):
        changed = features.clone()
        changed[0, 1, column] += 1.0
        after = model(codes, None, changed)[0]
        torch.testing.assert_close(after[:, : model.hop], before[:, : model.hop])
        assert gap(after[:, model.hop :], before[:, model.hop :]) > 1e-3
    with pytest.raises(ValueError, match="features are needed"):
        model(codes)


def test_features_are_normalised_by_what_is_stored() -> None:
    model = small_model(**KINDS["steered"])
    codes, features = random_codes(model, 1, 2)
    assert features is not None
    plain = SampleRNN(model.config)
    plain.load_state_dict(model.state_dict())
    plain.feature_mean.zero_()
    plain.feature_std.fill_(1.0)
    normal = (features - model.feature_mean) / model.feature_std
    torch.testing.assert_close(model(codes, None, features)[0], plain(codes, None, normal)[0])


def test_the_scale_is_one_factor_there_and_back() -> None:
    model = small_model(quantization=4096)
    model.scale.fill_(4.0)
    audio = torch.linspace(-0.25, 0.25, 1001)
    codes = model.encode(audio)
    assert (int(codes.min()), int(codes.max())) == (1, 4095)
    step = 1 / model.quantizer.reach / 4
    assert gap(model.decode(codes), audio) <= step / 2 + 1e-7


def test_the_learned_state_learns_and_is_where_a_sound_starts() -> None:
    model = small_model(**KINDS["learned state"])
    codes, _ = random_codes(model, 2, 2)
    F.cross_entropy(model(codes)[0].flatten(0, 1), codes[:, model.context :].flatten()).backward()
    for tier in model.tiers:
        for name in tier.state_names:
            gradient = tier.initial[name].grad
            assert gradient is not None
            assert float(gradient.abs().max()) > 0
    assert bool((model.init_state(1)["tier1.h"] != 0).any())


def test_skip_sums_the_outputs_of_all_layers() -> None:
    """With the last layer cut off, the layers under it still speak."""
    for skip in (False, True):
        model = small_model(skip=skip)
        codes, _ = random_codes(model, 1, 3)
        with torch.no_grad():
            for name, weight in model.tiers[0].rnn.named_parameters():
                if name.startswith("groups.1.") or name.endswith("_l1"):
                    weight.zero_()
        swapped = codes.clone()
        swapped[0, 0] = (swapped[0, 0] + 8) % 16
        late = slice(2 * model.hop, None)
        assert (gap(model(codes)[0][:, late], model(swapped)[0][:, late]) > 1e-6) == skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_keeps_it(kind: str) -> None:
    model = small_model(**KINDS[kind])
    model.scale.fill_(1.7)
    package = unpack(pack("samplernn", model, model.config, {}, {}))
    codes, features = random_codes(model, 1, 2)
    torch.testing.assert_close(package.model(codes, None, features)[0],
                               model(codes, None, features)[0])  # fmt: skip
    assert float(package.model.scale) == pytest.approx(1.7)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"sample_rate": 7_000}, "8000 … 48000"),
        ({"quantization": 2}, "3 … 4096"),
        ({"encoding": "log"}, "known are linear, mu-law, a-law"),
        ({"frame_sizes": ()}, "1 to 8 numbers"),
        ({"frame_sizes": (16, 0)}, "1 to 8 numbers"),
        ({"frame_sizes": (64, 65)}, "1 … 4096"),
        ({"hidden_size": 0}, "1 … 4096"),
        ({"rnn_layers": 17}, "1 … 16"),
        ({"rnn": "rnn"}, "known are lstm, gru"),
        ({"embed_size": -1}, "0 … 4096"),
        ({"features": ("loudness", "pitch")}, "in this order"),
        ({"features": ("colour",)}, "pitch,voicing,loudness,onset,centroid"),
        ({"labels": ("a", "a")}, "names that differ"),
        ({"feature_hop": 0}, "1 … 16384"),
    ],
    ids=str,
)
def test_configs_that_are_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        replace(SampleRNNConfig(), **change)
