"""A sampler plays the same however its passage is cut into steps, also where sounds end."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from builders import small_codec, tone
from hypothesis import given, settings
from hypothesis import strategies as st

from export.codec.sound_bank import Entry, build_bank
from synth.models.codec.sampler import CodecSampler
from synth.nn import State

HOPS = 36


@pytest.fixture(scope="module")
def sampler() -> CodecSampler:
    """Three sounds that end within the passage, and one that is looped."""
    codec = small_codec()
    rate = codec.config.sample_rate
    entries = []
    for key, seconds in ((48, 0.01), (60, 0.02), (72, 0.03), (84, 1.0)):
        audio = torch.from_numpy(tone(key, seconds, rate))[None, None]
        with torch.inference_mode():
            entries.append(Entry("pluck", key, codec.encode(audio)[0].t().contiguous()))
    bank = build_bank(entries, codec.hop / rate)
    assert bank.loop_end[3] > bank.loop_start[3] > 0
    return CodecSampler(codec, {}, bank)


def play(sampler: CodecSampler, values: dict[str, float], cuts: list[int]) -> torch.Tensor:
    """A held note, in steps of so many hops."""
    controls = {c.name: torch.from_numpy(c.default_array)[None] for c in sampler.controls}
    for name, value in values.items():
        controls[name] = torch.full_like(controls[name], value)
    controls["gate"] = torch.ones_like(controls["gate"])
    state: State = sampler.init_state(1)
    pieces = []
    with torch.inference_mode():
        for hops in cuts:
            audio, state = sampler.step(torch.tensor([hops]), controls, state)
            pieces.append(audio)
    return torch.cat(pieces, 2)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from((48.0, 60.0, 72.0, 84.0, 65.0)),
    st.floats(-4, 4),
    st.floats(0, 1),
    st.sampled_from((0.0, 1.0, 2.0)),
    st.floats(0.01, 0.5),
    st.lists(st.integers(1, 7), min_size=1, max_size=8),
)
def test_one_step_is_many_steps(
    sampler: CodecSampler,
    key: float,
    speed: float,
    position: float,
    loop: float,
    release: float,
    cuts: list[int],
) -> None:
    values = {"key": key, "speed": speed, "position": position, "loop": loop, "release": release}
    while sum(cuts) < HOPS:
        cuts = [*cuts, min(cuts[-1], HOPS - sum(cuts))]
    total = sum(cuts)
    whole = play(sampler, values, [total])
    assert torch.allclose(play(sampler, values, cuts), whole, atol=2e-5)
    assert torch.allclose(play(sampler, values, [1] * total), whole, atol=2e-5)


def test_a_sound_ends_in_the_hop_in_which_it_ends(sampler: CodecSampler) -> None:
    """It plays as its release has it until then, and has faded within 50 ms."""
    values = {"key": 60.0, "loop": 0.0, "release": 4.0}
    sound = play(sampler, values, [120])[0, 0]
    entry = sampler.zone_entry[0, 60]
    end = int(sampler.length[entry]) * sampler.hop
    level = np.abs(sound.numpy())
    assert level[: end - sampler.hop].max() > 1e-3
    faded = end + round(0.06 * sampler.sample_rate)
    assert level[faded:].max() < 2e-3 * level.max()


def test_backwards_a_loop_comes_again_from_its_end(sampler: CodecSampler) -> None:
    """The way back goes through the whole sound before the loop's end, with one period."""
    entry = sampler.zone_entry[0, 84]
    period = int(sampler.loop_end[entry])
    at = sampler._wrap(
        -torch.arange(4 * period)[None] * (1 << 16), entry[None], torch.tensor([[1.0]])
    )[0].numpy() / (1 << 16)
    assert (at >= 0).all()
    assert (at < period).all()
    assert np.array_equal(at[1 : period + 1], at[1 + period : 2 * period + 1])
    assert (np.diff(at) == -1).sum() == 4 * period - 1 - 4
