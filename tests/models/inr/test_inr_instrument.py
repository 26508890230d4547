"""The live coordinate network, on sounds that are known: sines of given frequencies."""

from __future__ import annotations

import math
import random

import pytest
import torch
from inr_sines import EXACT, LEVEL, RATE, Player, cents, frequency, hertz, sines, small_inr
from torch import Tensor

from synth.contract import ConfigError
from synth.models.inr import ARCHITECTURES
from synth.models.inr.live.instrument import INRInstrument

ATTACK = 32  # samples after which 1 ms of attack is over, at 16 kHz
KEYS = (48.0, 60.0, 72.0)


def keyboard(sample_rate: int | None = None) -> INRInstrument:
    """One timbre, in tune at three keys."""
    model = sines([hertz(k) for k in KEYS], names=("pipe",) * 3, keys=KEYS)
    return INRInstrument(model, sample_rate)


def pair(a: float = 500.0, b: float = 800.0) -> INRInstrument:
    """Two timbres of unknown pitch."""
    return INRInstrument(sines([a, b], names=("low", "high")))


def steepest(sound: Tensor) -> float:
    return float(sound.diff().abs().max())


def test_a_note_at_its_own_key_is_the_sound() -> None:
    sound = Player(pair(), key=60.0).seconds(0.5)
    time = torch.arange(len(sound)).double() / RATE
    wanted = LEVEL * torch.sin(2 * math.pi * 500 * time)
    assert float((sound - wanted)[ATTACK:].abs().max()) < EXACT


