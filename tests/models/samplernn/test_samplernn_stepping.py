"""Takes and instruments are stepped alike: same state, same numbers, same codes."""

from __future__ import annotations

import pytest
import torch
from samplernn_rig import KINDS, random_codes, small_model
from torch import Tensor

from synth.models.samplernn import FoldedSampleRNN, Noise, SampleRNN, draw
from synth.models.samplernn.instrument import NOISE, PrimeBank, SampleRNNInstrument
from synth.models.samplernn.live import LiveModel
from synth.models.samplernn.sampling import keep_top, pick
from synth.models.samplernn.stepping import Draw, Steps, make_frames
from synth.nn import State

ROWS, FRAMES = 3, 12
WARM = torch.tensor([1.0, 0.5, 1.7])
KEPT = torch.tensor([0, 3, 5])


def both(model: SampleRNN) -> tuple[FoldedSampleRNN, LiveModel]:
    folded = FoldedSampleRNN(model)
    return folded, LiveModel(folded)


def recorded(rule: Draw, seen: list[Tensor]) -> Draw:
    """`rule`, the logits that it is given kept in `seen`."""

    def wrapped(logits: Tensor, uniform: Tensor) -> Tensor:
        seen.append(logits)
        return rule(logits, uniform)

    return wrapped


def of_takes(logits: Tensor, uniform: Tensor) -> Tensor:
    return draw(logits, uniform, WARM, KEPT)


def of_instruments(logits: Tensor, uniform: Tensor) -> Tensor:
    return pick(keep_top(logits, KEPT[:, None]), 1 / WARM[:, None], uniform[:, None])[:, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_both_models_make_the_same_codes_out_of_the_same_numbers(kind: str) -> None:
    """Each with its own arithmetic and its own rule of drawing; logits and state agree too."""
    model = small_model(**KINDS[kind])
    _, features = random_codes(model, ROWS, FRAMES)
    uniform = Noise(5, ROWS).uniform(FRAMES * model.hop)
    steered = model.steer(features)
    logits: list[list[Tensor]] = [[], []]
    made = [
        make_frames(steps, model.init_state(ROWS), uniform, steered, recorded(rule, seen))
        for steps, rule, seen in zip(both(model), (of_takes, of_instruments), logits, strict=True)
    ]
    (codes, state), (live_codes, live_state) = made
    assert torch.equal(live_codes, codes)
    assert len(codes.unique()) > 3
    torch.testing.assert_close(logits[1], logits[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(live_state, state, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_what_the_model_makes_of_a_whole_window(kind: str) -> None:
    """State and logits after steps are those of one pass over the codes that were made."""
    model = small_model(**KINDS[kind])
    _, features = random_codes(model, ROWS, FRAMES)
    uniform = Noise(7, ROWS).uniform(FRAMES * model.hop)
    before = model.init_state(ROWS)
    for steps in both(model):
        seen: list[Tensor] = []
        codes, state = make_frames(
            steps, before, uniform, model.steer(features), recorded(of_takes, seen)
        )
        wanted, after = model(torch.cat([before["history"], codes], 1), None, features)
        torch.testing.assert_close(torch.stack(seen, 1), wanted, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(state, after, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["two tiers", "gru", "everything"])
def test_rows_that_are_held_keep_their_memory_and_no_other_row_does(kind: str) -> None:
    model = small_model(**KINDS[kind])
    _, features = random_codes(model, ROWS, FRAMES)
    uniform = Noise(5, ROWS).uniform(FRAMES * model.hop)
    steered, hold = model.steer(features), torch.tensor([[False], [True], [False]])

    def run(steps: Steps, hold: Tensor | None) -> tuple[Tensor, State]:
        return make_frames(steps, model.init_state(ROWS), uniform, steered, of_takes, hold)

    for steps in both(model):
        (codes, state), (free_codes, free) = run(steps, hold), run(steps, None)
        others = torch.tensor([0, 2])
        assert torch.equal(codes[others], free_codes[others])
        for name, tensor in model.init_state(ROWS).items():
            assert torch.equal(state[name][others], free[name][others])
            assert torch.equal(state[name][1], tensor[1]) == (name != "history")


@pytest.mark.parametrize("kind", [k for k in KINDS if not {"steered", "everything"} & {k}])
def test_an_instrument_plays_the_take_of_the_same_numbers(kind: str) -> None:
    """Its sound, freed of envelope and velocity, is the take decoded."""
    model = small_model(**KINDS[kind])
    bank = PrimeBank(
        {name: tensor.half().float() if tensor.is_floating_point() else tensor
         for name, tensor in model.init_state(1).items()},
        torch.zeros(128, dtype=torch.int64),
    )  # fmt: skip
    instrument = SampleRNNInstrument(model, bank).eval()
    noise = torch.randn(1, 3, instrument.hop, generator=torch.Generator().manual_seed(1))
    controls = {c.name: torch.from_numpy(c.default_array)[None] for c in instrument.controls}
    controls |= {"gate": torch.ones(1, 1), NOISE: noise}
    with torch.inference_mode():
        audio, after = instrument.step(torch.tensor([3]), controls, instrument.init_state(1))
        uniform = torch.special.ndtr(noise).reshape(1, -1)
        ones = torch.ones(1)
        codes, state = make_frames(
            FoldedSampleRNN(model), bank.state, uniform, None,
            lambda logits, u: draw(logits, u, ones),
        )  # fmt: skip
        settled = slice(instrument.hop, None)  # the attack is over
        velocity = controls["velocity"].square()
        wanted = model.decode(codes)[:, settled] * velocity
    torch.testing.assert_close(audio[:, 0, settled], wanted, atol=2e-3, rtol=2e-3)
    assert torch.equal(after["history"], state["history"])
