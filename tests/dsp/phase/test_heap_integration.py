"""Phase-gradient heap integration: a sine keeps its frequency, whole and frame by frame."""

from __future__ import annotations

import heapq
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from synth.contract import DataError
from synth.dsp.nsgt import NSGT, make_scale
from synth.dsp.phase import CausalHeapIntegration, heap_integration, offline, spectral_convergence
from synth.dsp.phase.spanning import Connections, add_up

RATE, LENGTH = 8_000, 8_000
TRANSFORM = NSGT(make_scale("octave", 60, 3_900, 24), RATE, LENGTH)
SHAPE = (len(TRANSFORM.frequencies), TRANSFORM.frames)
CAUSAL = CausalHeapIntegration(TRANSFORM)
TIME = torch.arange(LENGTH, dtype=torch.float64) / RATE


def sine(hz: float) -> Tensor:
    return 0.5 * torch.sin(2 * math.pi * hz * TIME)


def note(hz: float = 211.0) -> Tensor:
    decay = torch.exp(-3 * TIME) * (1 - torch.exp(-50 * TIME))
    return 0.3 * decay * sum(torch.sin(2 * math.pi * hz * h * TIME) / h for h in range(1, 9))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def causal_sound(magnitude: Tensor) -> Tensor:
    phase, _ = CAUSAL.step(magnitude, CAUSAL.init_state())
    return TRANSFORM.inverse(torch.polar(magnitude, phase))


