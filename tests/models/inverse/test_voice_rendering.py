"""What every voice promises: pure steps, sounds that don't depend on company, true gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from voices_rig import held, units

from synth.models.inverse.voices import DURATION, HOP, KEY, VOICES, Note, Voice, make_voice, sounds

SECONDS = 0.4


def drawn(voice: Voice, numbers: range) -> tuple[Tensor, Tensor]:
    """Knob positions and noise of numbered sounds."""
    noise = sounds.noise(numbers, round(SECONDS * voice.sample_rate))
    return sounds.knob_positions(voice.names, numbers), noise


def rendered(voice: Voice, positions: Tensor, noise: Tensor) -> Tensor:
    with torch.no_grad():
        return voice.render(positions, noise, SECONDS)


@pytest.mark.parametrize("name", VOICES)
def test_a_sound_is_the_same_in_every_batch(name: str) -> None:
    voice = make_voice(name, 16_000)
    whole = rendered(voice, *drawn(voice, range(40)))
    assert torch.equal(whole, rendered(make_voice(name, 16_000), *drawn(voice, range(40))))
    for first, last in ((7, 8), (3, 26)):
        part = rendered(voice, *drawn(voice, range(first, last)))
        torch.testing.assert_close(part, whole[first:last], atol=1e-6, rtol=0)
    assert whole.abs().amax() > 0.3


@pytest.mark.parametrize("name", VOICES)
@pytest.mark.parametrize("size", [1, 7])
def test_a_sound_in_blocks_is_the_whole_sound(name: str, size: int) -> None:
    voice = make_voice(name, 16_000)
    positions, noise = drawn(voice, range(6))
    count = noise.shape[1] // HOP
    values = voice.values(positions)
    pitch, duration = values.pop(KEY), values.pop(DURATION)
    state, made = voice.init_state(6), []
    for first in range(0, count, size):
        last = min(first + size, count)
        time = torch.arange(first, last + 1, dtype=torch.float64)[None] * (HOP / 16_000)
        note = Note(pitch, torch.minimum(time, duration), (time - duration).clamp_min(0))
        with torch.no_grad():
            audio, state = voice.step(values, note, noise[:, first * HOP : last * HOP], state)
        made.append(audio)
    whole = rendered(voice, positions, noise)[:, : count * HOP]
    torch.testing.assert_close(torch.cat(made, -1), whole, atol=2e-6, rtol=0)


def test_sounds_are_the_same_after_a_swap() -> None:
    voice = make_voice("modular", 16_000)
    positions, noise = drawn(voice, range(12))
    positions, noise = positions.double(), noise.double()
    whole = rendered(voice, positions, noise)
    assert len(voice.symmetries) == 2
    for swap in voice.symmetries:
        assert {swap[swap[name]] for name in swap} == set(swap)
        columns = [voice.names.index(swap.get(name, name)) for name in voice.names]
        assert columns != sorted(columns)
        swapped = positions[:, columns]
        torch.testing.assert_close(rendered(voice, swapped, noise), whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", VOICES)
def test_a_moved_sound_is_the_same(name: str) -> None:
    voice = make_voice(name, 16_000)
    positions, noise = drawn(voice, range(12))
    positions, noise = positions.double(), noise.double()
    key = voice.values(positions)[KEY] + torch.linspace(-20, 20, 12, dtype=torch.float64)[:, None]
    moved, possible = voice.moved_to(positions, key)
    assert possible.any()
    assert not possible.all()
    torch.testing.assert_close(voice.values(moved)[KEY][possible], key[possible])
    assert torch.equal(moved[~possible[:, 0]], positions[~possible[:, 0]])
    whole = rendered(voice, positions, noise)
    torch.testing.assert_close(rendered(voice, moved, noise), whole, atol=1e-6, rtol=0)
    back, _ = voice.moved_to(moved, voice.values(positions)[KEY])
    torch.testing.assert_close(back, positions)


def middling(voice: Voice, number: int) -> tuple[Tensor, Tensor]:
    """A sound that every parameter has a part in, and whose note ends within 0.3 s."""
    positions, noise = drawn(voice, range(number, number + 1))
    positions = positions.double() * 0.3 + 0.4
    for place, name in enumerate(voice.names):
        if name.endswith(("attack", "decay", "duration", "spacing")):
            positions[0, place] = positions[0, place] * 0.3 + 0.02
        elif name in ("mixer_noise", "click_level") or "_to_op_" in name:
            positions[0, place] = 0.97
        elif name == KEY:
            positions[0, place] = 0.35
        elif name.endswith("key_scaling"):  # below key 60, what falls is heard
            positions[0, place] = 0.5 + 0.5 * positions[0, place]
    return positions, noise.double()


@pytest.mark.parametrize("name", VOICES)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    voice = make_voice(name, 16_000)
    seen: dict[str, bool] = {}
    for number in (100, 101, 102):
        positions, noise = middling(voice, number)
        weight = sounds.noise([number + 1], round(0.3 * 16_000)).double()

        def loss(x: Tensor, noise: Tensor = noise, weight: Tensor = weight) -> Tensor:
            return (voice.render(x, noise, 0.3) * weight).sum()

        positions.requires_grad_()
        (slope,) = torch.autograd.grad(loss(positions), positions)
        with torch.no_grad():
            for place, parameter in enumerate(voice.names):
                step = torch.zeros_like(positions)
                step[0, place] = 1e-6
                difference = float(loss(positions + step) - loss(positions - step)) / 2e-6
                found = float(slope[0, place])
                assert found == pytest.approx(difference, rel=2e-3, abs=2e-4), parameter
                seen[parameter] = seen.get(parameter, False) or found != 0
    silent = {name for name, moves in seen.items() if not moves}
    # A coarse ratio is level between two steps, on purpose.
    assert silent <= {f"op_{i}_coarse" for i in range(1, 7)}, silent


@pytest.mark.parametrize("name", VOICES)
def test_nothing_breaks_at_the_ends_of_the_ranges(name: str) -> None:
    voice = make_voice(name, 16_000)
    count = len(voice.names)
    corners = torch.rand(12, count, generator=torch.Generator().manual_seed(4)).round()
    positions = torch.cat([torch.zeros(1, count), torch.ones(1, count), corners]).requires_grad_()
    audio = voice.render(positions, sounds.noise(range(14), voice.samples), SECONDS)
    assert audio.isfinite().all()
    (slope,) = torch.autograd.grad(audio.square().sum(), positions)
    assert slope.isfinite().all()


@pytest.mark.parametrize("name", VOICES)
def test_sounds_keep_within_range_start_at_0_and_carry_no_dc(name: str) -> None:
    voice = make_voice(name)
    positions = sounds.knob_positions(voice.names, range(48))
    with torch.no_grad():
        audio = voice.render(positions, torch.zeros(1, 1), 1.0)
    assert audio.abs().max() <= 1
    assert (audio[:, 0] == 0).all()
    # Half a turn of the lowest key is as much as a mean over a second can hold.
    assert audio.mean(1).abs().max() < 0.05
    assert (audio.abs().amax(1) > 1e-3).float().mean() > 0.9


def test_a_sound_ends_without_a_click() -> None:
    voice = make_voice("modular")
    values = held(33.0, mixer_vco_1=1.0, mixer_vco_2=0.0, adsr_1_to_vco_1_amp=1.0)
    with torch.no_grad():
        audio = voice.render(units(voice, values | {DURATION: 0.5}).float(), torch.zeros(1, 1), 0.7)
    ended = round(0.5 * 44_100)
    assert audio[0, ended - 100 :].abs().max() > 0.1
    assert (audio[0, ended + 2 * HOP :] == 0).all()
    # A release of no length takes at least a part of a control period: no jump.
    assert audio.diff(dim=-1).abs().max() < 0.05


def test_a_note_is_as_long_and_as_high_as_it_says() -> None:
    voice = make_voice("modular")
    values = held(69.0, mixer_vco_1=1.0, mixer_vco_2=0.0, adsr_1_to_vco_1_amp=1.0)
    with torch.no_grad():
        audio = voice.render(units(voice, values).float(), torch.zeros(1, 1), 1.0)[0].double()
    size = np.abs(np.fft.rfft(audio.numpy() * np.hanning(44_100)))
    assert int(size.argmax()) == 440
    bent = held(69.0, mixer_vco_1=1.0, mixer_vco_2=0.0, adsr_1_to_vco_1_amp=1.0, vco_1_tuning=12.0)
    bent |= {"adsr_2_to_vco_1_pitch": 1.0, "vco_1_mod_depth": 7.0}
    with torch.no_grad():
        audio = voice.render(units(voice, bent).float(), torch.zeros(1, 1), 1.0)[0].double()
    size = np.abs(np.fft.rfft(audio.numpy() * np.hanning(44_100)))
    assert int(size.argmax()) == round(440 * 2 ** (19 / 12))


def test_envelopes_pass_through_the_values_of_a_hand_computation() -> None:
    voice = make_voice("modular", 8_000)
    values = held(120.0, mixer_vco_1=1.0, mixer_vco_2=0.0, adsr_1_to_vco_1_amp=1.0)
    values |= {"adsr_1_attack": 0.5, "adsr_1_decay": 0.5, "adsr_1_sustain": 0.5}
    values |= {"adsr_1_release": 1.0, "adsr_1_alpha": 2.0, DURATION: 1.5}
    with torch.no_grad():
        audio = voice.render(units(voice, values).float(), torch.zeros(1, 1), 3.0)[0]
    level = audio.abs().unfold(0, 80, 80).amax(1)  # of 10 ms
    # Half of the rise squared; the top; half of the fall squared; sustain; half of the release.
    expected = {0.25: 0.25, 0.5: 1.0, 0.75: 0.5 + 0.5 * 0.25, 1.25: 0.5, 2.0: 0.5 * 0.25, 2.6: 0}
    for time, size in expected.items():
        assert float(level[round(time * 100)]) == pytest.approx(size, abs=0.05), time


def test_states_and_outputs_follow_the_device_and_the_type() -> None:
    for name in VOICES:
        voice = make_voice(name, 8_000)
        made = voice.render(torch.rand(2, len(voice.names), device="meta"), META_NOISE, 0.1)
        assert made.device.type == "meta"
        assert made.shape == (2, 800)
        positions = torch.full((1, len(voice.names)), 0.6, dtype=torch.float64)
        assert voice.render(positions, torch.zeros(1, 1), 0.1).dtype == torch.float64


META_NOISE = torch.empty(2, 800, device="meta")


def test_the_pitch_of_drums_falls() -> None:
    voice = make_voice("drum")
    values = {"body_level": 1.0, "body_decay": 2.0, "body_alpha": 1.0, "release": 5.0}
    values |= {KEY: 45.0, DURATION: 4.0, "body_sweep": 24.0, "body_sweep_time": 0.5}
    values |= {"body_sweep_alpha": 1.0}
    with torch.no_grad():
        audio = voice.render(units(voice, values).float(), torch.zeros(1, 1), 1.0)[0].numpy()
    crossed = np.flatnonzero((audio[:-1] < 0) & (audio[1:] >= 0)) / 44_100
    assert 1 / np.diff(crossed[:3]).mean() == pytest.approx(440, rel=0.1)
    assert 1 / np.diff(crossed[-4:]).mean() == pytest.approx(110, rel=0.01)
    assert math.isclose(float(np.abs(audio[44_000:]).max()), 0.5, abs_tol=0.1)
