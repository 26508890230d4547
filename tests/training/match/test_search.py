"""The search: key and length are set, refinement lowers the distance, time and seed are kept."""

from __future__ import annotations

import itertools

import pytest
import torch
from match_sounds import RATE, FixedProposer, small_voice
from torch import Tensor

from synth.models.inverse.voices import DURATION, KEY, Voice
from synth.models.inverse.voices.sounds import knob_positions, noise
from training.match.candidates import distinct, drawn, in_key
from training.match.distances import DISTANCES
from training.match.evolving import cross, evolve
from training.match.judging import JUDGE, Judge
from training.match.losses import DEFAULT_LOSS, LOSSES
from training.match.refining import refine
from training.match.search import Search, nearest
from training.match.target import Target, make_target


@pytest.fixture(scope="module")
def voice() -> Voice:
    return small_voice()


def plain(voice: Voice, **values: float) -> Tensor:
    """A steady tone of both oscillators at key 60, with some values changed."""
    base = {p.name: torch.tensor([[max(p.minimum, 0.0)]]) for p in voice.parameters_}
    usual = {
        KEY: 60.0, DURATION: 0.4, "adsr_1_sustain": 1.0, "adsr_1_alpha": 1.0,
        "adsr_1_to_vco_1_amp": 1.0, "adsr_1_to_vco_2_amp": 1.0, "mixer_vco_1": 0.6,
        "mixer_vco_2": 0.3, "adsr_1_attack": 0.01, "adsr_1_release": 0.05,
    }  # fmt: skip
    for name, value in (usual | values).items():
        base[name] = torch.tensor([[value]])
    return voice.units(base)


@pytest.fixture(scope="module")
def target(voice: Voice) -> Target:
    units = plain(voice)
    audio = voice.render(units, noise([0], voice.samples))[0]
    return make_target("plain", audio, voice, gain=1.0)


def steps(count: int):  # type: ignore[no-untyped-def]
    """A fraction that reaches 1 after `count` steps."""
    places = itertools.count()
    return lambda: next(places) / count


TRANSPORT = "spectral_optimal_transport"


def _transport(judge: Judge, log: Log) -> float:
    """Least distance by optimal transport of what was reported."""
    return float(judge.distances(torch.cat(log.units), TRANSPORT).min())


class Log:
    """What is reported."""

    def __init__(self) -> None:
        self.best: list[float] = []
        self.units: list[Tensor] = []

    def __call__(self, units: Tensor, distances: Tensor) -> None:
        assert units.shape[0] == distances.shape[0]
        assert float(units.min()) >= 0
        assert float(units.max()) <= 1
        self.best.append(float(distances.min()))
        self.units.append(units.clone())


def test_drawn_patches_have_the_targets_key_and_length(voice: Voice, target: Target) -> None:
    units = drawn(voice, target, 32, torch.Generator().manual_seed(0))
    values = voice.values(units)
    assert values[DURATION][:, 0].tolist() == pytest.approx([target.seconds] * 32, abs=0.01)
    key = values[KEY][:, 0]
    assert key.tolist() == pytest.approx([target.key] * 32, abs=0.01)
    tuned = torch.stack([values[name][:, 0] for name in voice.tunings])
    assert float(tuned.abs().amin(0).max()) < 0.01
    assert float(tuned.abs().amax(0).min()) > 0.01


def test_a_patch_of_any_key_is_written_for_the_one_that_is_heard(
    voice: Voice, target: Target
) -> None:
    """The same sound where tunings allow it; else an oscillator is octaves away."""
    near = plain(voice, **{KEY: 55.0, "vco_1_tuning": 5.0, "vco_2_tuning": -2.0})
    far = plain(voice, **{KEY: 40.0, "vco_1_tuning": 20.0, "vco_2_tuning": -13.0})
    values = voice.values(in_key(voice, target, torch.cat([near, far])))
    assert values[KEY][:, 0].tolist() == pytest.approx([target.key] * 2, abs=1e-3)
    away = target.key - 60
    wanted = {"vco_1_tuning": (0, 0), "vco_2_tuning": (-7, -33 + 12)}
    for name, tunings in wanted.items():
        found = values[name][:, 0].tolist()
        assert found == pytest.approx([t - away for t in tunings], abs=0.02), name
    frozen = voice.frozen({KEY: 40.0})
    assert torch.equal(in_key(frozen, target, far), far)


@pytest.mark.parametrize("loss", LOSSES)
def test_refinement_lowers_the_distance_under_every_loss(
    loss: str, voice: Voice, target: Target
) -> None:
    judge = Judge(target, voice)
    start = plain(voice, mixer_vco_2=0.05, adsr_1_attack=0.1, adsr_1_sustain=0.5)
    before = float(judge.distances(start))
    log = Log()
    refine(judge, start, loss, steps(25), log)
    assert len(log.best) == 25
    assert log.best[0] == pytest.approx(before, rel=0.05)
    if loss != "transport":  # which knows nothing of levels
        assert min(log.best) < 0.6 * before
    else:
        assert _transport(judge, log) < 0.8 * float(judge.distances(start, TRANSPORT))