def frequency(audio: Tensor) -> float:
    """Hz, of the loudest line of the middle half, by the phases of its two halves."""
    middle = audio[LENGTH // 4 : -LENGTH // 4].numpy()
    half = len(middle) // 2
    spectra = [
        np.fft.rfft(part * np.hanning(half)) for part in (middle[:-half], middle[1 : half + 1])
    ]
    line = int(np.abs(spectra[0]).argmax())
    return float(np.angle(spectra[1][line] / spectra[0][line]) * RATE / (2 * math.pi))


@pytest.mark.parametrize("hz", [80.0, 211.0, 1_000.0, 1_013.7, 3_500.0])
@pytest.mark.parametrize("way", ["whole", "causal"])
def test_a_sine_keeps_frequency_and_level(hz: float, way: str) -> None:
    magnitude = TRANSFORM(sine(hz)).abs()
    made = (
        heap_integration(magnitude, TRANSFORM, seeded())
        if way == "whole"
        else causal_sound(magnitude)
    )
    cents = 1_200 * math.log2(frequency(made) / hz)
    assert abs(cents) < 0.5
    inner = made[LENGTH // 4 : -LENGTH // 4]
    assert float(inner.square().mean().sqrt()) == pytest.approx(0.5 / math.sqrt(2), rel=0.02)
    assert float(inner.abs().max()) < 0.55  # a pure sine, without beats


@pytest.mark.parametrize("way", ["whole", "causal"])
def test_phase_advances_by_the_frequency(way: str) -> None:
    hz = 1_013.0  # whole periods: the transform goes round in a circle
    magnitude = TRANSFORM(sine(hz)).abs()
    if way == "whole":
        phase = offline.integrated_phase(magnitude, TRANSFORM, seeded())
    else:
        phase, _ = CAUSAL.step(magnitude, CAUSAL.init_state())
    band = int((TRANSFORM.frequencies - hz).abs().argmin())
    moved = TRANSFORM.centres[band] * RATE / LENGTH
    inner = slice(TRANSFORM.frames // 4, -TRANSFORM.frames // 4)
    advance = torch.polar(torch.ones(TRANSFORM.frames, dtype=torch.float64), phase[band])
    turned = (
        (advance[1:] * advance[:-1].conj()).angle()[inner] * TRANSFORM.frame_rate / (2 * math.pi)
    )
    assert turned.numpy() == pytest.approx(hz - moved, abs=0.05)


@pytest.mark.parametrize("way", ["whole", "causal"])
def test_a_note_comes_near(way: str) -> None:
    magnitude = TRANSFORM(note()).abs()
    made = (
        heap_integration(magnitude, TRANSFORM, seeded())
        if way == "whole"
        else causal_sound(magnitude)
    )
    random = 2 * math.pi * torch.rand(magnitude.shape, generator=seeded(), dtype=torch.float64)
    worst = TRANSFORM.inverse(torch.polar(magnitude, random))
    found = spectral_convergence(made, magnitude, TRANSFORM)
    assert found < (0.15 if way == "whole" else 0.25)
    assert found < 0.3 * spectral_convergence(worst, magnitude, TRANSFORM)


@pytest.mark.parametrize(
    ("name", "count", "reduced"),
    [("mel", 120, True), ("erb", 100, True), ("linear", 200, True), ("octave", 24, False)],
)
def test_every_scale_and_the_full_form(name: str, count: int, reduced: bool) -> None:
    transform = NSGT(make_scale(name, 60, 3_900, count), RATE, LENGTH, reduced)
    magnitude = transform(note()).abs()
    made = heap_integration(magnitude, transform, seeded())
    assert spectral_convergence(made, magnitude, transform) < 0.15


def test_a_click_stays_a_click() -> None:
    click = torch.zeros(LENGTH, dtype=torch.float64)
    click[LENGTH // 2] = 1
    magnitude = TRANSFORM(click).abs()
    made = heap_integration(magnitude, TRANSFORM, seeded())
    near = made[LENGTH // 2 - 40 : LENGTH // 2 + 40]
    assert float(near.square().sum() / made.square().sum()) > 0.8


@settings(deadline=None, max_examples=15)
@given(cuts=st.lists(st.integers(0, 60), max_size=8))
def test_any_blocks_give_the_same_phases(cuts: list[int]) -> None:
    magnitude = TRANSFORM(note()).abs()[:, 20:80]
    whole, last = CAUSAL.step(magnitude, CAUSAL.init_state())
    state, parts = CAUSAL.init_state(), []
    for first, end in zip([0, *sorted(cuts)], [*sorted(cuts), 60], strict=True):
        phase, state = CAUSAL.step(magnitude[:, first:end], state)
        parts.append(phase)
    assert torch.equal(torch.cat(parts, 1), whole)
    assert torch.equal(state.phase, last.phase)
    assert state.frame == last.frame == 60


def test_no_frame_hears_a_later_one() -> None:
    magnitude = TRANSFORM(note()).abs()[:, 20:60]
    other = magnitude.clone()
    other[:, 25:] = magnitude[:, 25:].flip(0)
    first, second = (CAUSAL.step(m, CAUSAL.init_state())[0] for m in (magnitude, other))
    assert torch.equal(first[:, :25], second[:, :25])
    assert not torch.equal(first[:, 25:], second[:, 25:])


def test_silence_stays_silence_and_sound_comes_back() -> None:
    assert not heap_integration(torch.zeros(SHAPE), TRANSFORM).any()
    magnitude = TRANSFORM(note()).abs()[:, 20:50]
    silence = torch.zeros(SHAPE[0], 5, dtype=torch.float64)
    phase, state = CAUSAL.step(torch.cat([magnitude, silence, magnitude], 1), CAUSAL.init_state())
    assert phase.isfinite().all()
    assert not phase[:, 30:35].any()
    assert not CAUSAL.step(silence, state)[0].any()


def test_gain_changes_no_phase() -> None:
    magnitude = TRANSFORM(note()).abs()
    first, second = (
        offline.integrated_phase(gain * magnitude, TRANSFORM, seeded()) for gain in (1.0, 0.25)
    )
    assert torch.allclose(torch.cos(first - second), torch.ones(()).double(), atol=1e-6)


def test_single_precision_is_taken() -> None:
    magnitude = TRANSFORM(note()).abs().float()
    assert heap_integration(magnitude, TRANSFORM, seeded()).dtype == torch.float32


def with_a_heap(connections: Connections, loudness: Tensor) -> Tensor:
    """The phases as the paper finds them, one coefficient after another."""
    beside: dict[int, list[tuple[int, float]]] = {}
    for first, second, turn in zip(*(part.tolist() for part in connections), strict=True):
        beside.setdefault(first, []).append((second, turn))
        beside.setdefault(second, []).append((first, -turn))
    phase: dict[int, float] = {}
    for seed in loudness.argsort(descending=True).tolist():
        if seed in phase or seed not in beside:
            continue
        phase[seed], heap = 0.0, [(-float(loudness[seed]), seed)]
        while heap:
            _, node = heapq.heappop(heap)
            for other, turn in beside[node]:
                if other not in phase:
                    phase[other] = phase[node] + turn
                    heapq.heappush(heap, (-float(loudness[other]), other))
    return torch.tensor([phase.get(node, 0.0) for node in range(len(loudness))]).double()


@pytest.mark.parametrize("hz", [211.0, 500.0])
def test_the_tree_does_what_the_heap_does(hz: float, monkeypatch: pytest.MonkeyPatch) -> None:
    magnitude = TRANSFORM(note(hz)).abs()
    tree = offline.integrated_phase(magnitude, TRANSFORM, seeded())
    monkeypatch.setattr(offline, "add_up", lambda c, n: (with_a_heap(c, n), None))
    heap = offline.integrated_phase(magnitude, TRANSFORM, seeded())
    power = magnitude.square() / magnitude.square().sum()
    assert float(torch.polar(power, tree - heap).sum().abs()) > 0.99
    found = [
        spectral_convergence(TRANSFORM.inverse(torch.polar(magnitude, phase)), magnitude, TRANSFORM)
        for phase in (tree, heap)
    ]
    assert found[0] < 1.1 * found[1]


def test_the_loudest_way_is_taken() -> None:
    # 0 and 3 are joined through 1 (loud) and through 2 (quiet), and the two ways disagree.
    first, second = torch.tensor([0, 1, 0, 2, 4]), torch.tensor([1, 3, 2, 3, 5])
    turn = torch.tensor([1.0, 2.0, 10.0, 20.0, 5.0], dtype=torch.float64)
    loudness = torch.tensor([4.0, 3.0, 1.0, 2.0, 1.0, 1.0, 7.0])
    phase, root = add_up(Connections(first, second, turn), loudness)
    assert float(phase[1] - phase[0]) == 1
    assert float(phase[3] - phase[0]) == 3
    assert float(phase[2] - phase[0]) == 10  # the quiet one follows the louder of its neighbours
    assert float(phase[5] - phase[4]) == 5
    assert len(root.unique()) == 3
    assert root[0] == root[1] == root[2] == root[3]


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000), nodes=st.integers(1, 60), count=st.integers(0, 200))
def test_consistent_turns_give_back_their_phases(seed: int, nodes: int, count: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    true = torch.randn(nodes, generator=generator, dtype=torch.float64)
    first, second = torch.randint(nodes, (2, count), generator=generator)
    loudness = torch.randint(4, (nodes,), generator=generator).double()
    phase, root = add_up(Connections(first, second, true[second] - true[first]), loudness)
    assert torch.allclose(phase, true - true[root], atol=1e-12)
    assert torch.equal(root[first], root[second])


@pytest.mark.parametrize(
    "magnitude",
    [torch.zeros(3, 5), torch.full(SHAPE, -1.0), torch.full(SHAPE, math.nan)],
    ids=["shape", "negative", "nan"],
)
def test_magnitudes_that_cannot_be_are_refused(magnitude: Tensor) -> None:
    with pytest.raises(DataError, match="magnitudes"):
        heap_integration(magnitude, TRANSFORM)
    with pytest.raises(DataError, match=r"magnitudes|frames"):
        CAUSAL.step(magnitude, CAUSAL.init_state())
