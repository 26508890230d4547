"""Sounds that are learned: the same in every run, of their split, written for the key heard."""

from __future__ import annotations

from collections import Counter

import inverse_rig as rig
import pytest
import torch

from synth.models.inverse.hearing import hear
from synth.models.inverse.voices import KEY
from synth.models.inverse.voices.sounds import knob_positions, numbers_of, split_of
from training.inverse.sounds.rendering import NOISES, Sounds, canonical, noises, render
from training.inverse.sounds.stock import CHUNK, SoundStream, Turnover
from training.run.family import Span


def batches(
    start: int, stop: int, rank: int = 0, world: int = 1, **changes: object
) -> list[Sounds]:
    return list(SoundStream(rig.plan(**changes), Span(start, stop, rank, world)))


def test_a_batch_is_a_function_of_its_step_alone() -> None:
    whole, part = batches(0, 7), batches(5, 7)
    for a, b in zip(whole[5:], part, strict=True):
        assert torch.equal(a.numbers, b.numbers)
        assert torch.equal(a.gram, b.gram)
        assert torch.equal(a.units, b.units)
        assert torch.equal(a.told, b.told)


def test_who_renders_changes_nothing() -> None:
    for a, b in zip(batches(0, 2), batches(0, 2, workers=1), strict=True):
        assert torch.equal(a.numbers, b.numbers)
        assert torch.equal(a.gram, b.gram)


def test_all_sounds_are_of_the_split_that_is_learned() -> None:
    numbers = torch.cat([b.numbers for b in batches(0, 6)]).tolist()
    assert {split_of(n) for n in numbers} == {"train"}
    assert not set(numbers) & {*numbers_of("validation", 0, 99), *numbers_of("test", 0, 99)}


def test_processes_learn_different_sounds() -> None:
    first, second = (batches(0, 3, rank, 2) for rank in (0, 1))
    seen = [set(torch.cat([b.numbers for b in run]).tolist()) for run in (first, second)]
    assert not seen[0] & seen[1]


def test_sounds_are_learned_as_often_as_asked() -> None:
    turnover = Turnover(batch_size=16, stock=64, reuse=4, seed=0, rank=0)
    drawn = Counter(place for step in range(200) for place in turnover.drawn(step))
    first, end = turnover.window(150)
    # Those that have come and gone.
    gone = [drawn[place] for place in range(turnover.window(20)[1], first)]
    assert end - first == 64
    assert min(gone) >= 1
    assert 3.5 < sum(gone) / len(gone) < 4.5


def test_no_sound_is_drawn_twice_in_a_batch() -> None:
    for reuse in (1, 2, 16):
        turnover = Turnover(batch_size=16, stock=0, reuse=reuse, seed=3, rank=0)
        for step in range(5):
            assert len(set(turnover.drawn(step))) == 16


def test_a_batch_holds_what_its_numbers_say() -> None:
    """Through the ring, after it has gone round."""
    made = rig.plan()
    batch = batches(0, 40)[-1]
    voice = rig.model().voice
    audio, units, told = render(voice, batch.numbers.tolist())
    gram = rig.model().audio.frontend(audio).half().float()
    assert 32 + 2 * CHUNK < 40 * 4, "the ring has gone round"
    torch.testing.assert_close(batch.gram, gram, atol=2e-3, rtol=0)
    torch.testing.assert_close(batch.units, units)
    torch.testing.assert_close(batch.told, told)
    assert made.training.stock == 32


def test_units_are_written_for_the_key_that_is_heard_and_sound_the_same() -> None:
    voice = rig.model().voice
    numbers = numbers_of("train", 0, 48)
    units, hiss = knob_positions(voice.names, numbers), noises(voice.samples)
    hiss = hiss[[n % NOISES for n in numbers]]
    before = voice.render(units, hiss)
    heard = hear(before, voice.sample_rate)
    moved = canonical(voice, units, heard.key)
    key = voice.values(moved)[KEY]
    at = (key - heard.key).abs()[:, 0] < 0.01
    assert 0.3 < float(at.float().mean()) < 1.0, "some can't be written for that key"
    assert ((moved >= 0) & (moved <= 1)).all()
    columns = [i for i, name in enumerate(voice.names) if name not in (KEY, *voice.tunings)]
    assert torch.equal(moved[:, columns], units[:, columns])
    after = voice.render(moved, hiss)
    # Phases run over thousands of turns; a rounded tuning shifts them a little.
    torch.testing.assert_close(after.std(1), before.std(1), atol=5e-3, rtol=0.05)
    near = (after - before).square().mean(1).sqrt() < 0.05 * before.std(1) + 1e-4
    assert float(near.float().mean()) > 0.9


def test_where_the_key_is_out_of_reach_it_comes_as_near_as_tunings_allow() -> None:
    voice = rig.model().voice
    units = torch.full((1, len(voice.names)), 0.5)
    values = voice.values(units)
    far = values[KEY] + 60.0
    key = voice.values(canonical(voice, units, far))[KEY]
    highest = values[KEY] + values["vco_1_tuning"] + 24
    assert abs(float(key - highest)) < 0.01


@pytest.mark.parametrize("frontend", ["trained_mel", "log_stft"])
def test_what_learns_in_front_of_the_encoder_is_given_the_sound_itself(frontend: str) -> None:
    (batch,) = batches(0, 1, frontend=frontend)
    assert len(batch.gram) == 0
    audio, _, _ = render(rig.model().voice, batch.numbers.tolist())
    torch.testing.assert_close(batch.audio, audio, atol=1e-3, rtol=0)


def test_a_third_view_is_given_the_sound_beside_the_picture() -> None:
    (batch,) = batches(0, 1, stage="vicreg", waveform="sample")
    assert len(batch.gram) == len(batch.audio) == 8
    (batch,) = batches(0, 1, stage="patches", waveform="sample")
    assert len(batch.audio) == 0
