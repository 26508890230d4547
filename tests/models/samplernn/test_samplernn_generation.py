"""Generation equals the model that it folds, whatever the pieces in which it is read."""

from __future__ import annotations

import pytest
import torch
from samplernn_rig import KINDS, random_codes, small_model

from synth.contract import ConfigError
from synth.models.samplernn import Drawing, FoldedSampleRNN, Generator, Noise, draw


@pytest.mark.parametrize("kind", KINDS)
def test_tables_equal_the_direct_path(kind: str) -> None:
    """One sample at a time, from the conditioning that the lowest tier makes of a state."""
    model = small_model(**KINDS[kind])
    folded = FoldedSampleRNN(model)
    taps, hidden = model.predictor.taps, model.config.hidden_size
    codes, x = torch.randint(0, model.config.quantization, (7, 2 * taps)), torch.randn(7, hidden)
    direct = model.predictor(codes[:, :-1], model.tiers[0].spread(x[:, None]))
    conditioning = folded.predictor.condition(x)
    for tap in range(taps):
        logits = folded.predictor(codes[:, tap : tap + taps], conditioning[:, tap])
        torch.testing.assert_close(logits, direct[:, tap], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_generated_is_what_the_model_predicts(kind: str) -> None:
    """Teacher forcing over the result, drawn with the same noise, gives the result."""
    model = small_model(**KINDS[kind])
    rows, frames = 3, 12
    _, features = random_codes(model, rows, frames)
    stream = Generator(model).stream(rows, seed=5)
    made = stream.read(frames * model.hop, features)
    codes = torch.cat([model.init_state(rows)["history"], made], 1)
    logits = model(codes, None, features)[0].flatten(0, 1)
    uniform = Noise(5, rows).uniform(made.shape[1]).flatten()
    again = draw(logits, uniform, torch.ones(len(uniform)))
    torch.testing.assert_close(again.reshape(made.shape), made)


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_equal_the_whole(kind: str) -> None:
    model = small_model(**KINDS[kind])
    generator = Generator(model)
    _, features = random_codes(model, 2, 100)
    prime = torch.randint(0, model.config.quantization, (model.context * 3,))

    def read(*pieces: int) -> torch.Tensor:
        stream = generator.stream(2, seed=1, prime=prime, random_state=True)
        out, first = [], 0
        for frames in pieces:
            given = None if features is None else features[:, first : first + frames]
            out.append(stream.read(frames * model.hop, given))
            first += frames
        return torch.cat(out, 1)

    whole = read(100)
    torch.testing.assert_close(read(1, 2, 64, 33), whole)
    torch.testing.assert_close(read(99, 0, 1), whole)


def test_a_seed_is_a_sound_and_a_row_is_the_same_beside_any_others() -> None:
    generator = Generator(small_model())
    three, five = generator.stream(3, seed=9).read(400), generator.stream(5, seed=9).read(400)
    torch.testing.assert_close(five[:3], three)
    assert len({tuple(row.tolist()) for row in five}) == 5
    assert not torch.equal(generator.stream(3, seed=10).read(400), three)


def test_global_random_numbers_are_left_alone() -> None:
    model = small_model()
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    Generator(model).stream(2, seed=1, random_state=True).read(8)
    torch.testing.assert_close(torch.rand(4), wanted)


def test_the_number_of_threads_is_left_as_it_was() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        Generator(small_model()).stream().read(8)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_training_goes_on_beside_a_generator() -> None:
    """Folding takes a copy: neither the weights nor the weight norm of the model change."""
    model = small_model(weight_norm=True).train()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    generator = Generator(model)
    sound = generator.stream(seed=2).read(64)
    torch.testing.assert_close(dict(model.state_dict()), before)
    assert model.training
    assert all(weight.requires_grad for weight in model.parameters())
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
    torch.testing.assert_close(generator.stream(seed=2).read(64), sound)


def test_a_prime_is_gone_on_from() -> None:
    """As if the model had made it: teacher forcing over prime and result gives the result."""
    model = small_model(frame_sizes=(4, 2))
    prime = torch.randint(0, 16, (3 * model.hop + 5,))
    made = Generator(model).stream(2, seed=4, prime=prime).read(6 * model.hop)
    kept = prime[-3 * model.hop :]
    logits = model(torch.cat([kept.expand(2, -1), made], 1))[0][:, 2 * model.hop :]
    uniform = Noise(4, 2).uniform(made.shape[1]).flatten()
    again = draw(logits.flatten(0, 1), uniform, torch.ones(len(uniform)))
    torch.testing.assert_close(again.reshape(made.shape), made)


def test_a_prime_is_steered_by_its_own_features() -> None:
    """The last ones: what is left out of a prime is left out at its front."""
    model = small_model(**KINDS["steered"])
    prime, features = random_codes(model, 1, 5)
    assert features is not None
    more = torch.cat([torch.randn(1, 7, model.config.feature_count), features], 1)
    given = torch.randn(4, model.config.feature_count)
    stream = Generator(model).stream(seed=4, prime=prime, prime_features=more)
    made = stream.read(4 * model.hop, given)
    logits = model(torch.cat([prime, made], 1), None, torch.cat([features, given[None]], 1))[0]
    uniform = Noise(4, 1).uniform(made.shape[1])[0]
    again = draw(logits[0, -made.shape[1] :], uniform, torch.ones(len(uniform)))
    torch.testing.assert_close(again, made[0])


def test_a_long_prime_is_taken_in_pieces_and_each_row_can_have_its_own() -> None:
    model = small_model()
    prime = torch.randint(0, 16, (2, 5000))
    made = Generator(model).stream(2, seed=4, prime=prime).read(40)
    logits = model(torch.cat([prime, made], 1))[0][:, -40:]
    again = draw(logits.flatten(0, 1), Noise(4, 2).uniform(40).flatten(), torch.ones(80))
    torch.testing.assert_close(again.reshape(2, 40), made)


def test_a_random_state_makes_a_difference_at_temperature_0() -> None:
    generator = Generator(small_model())
    cold = Drawing(temperature=(0.0,))
    still = generator.stream(4, drawing=cold).read(64)
    torch.testing.assert_close(still, still[:1].expand(4, -1))
    moved = generator.stream(4, drawing=cold, random_state=True).read(64)
    assert len({tuple(row.tolist()) for row in moved}) > 1


def test_each_row_has_its_own_temperature() -> None:
    generator = Generator(small_model())
    both = generator.stream(2, seed=3, drawing=Drawing(temperature=(0.0, 1.0))).read(64)
    for row, temperature in enumerate((0.0, 1.0)):
        one = generator.stream(2, seed=3, drawing=Drawing(temperature=(temperature,))).read(64)
        torch.testing.assert_close(both[row], one[row])


def test_top_k_and_top_p_reach_the_draw() -> None:
    generator = Generator(small_model())
    cold = generator.stream(seed=3, drawing=Drawing(temperature=(0.0,))).read(64)
    for drawing in (Drawing(top_k=1), Drawing(top_p=0.0)):
        torch.testing.assert_close(generator.stream(seed=3, drawing=drawing).read(64), cold)


def test_without_features_the_mean_of_the_training_data_steers() -> None:
    model = small_model(**KINDS["steered"])
    generator = Generator(model)
    mean = model.feature_mean.expand(10, -1)
    wanted = generator.stream(seed=1).read(10 * model.hop, mean)
    torch.testing.assert_close(generator.stream(seed=1).read(10 * model.hop), wanted)
    other = generator.stream(seed=1).read(10 * model.hop, mean + 3)
    assert not torch.equal(other, wanted)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"temperature": (-0.1,)}, "temperature is -0.1; 0.0 … 10.0"),
        ({"temperature": (float("nan"),)}, "temperature is nan"),
        ({"temperature": ()}, "number of temperatures"),
        ({"top_k": -1}, "top_k is -1"),
        ({"top_p": 1.5}, "top_p is 1.5; 0.0 … 1.0"),
    ],
    ids=str,
)
def test_drawings_that_are_refused(change: dict[str, tuple[float, ...]], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Drawing(**change)  # type: ignore[arg-type]


def test_streams_that_are_refused() -> None:
    model = small_model(**KINDS["steered"])
    generator = Generator(model)
    with pytest.raises(ConfigError, match="rows is 0; 1 … 1024"):
        generator.stream(0)
    with pytest.raises(ConfigError, match="seed is -1"):
        generator.stream(seed=-1)
    with pytest.raises(ConfigError, match="temperatures is 2; 3 … 3"):
        generator.stream(3, drawing=Drawing(temperature=(1.0, 0.5)))
    with pytest.raises(ConfigError, match="prime's length in samples is 3; 4 …"):
        generator.stream(prime=torch.zeros(3, dtype=torch.int64))
    with pytest.raises(ConfigError, match="a multiple of 4"):
        generator.stream().read(6)
    with pytest.raises(ConfigError, match=r"\[2, 4\] is needed"):
        generator.stream().read(8, torch.zeros(3, 4))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("kind", KINDS)
def test_the_captured_graph_is_the_same_function(kind: str) -> None:
    model = small_model(**KINDS[kind])
    _, features = random_codes(model, 2, 400)
    here = Generator(model).stream(2, seed=1).read(400 * model.hop, features)
    there = Generator(model, "cuda").stream(2, seed=1).read(400 * model.hop, features)
    same = (here == there).cumprod(1).float().mean()
    assert float(same) > 0.5, "a near-tie may part them, but not soon"