@pytest.mark.parametrize("sample_rate", [8_000, 44_100, 48_000])
def test_the_output_rate_is_free(sample_rate: int) -> None:
    """The function is evaluated at the times of the output's own samples."""
    model = sines([500.0])
    instrument = INRInstrument(model, sample_rate)
    sound = Player(instrument).seconds(0.5)
    time = torch.arange(len(sound)).double() / sample_rate
    wanted = LEVEL * torch.sin(2 * math.pi * 500 * time)
    settled = slice(sample_rate // 100, None)
    # At half the rate what is read twice as fast goes through the low-pass.
    assert float((sound - wanted)[settled].abs().max()) < (2e-3 if sample_rate < RATE else EXACT)


@pytest.mark.parametrize("key", [45.0, 48.0, 53.0, 54.5, 60.0, 65.0, 66.0, 71.3, 78.0])
@pytest.mark.parametrize("sample_rate", [16_000, 48_000])
def test_every_key_is_in_tune(key: float, sample_rate: int) -> None:
    """The nearest sound is transposed to the key, also to one between two keys."""
    sound = Player(keyboard(sample_rate), key=key).seconds(0.6)
    assert cents(frequency(sound[100:], sample_rate), hertz(key)) < 0.1


def test_bend_and_pitch_transpose() -> None:
    sound = Player(keyboard(), key=60.0, bend=1.25, pitch=-7.0).seconds(0.6)
    assert cents(frequency(sound[100:]), hertz(54.25)) < 0.1


def test_sounds_of_one_name_are_one_timbre() -> None:
    """The keyboard says which of them plays; sounds of unknown pitch stand alone."""
    model = sines(
        [hertz(60), hertz(66), 300.0, 310.0],
        names=("reed", "reed", "door", "door"),
        keys=(60.0, 66.0, -1.0, -1.0),
    )
    instrument = INRInstrument(model)
    assert instrument.sounds == ("reed", "door", "door 2")
    assert instrument.key_range is None
    for sound, wanted in enumerate([hertz(60), 300.0, 310.0]):
        made = Player(instrument, sound=sound, key=60.0).seconds(0.5)
        assert cents(frequency(made[100:]), wanted) < 0.1


def test_key_range_reaches_half_an_octave_beyond_the_sounds() -> None:
    assert keyboard().key_range == (42, 78)


@pytest.mark.parametrize(("morph", "wanted"), [(0.0, 500.0), (1.0, 800.0), (0.5, 650.0)])
def test_morph_goes_from_one_sound_to_the_other(morph: float, wanted: float) -> None:
    """Its ends are the sounds themselves; here what lies between is a sine between them."""
    sound = Player(pair(), sound=0, morph_sound=1, morph=morph).seconds(0.5)
    assert cents(frequency(sound[100:]), wanted) < 0.1
    if morph != 0.5:
        other = Player(pair(), sound=int(morph)).seconds(0.5)
        assert torch.equal(sound, other)


def test_morph_between_timbres_recorded_at_other_keys_stays_in_tune() -> None:
    model = sines([hertz(60), hertz(62)], names=("a", "b"), keys=(60.0, 62.0))
    for morph in (0.0, 1.0):
        player = Player(INRInstrument(model), morph_sound=1, morph=morph, key=61.0)
        assert cents(frequency(player.seconds(0.5)[100:]), hertz(61)) < 0.1


def test_latent_axes_carry_the_variance_and_reach_from_sound_to_sound() -> None:
    """Sounds that differ along one line have one axis; along it one becomes another."""
    instrument = INRInstrument(sines([400.0, 500.0, 600.0]))
    control = next(c for c in instrument.controls if c.name == "latent")
    assert control.size == 1
    spread = math.pi * 100  # of the latents of neighbours
    assert control.minimum[0] == pytest.approx(-spread, rel=0.03)
    assert control.maximum[0] == pytest.approx(spread, rel=0.03)
    sound = Player(instrument, sound=1, latent=spread).seconds(0.5)
    assert cents(frequency(sound[100:]), 600.0) < 0.5


def test_the_outermost_sound_goes_no_further_out() -> None:
    """Added to the highest sound, an offset upwards changes nothing; downwards, it does."""
    instrument = INRInstrument(sines([400.0, 500.0, 600.0]))
    control = next(c for c in instrument.controls if c.name == "latent")
    inwards = control.minimum[0] / 2
    for offset, wanted in ((control.maximum[0], 600.0), (inwards, 600.0 + inwards / math.pi)):
        sound = Player(instrument, sound=2, latent=offset).seconds(0.5)
        assert cents(frequency(sound[100:]), wanted) < 1.0


def test_one_sound_alone_has_no_axes() -> None:
    instrument = INRInstrument(sines([400.0]))
    assert all(c.name != "latent" for c in instrument.controls)


def test_negative_speed_plays_backwards() -> None:
    forward = Player(pair()).seconds(0.5)
    there = len(forward) / RATE
    back = Player(pair(), position=there, speed=-1.0).seconds(0.4)
    mirrored = forward.flip(0)[: len(back) - 1]
    assert float((back[1:] - mirrored)[ATTACK:].abs().max()) < 1e-4


def test_backwards_a_note_begins_at_the_end() -> None:
    sound = Player(pair(), speed=-1.0).seconds(0.5)
    assert float(sound[400:].abs().max()) == pytest.approx(LEVEL, rel=0.01)


def test_speed_zero_stands_still() -> None:
    player = Player(pair(), position=0.3)
    player.play(10)
    player.set(speed=0.0)
    still = player.seconds(0.1)
    assert steepest(still) == 0.0


def test_position_is_where_a_note_starts() -> None:
    sound = Player(pair(), position=0.25).seconds(0.2)
    time = torch.arange(len(sound)).double() / RATE + 0.25
    wanted = LEVEL * torch.sin(2 * math.pi * 500 * time)
    assert float((sound - wanted)[ATTACK:].abs().max()) < EXACT


@pytest.mark.parametrize("speed", [0.0, 1.0])
def test_moving_the_position_scrubs(speed: float) -> None:
    """Moved bit by bit while the tape stands still, the sound is heard at the hand's speed."""
    instrument = pair()
    player = Player(instrument, position=0.1, speed=speed)
    player.play(4)
    step = 0.5 * instrument.hop / RATE  # half the tape's own speed
    pieces = []
    for i in range(60):
        player.set(position=0.1 + (i + 1) * step)
        pieces.append(player.play(1)[0])
    sound = torch.cat(pieces)
    assert frequency(sound) == pytest.approx(500 * (speed + 0.5), rel=0.01)
    assert steepest(sound) < 2 * math.pi * 500 * (speed + 0.5) / RATE * LEVEL * 1.05


def test_a_jump_lands_and_does_not_click() -> None:
    instrument = pair(100.0, 200.0)
    player = Player(instrument, position=0.1)
    before = player.play(8)[0]
    player.set(position=0.6037)
    after = torch.cat([player.play(1)[0] for _ in range(8)])
    bound = LEVEL * (2 * math.pi * 100 / RATE + 2 / instrument.hop) * 1.05
    assert steepest(torch.cat([before, after])[ATTACK:]) < bound
    time = torch.arange(8 * instrument.hop).double() / RATE + 0.6037 + 8 * instrument.hop / RATE
    wanted = LEVEL * torch.sin(2 * math.pi * 100 * time)
    landed = slice(instrument.hop, None)
    assert float((after - wanted)[landed].abs().max()) < 1e-3


@pytest.mark.parametrize(
    "move",
    [{"morph": 1.0}, {"morph_sound": 0}, {"loop": 1.0}, {"loop_end": 0.3}, {"freeze": 1.0},
     {"speed": -1.0}, {"position": 0.9}],
    ids=lambda move: next(iter(move)),
)  # fmt: skip
def test_no_control_clicks(move: dict[str, float]) -> None:
    """Whatever moves from one hop to the next, the sound goes over without a jump."""
    instrument = pair(100.0, 130.0)
    player = Player(instrument, morph=0.3, loop=1.0, loop_start=0.2, loop_end=0.21, position=0.2)
    if "loop" in move:
        player.set(loop=0.0)
    before = player.play(9)[0]
    player.set(**move)
    after = torch.cat([player.play(1)[0] for _ in range(9)])
    # Its own slope, a fade across a hop, and the seam of a loop as short as this.
    bound = LEVEL * (2 * math.pi * 130 / RATE + 2 / instrument.hop + 2 / 80 * math.pi / 2)
    assert steepest(torch.cat([before, after])[ATTACK:]) < bound


def test_a_loop_goes_on_and_repeats() -> None:
    """For seconds after a sound of one second would have ended, period after period the same."""
    player = Player(pair(), loop=1.0, loop_start=0.25, loop_end=0.5)
    sound = player.seconds(3.0)
    period = RATE // 4
    entered = RATE // 2
    whole = (len(sound) - entered) // period * period
    rounds = sound[entered : entered + whole].reshape(-1, period)
    assert float((rounds - rounds[0]).abs().max()) < EXACT
    assert float(rounds[0].abs().max()) == pytest.approx(LEVEL, rel=0.01)


def test_ping_pong_repeats_and_is_its_own_mirror() -> None:
    player = Player(pair(), loop=2.0, loop_start=0.25, loop_end=0.5, position=0.25)
    sound = player.seconds(1.2)
    period = RATE // 2
    assert float((sound[period : 2 * period] - sound[:period])[ATTACK:].abs().max()) < 1e-5
    there, back = sound[1 : period // 2], sound[period // 2 + 1 : period].flip(0)
    assert float((there - back)[ATTACK:].abs().max()) < 1e-5


@pytest.mark.parametrize("speed", [0.4, 2.96, -1.7])
@pytest.mark.parametrize("ends", [(0.07, 0.98), (0.9, 0.28), (0.4, 0.43)])
@pytest.mark.parametrize("loop", [1.0, 2.0])
def test_loops_go_round_for_long_without_a_jump(
    loop: float, ends: tuple[float, float], speed: float
) -> None:
    """Filtered or not, in either direction, long or short: no step is steeper than that of the
    sound itself, but for what a seam blends."""
    model = sines([130.0])
    player = Player(INRInstrument(model, 22_050), loop=loop, speed=speed, position=ends[0])
    player.set(loop_start=ends[0], loop_end=ends[1])
    sound = torch.cat([player.play(7)[0] for _ in range(70)])
    slope = 2 * math.pi * 130 * abs(speed) / 22_050
    seam = abs(speed) / 160 * math.pi / 2 * 2 * RATE / 22_050 if loop == 1.0 else 0.0
    assert steepest(sound[200:]) < LEVEL * (1.15 * slope + seam)
    assert float(sound[-400:].abs().max()) > 0.9 * LEVEL, "it still sounds"


def test_a_loop_of_a_few_milliseconds_is_a_tone_of_its_own() -> None:
    player = Player(pair(), loop=1.0, loop_start=0.5, loop_end=0.5)
    sound = player.seconds(1.0)[RATE // 2 + 200 :]
    period = 32
    assert float((sound[period:] - sound[:-period]).abs().max()) < 1e-5


@pytest.mark.parametrize("at_s", [0.02, 0.4, 0.97])
def test_freeze_holds_the_tone(at_s: float) -> None:
    """For seconds, at its pitch and level, wherever the sound was; then it goes on from there."""
    player = Player(keyboard(), key=60.0)
    player.seconds(at_s)
    player.set(freeze=1.0)
    player.seconds(0.1)
    held = player.seconds(2.0)
    assert cents(frequency(held), hertz(60)) < 1.0
    quarters = held[: len(held) // 800 * 800].reshape(-1, 800).abs().amax(1)
    if at_s < 0.9:  # at the very end the sound itself fades
        assert float(quarters.min()) > 0.98 * LEVEL
    player.set(freeze=0.0)
    assert float(player.seconds(1.1)[-RATE // 20 :].abs().max()) < 1e-6


@pytest.mark.parametrize(("scan", "key"), [(0.5, 60.0), (2.0, 60.0), (-0.5, 60.0), (0.5, 55.0)])
def test_what_is_frozen_can_be_stretched(scan: float, key: float) -> None:
    """Time goes at the pace of `scan`, the pitch stays that of the key, the level that it has."""
    player = Player(keyboard(), key=key, position=0.4, freeze=1.0, scan=scan)
    lasting = 0.4 / max(scan, 0.8)
    sound = player.seconds(lasting)[400:]
    assert cents(frequency(sound), hertz(key)) < 1.0
    peaks = sound[: len(sound) // 400 * 400].reshape(-1, 400).abs().amax(1)
    assert float(peaks.min()) > 0.97 * LEVEL
    player.set(freeze=0.0)
    rest = player.seconds(1.2)
    silent = float(torch.nonzero(rest.abs() > 1e-4)[-1]) / RATE
    rate = 2 ** ((key - min(KEYS, key=lambda k: abs(k - key))) / 12)
    assert silent == pytest.approx((1 - 0.4 - scan * lasting) / rate, abs=0.07)


def test_stretched_at_its_own_speed_is_the_sound_itself() -> None:
    player = Player(pair(), position=0.3, freeze=1.0, scan=1.0)
    plain = Player(pair(), position=0.3)
    assert float((player.play(80) - plain.play(80)).abs().max()) < EXACT


def test_without_a_loop_the_sound_ends_in_silence() -> None:
    sound = Player(pair()).seconds(1.2)
    assert float(sound[RATE:].abs().max()) == 0.0
    assert steepest(sound) < 2 * math.pi * 500 / RATE * LEVEL * 1.1


def test_envelope_takes_the_times_it_is_given() -> None:
    """Attack in a straight line, decay to the sustain level, release by 60 dB, on a slow sine."""
    instrument = INRInstrument(sines([4000.0]))
    player = Player(instrument, attack=0.1, decay=0.05, sustain=0.5, release=0.1, loop=1.0)
    sound = player.seconds(0.5)
    peaks = sound[: len(sound) // 16 * 16].reshape(-1, 16).abs().amax(1) / LEVEL
    assert float(peaks[50]) == pytest.approx(0.5, abs=0.02)
    assert float(peaks[98]) == pytest.approx(0.98, abs=0.02)
    assert float(peaks[-1]) == pytest.approx(0.5, abs=0.01)
    player.set(gate=0.0)
    fall = player.seconds(0.12)
    ends = fall[: len(fall) // 16 * 16].reshape(-1, 16).abs().amax(1) / LEVEL
    assert 20 * math.log10(float(ends[50]) / 0.5) == pytest.approx(-30, abs=1)
    assert 20 * math.log10(float(ends[99]) / 0.5) == pytest.approx(-60, abs=1)


def test_release_in_the_middle_of_the_attack_falls_from_there() -> None:
    player = Player(INRInstrument(sines([4000.0])), attack=0.1, release=0.1)
    risen = player.seconds(0.05)
    player.set(gate=0.0)
    fall = player.seconds(0.05)
    assert float(fall.abs().max()) <= float(risen.abs().max()) * 1.02


@pytest.mark.parametrize("velocity", [1.0, 0.5, 0.1])
def test_velocity_counts_squared(velocity: float) -> None:
    loud = Player(pair()).seconds(0.1)
    soft = Player(pair(), velocity=velocity).seconds(0.1)
    assert torch.allclose(soft, loud * velocity**2, atol=1e-6)


def test_gain_is_in_decibel_and_glides() -> None:
    player = Player(pair(), gain=-20.0)
    assert float(player.seconds(0.1).abs().max()) == pytest.approx(LEVEL / 10, rel=0.01)
    player.set(gain=0.0)
    sound = player.play(1)[0]
    assert steepest(sound) < LEVEL * (2 * math.pi * 500 / RATE + 1 / len(sound)) * 1.05


@pytest.mark.parametrize("ends", [(0.3, 0.42), (0.1, 0.95)])
@pytest.mark.parametrize("loop", [0.0, 1.0, 2.0])
def test_streamed_equals_offline(loop: float, ends: tuple[float, float]) -> None:
    """Whatever the blocks, to 1e-5, in the middle of loops, fades and envelopes."""
    instrument = INRInstrument(small_inr(width=16, depth=3), 22_050)
    settings = {
        "loop": loop, "loop_start": ends[0], "loop_end": ends[1], "speed": -1.7, "attack": 0.05,
        "decay": 0.02, "sustain": 0.3, "morph": 0.4, "key": 63.3,
    }  # fmt: skip
    whole, pieces = Player(instrument, 3, **settings), Player(instrument, 3, **settings)
    for player in (whole, pieces):
        player.set(speed=(-1.7, 0.6, 2.9), sound=(0, 1, 2), freeze=(0.0, 1.0, 0.0), scan=0.7)
    cut, hops = random.Random(0), 60
    streamed = []
    while sum(part.shape[1] for part in streamed) < hops * instrument.hop:
        left = hops - sum(part.shape[1] for part in streamed) // instrument.hop
        streamed.append(pieces.play(min(cut.randrange(1, 9), left)))
    assert float((torch.cat(streamed, 1) - whole.play(hops)).abs().max()) < 1e-5


def test_voices_do_not_hear_each_other() -> None:
    """A row sounds the same alone and beside rows that crossfade, loop and run elsewhere."""
    instrument = INRInstrument(small_inr(width=16, depth=3))
    alone, beside = Player(instrument), Player(instrument, 4)
    beside.set(speed=(1.0, -3.0, 0.3, 1.0), loop=(0.0, 1.0, 2.0, 1.0), sound=(0, 1, 2, 0))
    for i in range(12):
        beside.set(morph=(0.0, 0.1 * i / 2, 0.5, 0.0), freeze=(0.0, 0.0, float(i > 5), 0.0))
        difference = beside.play(1)[0] - alone.play(1)[0]
        assert float(difference.abs().max()) < 1e-6


@pytest.mark.parametrize("architecture", [a for a in ARCHITECTURES if a != "wavegan"])
def test_every_architecture_plays_what_it_decodes(architecture: str) -> None:
    """The folded network is the model, evaluated in double precision, to 3e-4 of its peak: what a
    mapping network in single precision leaves of a phase."""
    size = {"width": 24, "depth": 4} if ARCHITECTURES[architecture].resizable else {}
    model = small_inr(architecture=architecture, first_omega_0=1760.0, hidden_omega_0=245.0, **size)
    with torch.inference_mode():
        t = model.coordinates(torch.arange(model.config.audio_length).double())
        wanted = model.double().decode(model.latents[1:2], t.double()[None])[0]
        sound = Player(INRInstrument(model.float()), sound=1).seconds(0.2)
    middle = slice(ATTACK, 3000)
    error = (sound[middle] - wanted[middle]).abs().max() / wanted.abs().max()
    assert float(error) < 3e-4


@pytest.mark.parametrize("branches", [1, 4])
def test_parallel_networks_play(branches: int) -> None:
    model = small_inr(width=24, depth=3, branches=branches)
    with torch.inference_mode():
        t = model.coordinates(torch.arange(2000).double())[None]
        wanted = model.decode(model.latents[:1], t)[0]
        sound = Player(INRInstrument(model)).seconds(0.12)
    assert float((sound[ATTACK:1900] - wanted[ATTACK:1900]).abs().max()) < 1e-3


def test_a_fixed_grid_is_refused() -> None:
    model = small_inr(architecture="wavegan", audio_length=16_000)
    with pytest.raises(ConfigError, match="fixed grid"):
        INRInstrument(model)


@pytest.mark.parametrize("sample_rate", [0, 3_999, 400_000])
def test_sample_rates_out_of_range_are_refused(sample_rate: int) -> None:
    with pytest.raises(ConfigError, match="4000"):
        INRInstrument(sines([100.0]), sample_rate)


def test_a_hop_is_longer_where_a_point_is_dear() -> None:
    """4 ms, and 8 ms from 250,000 multiplications a point on; a multiple of 16 samples."""
    light, dear = (INRInstrument(small_inr(width=w, depth=8), 44_100) for w in (64, 256))
    assert (light.hop, dear.hop) == (176, 352)
    assert INRInstrument(small_inr(width=256, depth=8)).hop == 128