def test_refinement_leaves_key_and_frozen_parameters_alone(voice: Voice, target: Target) -> None:
    frozen = voice.frozen({"vco_2_shape": 0.25})
    judge = Judge(target, frozen)
    start = frozen.settled(plain(voice, adsr_1_attack=0.1))
    seen: list[Tensor] = []

    def report(units: Tensor, distances: Tensor) -> None:
        seen.append(units.clone())

    refine(judge, start, "mel", steps(4), report)
    evolve(judge, start, steps(2), report)
    others = torch.rand(5, len(voice.names), generator=torch.Generator().manual_seed(1))
    cross(judge, lambda: start, others, steps(2), report, torch.Generator().manual_seed(2))
    assert len(seen) == 8
    for name in (KEY, "vco_2_shape"):
        column = voice.names.index(name)
        assert all(bool((units[:, column] == start[:, column]).all()) for units in seen)
    assert not torch.equal(seen[3], start)


def test_evolution_lowers_the_distance(voice: Voice, target: Target) -> None:
    judge = Judge(target, voice)
    start = plain(voice, mixer_vco_2=0.15, adsr_1_attack=0.05)
    log = Log()
    evolve(judge, start, steps(25), log, seed=1)
    assert min(log.best) < 0.95 * float(judge.distances(start))


def test_crossing_joins_the_right_parts_of_two_patches(voice: Voice, target: Target) -> None:
    judge = Judge(target, voice)
    wrong = torch.cat(
        [
            plain(voice, adsr_1_attack=0.2, adsr_1_sustain=0.3, adsr_1_decay=0.1),
            plain(voice, mixer_vco_2=0.0, mixer_noise=0.02, vco_1_tuning=7.0),
        ]
    )
    before = float(judge.distances(wrong).min())
    log = Log()
    cross(judge, lambda: wrong, wrong, steps(40), log, torch.Generator().manual_seed(0))
    assert min(log.best) < 0.3 * before


@pytest.mark.parametrize("threads", [2, 3])
def test_several_threads_find_what_one_does(threads: int, voice: Voice, target: Target) -> None:
    units = knob_positions(voice.names, range(20))
    alone, together = Judge(target, voice), Judge(target, voice, threads=threads)
    torch.testing.assert_close(together.distances(units), alone.distances(units))
    logs = []
    for judge in (alone, together):
        log = Log()
        refine(judge, units[:3], "mel", steps(3), log)
        logs.append(torch.cat(log.units))
    torch.testing.assert_close(logs[1], logs[0])


def test_a_budget_of_nothing_gives_the_first_patch_at_once(voice: Voice, target: Target) -> None:
    search = Search(target, voice, None, budget=0)
    found = search.run()
    assert len(found.units) == 16
    assert found.first == float(found.distances[0]) == float(found.distances.min())


def test_the_budget_is_kept(voice: Voice, target: Target) -> None:
    """By a clock that ticks with every look at it."""
    ticks = itertools.count()
    search = Search(target, voice, None, budget=60, clock=lambda: float(next(ticks)))
    search.run()
    assert next(ticks) < 75


def test_a_seed_gives_the_same_patches(voice: Voice, target: Target) -> None:
    def found(seed: int) -> Tensor:
        ticks = itertools.count()
        search = Search(target, voice, None, budget=40, seed=seed, clock=lambda: float(next(ticks)))
        return search.run().units

    assert torch.equal(found(1), found(1))
    assert not torch.equal(found(1), found(2))


def test_the_best_of_what_a_model_proposes_comes_first(voice: Voice, target: Target) -> None:
    right = plain(voice)
    others = knob_positions(voice.names, range(7))
    found = Search(target, voice, FixedProposer(torch.cat([others, right])), budget=0).run()
    torch.testing.assert_close(found.units[:1], right, atol=0.02, rtol=0)
    assert found.first < 0.1


def test_an_interrupt_keeps_what_was_found(voice: Voice, target: Target) -> None:
    calls = []

    def tell(seconds: float, distance: float) -> None:
        calls.append(distance)
        if len(calls) == 5:
            raise KeyboardInterrupt

    found = Search(target, voice, None, budget=600, tell=tell).run()
    assert found.stopped
    assert float(found.distances[0]) == min(calls)


def test_patches_that_are_kept_differ(voice: Voice) -> None:
    units = torch.rand(1, len(voice.names)).repeat(6, 1)
    units[3:] = torch.rand(3, len(voice.names))
    distances = torch.tensor([1.0, 1.1, 1.2, 3.0, 2.0, float("nan")])
    assert distinct(units, distances, 4).tolist() == [0, 4, 3]


def test_levels_are_no_part_of_the_distance(voice: Voice, target: Target) -> None:
    judge = Judge(target, voice)
    loud, soft = plain(voice), plain(voice, mixer_vco_1=0.06, mixer_vco_2=0.03)
    assert float(judge.distances(loud)) == pytest.approx(0, abs=0.2)
    assert float(judge.distances(soft)) == pytest.approx(0, abs=0.5)
    assert float(judge.distances(soft, "mel_l1")) < 1.0
    assert float(judge.gains(judge.render(soft))) == pytest.approx(10, rel=0.05)


def test_the_usual_loss_is_one_and_the_judge_is_a_distance() -> None:
    assert DEFAULT_LOSS in LOSSES
    assert JUDGE in DISTANCES


def test_the_nearest_are_in_order(voice: Voice, target: Target) -> None:
    found = Search(target, voice, None, budget=0).run()
    units, distances = nearest(found, 4)
    assert distances.tolist() == sorted(distances.tolist())
    judged = Judge(target, voice).distances(units)
    torch.testing.assert_close(judged, distances, atol=1e-3, rtol=0)
    assert voice.sample_rate == RATE
