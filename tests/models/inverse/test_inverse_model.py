"""`Inverse`: what it proposes for a sound, and how large it is."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from synth.contract import ConfigError
from synth.models.inverse import PRESETS, Inverse, InverseConfig
from synth.models.inverse.model import VOICED
from synth.models.inverse.voices import KEY, NEBULAE, VOICES
from synth.models.inverse.voices.sounds import knob_positions, noise

SMALL = dataclasses.replace(PRESETS["tiny"], sample_rate=8_000, window=512)
PROPOSALS = 5


def small(**changes: object) -> Inverse:
    torch.manual_seed(0)
    return Inverse(dataclasses.replace(SMALL, **changes)).eval()  # type: ignore[arg-type]


def tone(model: Inverse, key: float) -> Tensor:
    time = torch.arange(model.voice.samples) / model.voice.sample_rate
    hz = 440 * 2 ** ((key - 69) / 12)
    wave = sum(torch.sin(2 * torch.pi * hz * n * time) / n for n in range(1, 6))
    return 0.2 * torch.as_tensor(wave)[None]


def drawn(model: Inverse) -> Tensor:
    return torch.randn(
        PROPOSALS, len(model.voice.names), generator=torch.Generator().manual_seed(1)
    )


@pytest.mark.parametrize("voice", VOICES)
def test_proposals_are_patches_of_the_voice(voice: str) -> None:
    model = small(voice=voice)
    found = model.propose(tone(model, 60.0), drawn(model))
    assert found.shape == (PROPOSALS, len(model.voice.names))
    assert ((found >= 0) & (found <= 1)).all()
    sound = model.voice.render(found, noise([0], model.voice.samples))
    assert torch.isfinite(sound).all()


def test_the_first_is_the_heads_and_the_others_hang_on_the_noise() -> None:
    model = small()
    audio, noise_ = tone(model, 60.0), drawn(model)
    found = model.propose(audio, noise_)
    head = model.keyed(model.head(model.embed(audio), model.told(audio)), model.told(audio))
    torch.testing.assert_close(found[:1], head)
    again = model.propose(audio, noise_.roll(1, 0))
    torch.testing.assert_close(again[0], found[0])
    torch.testing.assert_close(again[2:], found[1:-1], msg="a row hangs on its own noise alone")
    assert (found[1:] - found[1]).abs().amax(1)[1:].min() > 0.01


@pytest.mark.parametrize("nebula", NEBULAE["modular"])
def test_the_key_that_is_heard_is_set_where_a_proposal_is_near(nebula: str) -> None:
    model = small(nebula=nebula)
    column = model.voice.names.index(KEY)
    parameter = model.voice.parameters_[column]
    told = torch.tensor([[60.3 / 127, 0.9, 1.0]])
    units = knob_positions(model.voice.names, range(3))
    units[:, column] = parameter.unit_of(torch.tensor([58.0, 60.3, 80.0]))
    keys = parameter.value(model.keyed(units, told)[:, column])
    torch.testing.assert_close(keys, torch.tensor([60.3, 60.3, 80.0]), atol=1e-3, rtol=0)
    told[:, 1] = VOICED / 2
    keys = parameter.value(model.keyed(units, told)[:, column])
    torch.testing.assert_close(keys, torch.tensor([58.0, 60.3, 80.0]), atol=1e-3, rtol=0)
    others = [i for i in range(units.shape[1]) if i != column]
    assert torch.equal(model.keyed(units, told)[:, others], units[:, others])


def test_what_is_told_is_heard() -> None:
    model = small()
    told = model.told(tone(model, 57.0))[0]
    assert abs(127 * float(told[0]) - 57) < 0.2
    assert float(told[1]) > VOICED
    assert float(told[2]) == pytest.approx(1.0, abs=0.01)


def test_the_bundled_model_is_small() -> None:
    model = Inverse(PRESETS["live"])
    parts = (model.audio, model.head, model.flow)
    size = sum(p.numel() for part in parts for p in part.parameters())
    assert 2 * size <= 7.4e6, "bytes in half precision"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"encoder": "sample"}, "doesn't go with frontend 'mel'"),
        ({"frontend": "waveform"}, "encoder is 'mobile'"),
        ({"frontend": "ear"}, "frontend is 'ear'"),
        ({"flow_heads": 3}, "flow_heads is 3; it has to divide flow_width, 32"),
        ({"waveform": "mobile"}, "waveform is 'mobile'"),
        ({"sample_rate": 4_000}, "sample_rate is 4000; 8000"),
        ({"voice": "choir"}, "voice is 'choir'; known are"),
        ({"voice": "fm", "nebula": '{"synth_nebula": 1'}, "nebula"),
    ],
)
def test_what_cannot_be_built_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        small(**changes)


@pytest.mark.parametrize(
    ("frontend", "encoder", "bands"),
    [("mel", "mobile", 16), ("trained_mel", "mobile", 16), ("log_stft", "mobile", 16),
     ("multi", "mobile", 16), ("pqmf", "mobile", 3), ("waveform", "sample", 16),
     ("waveform", "multiresolution", 16), ("waveform", "diagonal", 16)],
)  # fmt: skip
def test_every_front_end_and_encoder_embeds(frontend: str, encoder: str, bands: int) -> None:
    model = small(frontend=frontend, encoder=encoder, bands=bands, hop=1_024)
    assert model.embed(torch.cat([tone(model, 60.0), tone(model, 70.0)])).shape == (2, SMALL.dim)


def test_the_config_and_the_weights_make_the_model_again() -> None:
    first, second = small(), Inverse(InverseConfig(**dataclasses.asdict(SMALL))).eval()
    second.load_state_dict(first.state_dict())
    audio = tone(first, 50.0)
    assert torch.equal(first.propose(audio, drawn(first)), second.propose(audio, drawn(second)))
