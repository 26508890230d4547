"""Parameters of the voices: their number, names, ranges, curves, nebulae, and frozen ones."""

from __future__ import annotations

import pytest
import torch

from synth.contract import ConfigError
from synth.models.inverse.voices import (
    DURATION,
    KEY,
    NEBULAE,
    VOICES,
    Nebula,
    Parameter,
    find_nebula,
    make_voice,
)


def test_the_modular_voice_has_78_parameters() -> None:
    names = make_voice("modular").names
    assert len(names) == len(set(names)) == 78


@pytest.mark.parametrize("name", VOICES)
def test_every_voice_has_key_and_duration_and_describes_its_parameters(name: str) -> None:
    voice = make_voice(name)
    assert {KEY, DURATION, *voice.tunings} <= set(voice.names)
    assert all(p.description and p.name == p.name.lower() for p in voice.parameters_)


@pytest.mark.parametrize(
    ("name", "unit", "value"),
    [
        ("keyboard_midi_f0", 0.5, 63.5),
        ("keyboard_duration", 0.5, 0.01 + 3.99 * 0.25),  # curve 0.5: the square of the position
        ("adsr_1_attack", 0.5, 0.5),
        ("lfo_1_frequency", 0.5, 20 / 16),  # curve 0.25: the fourth power
        ("lfo_1_mod_depth", 0.5, 5.0),  # symmetric: the middle of -10 … 20
        ("vco_1_mod_depth", 0.75, 96 / 32),  # symmetric, curve 0.2: the fifth power of a half
        ("vco_1_mod_depth", 0.25, -96 / 32),
        ("mixer_noise", 0.5, 0.5**40),
    ],
)
def test_a_position_means_a_value(name: str, unit: float, value: float) -> None:
    parameter = {p.name: p for p in make_voice("modular").parameters_}[name]
    found = parameter.value(torch.tensor(unit, dtype=torch.float64))
    assert float(found) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("name", VOICES)
def test_values_and_positions_are_inverse(name: str) -> None:
    voice = make_voice(name)
    positions = torch.linspace(0, 1, 41, dtype=torch.float64)[:, None].expand(-1, len(voice.names))
    back = voice.units(voice.values(positions))
    error = dict(zip(voice.names, (back - positions).abs().amax(0).tolist(), strict=True))
    # Below an eighth of its way, the noise's level is less than a number can tell from 0.
    assert error.pop("mixer_noise", 0) < 0.13
    assert max(error.values()) < 1e-9
    for parameter, values in zip(voice.parameters_, voice.values(positions).values(), strict=True):
        assert float(values.min()) == pytest.approx(parameter.minimum, abs=1e-9)
        assert float(values.max()) == pytest.approx(parameter.maximum, abs=1e-9)
        assert (values.diff(dim=0) >= 0).all()


def test_a_curve_above_1_has_a_finite_slope_everywhere() -> None:
    positions = torch.tensor([0.0, 1e-9, 0.5, 1.0], requires_grad=True)
    for symmetric in (False, True):
        made = Parameter("x", 0, 1, 3.0, symmetric).value(positions)
        (slope,) = torch.autograd.grad(made.sum(), positions)
        assert slope.isfinite().all()


def test_values_travel_with_their_names() -> None:
    voice = make_voice("modular")
    positions = torch.rand(3, 78, generator=torch.Generator().manual_seed(1)).double()
    values = voice.values(positions)
    shuffled = dict(sorted(values.items(), reverse=True))
    torch.testing.assert_close(voice.units(shuffled)[:, :-1], positions[:, :-1])
    with pytest.raises(ConfigError, match="77 parameters; the voice modular has 78"):
        voice.values(positions[:, :77])


def test_the_drum_nebula_is_short_centred_and_calm() -> None:
    voice = make_voice("modular")
    drum = voice.with_nebula(find_nebula("modular", "drum"))
    positions = torch.rand(2000, 78, generator=torch.Generator().manual_seed(2))
    before, after = voice.values(positions), drum.values(positions)
    assert after["adsr_1_decay"].median() < before["adsr_1_decay"].median() / 5
    assert after[KEY].std() < before[KEY].std() / 1.5
    assert after["lfo_1_to_vco_2_pitch"].mean() < before["lfo_1_to_vco_2_pitch"].mean() / 2
    changed = [a for a, b in zip(voice.parameters_, drum.parameters_, strict=True) if a != b]
    assert len(changed) > 30
    assert voice.parameters_ == drum.with_nebula(NEBULAE["modular"]["default"]).parameters_


@pytest.mark.parametrize("nebula", [Nebula("x", {"cutoff": 0.5}), Nebula("x")])
def test_a_nebula_of_no_parameter_is_refused(nebula: Nebula) -> None:
    with pytest.raises(ConfigError, match="of the 78 parameters of the voice modular"):
        make_voice("modular").with_nebula(nebula)


def test_a_nebula_survives_json() -> None:
    nebula = NEBULAE["modular"]["drum"]
    assert Nebula.from_json(nebula.to_json()) == nebula


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "is not JSON"),
        ("{}", 'is a JSON object with "synth_nebula": 1'),
        ('{"synth_nebula": 2, "name": "x", "parameters": {}}', "2 is newer than 1"),
        ('{"synth_nebula": 1, "name": "x"}', 'no object "parameters"'),
        ('{"synth_nebula": 1, "name": "x", "parameters": {"a": 1}}', 'write {"curve": 0.5}'),
        ('{"synth_nebula": 1, "name": "x", "parameters": {"a": {"curve": 0}}}', "from 0.01 to 100"),
        ('{"synth_nebula": 1, "name": "x", "parameters": {"a": {"cruve": 1}}}', "'cruve'"),
        ('{"synth_nebula": 1, "name": "x", "parameters": {"a": {"symmetric": 1}}}', "true or fal"),
    ],
)
def test_a_damaged_nebula_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        Nebula.from_json(text)


def test_an_unknown_nebula_is_refused() -> None:
    with pytest.raises(ConfigError, match="has default, drum, or give a JSON file"):
        find_nebula("modular", "dust")


def test_frozen_parameters_keep_their_value() -> None:
    voice = make_voice("modular").frozen({"mixer_noise": 0.25}).frozen({"vco_1_tuning": 7.0})
    positions = torch.rand(4, 78, generator=torch.Generator().manual_seed(3)).requires_grad_()
    values = voice.values(positions)
    assert (values["mixer_noise"] == 0.25).all()
    assert (values["vco_1_tuning"] == 7).all()
    (slope,) = torch.autograd.grad(sum(v.sum() for v in values.values()), positions)
    places = [voice.names.index(n) for n in ("mixer_noise", "vco_1_tuning")]
    assert (slope[:, places] == 0).all()
    settled = make_voice("modular").values(voice.settled(positions))
    torch.testing.assert_close(settled, values)
    assert not voice.moved_to(positions, torch.full((4, 1), 60.0))[1].any()


def test_what_can_not_be_frozen_is_refused() -> None:
    voice = make_voice("modular")
    with pytest.raises(ConfigError, match="no parameter 'cutoff' to freeze"):
        voice.frozen({"cutoff": 1.0})
    with pytest.raises(ConfigError, match="at 30; choose a value from -24 to 24"):
        voice.frozen({"vco_1_tuning": 30.0})
