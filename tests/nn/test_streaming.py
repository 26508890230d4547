"""Streaming layers: streamed equals whole, nothing looks ahead, rows are independent."""

from __future__ import annotations

import copy
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from synth.nn import (
    Delay,
    Parallel,
    Pointwise,
    ResidualUnit,
    Sequential,
    Snake,
    State,
    StreamingConv1d,
    StreamingConvTranspose1d,
    StreamingLayer,
    make_activation,
)
from synth.nn.convolution import fold_weight_norm

quick = settings(max_examples=40, deadline=None)
blocks = st.lists(st.integers(1, 7), min_size=1, max_size=6)
batches = st.integers(1, 3)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def streamed(layer: StreamingLayer, x: Tensor, sizes: list[int]) -> tuple[Tensor, State]:
    """`x` taken in blocks of `sizes` samples, which add up to its length."""
    state, parts = layer.init_state(x.shape[0]), []
    for part in x.split(sizes, dim=2):
        y, state = layer.step(part, state)
        parts.append(y)
    return torch.cat(parts, dim=2), state


def assert_streams(layer: StreamingLayer, channels: int, batch: int, units: list[int]) -> None:
    """Blocks of `units` steps of the layer's stride equal the whole, and none looks ahead."""
    sizes = [n * layer.ratio.denominator for n in units]
    x = noise(batch, channels, sum(sizes))
    with torch.no_grad():
        whole = layer(x)
        y, _ = streamed(layer, x, sizes)
        assert whole.shape[2] == sum(sizes) * layer.ratio
        torch.testing.assert_close(y, whole, atol=1e-5, rtol=1e-5)
        past = sizes[0]
        changed = x.clone()
        changed[..., past:] += 1 + noise(*x[..., past:].shape, seed=1).abs()
        before = int(past * layer.ratio)
        torch.testing.assert_close(layer(changed)[..., :before], whole[..., :before])
        if len(sizes) > 1:
            assert not torch.allclose(layer(changed)[..., before:], whole[..., before:])


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[StreamingConv1d, int]:
    kernel, dilation = draw(st.integers(1, 9)), draw(st.integers(1, 5))
    stride = draw(st.integers(1, min(6, (kernel - 1) * dilation + 1)))
    groups = draw(st.integers(1, 3))
    conv = StreamingConv1d(
        2 * groups,
        3 * groups,
        kernel,
        stride=stride,
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
        weight_norm=draw(st.booleans()),
    )
    return conv, 2 * groups


@quick
@given(convolutions(), batches, blocks)
def test_convolution_streams_and_is_causal(
    made: tuple[StreamingConv1d, int], batch: int, units: list[int]
) -> None:
    assert_streams(*made, batch, units)


@quick
@given(
    st.integers(1, 6).flatmap(lambda s: st.tuples(st.just(s), st.integers(s, 4 * s + 1))),
    st.booleans(),
    st.booleans(),
    batches,
    blocks,
)
def test_transposed_convolution_streams_and_is_torchs_own(
    stride_kernel: tuple[int, int], bias: bool, norm: bool, batch: int, units: list[int]
) -> None:
    stride, kernel = stride_kernel
    layer = StreamingConvTranspose1d(2, 3, kernel, stride=stride, bias=bias, weight_norm=norm)
    assert_streams(layer, 2, batch, units)
    x = noise(batch, 2, 11)
    plain = nn.ConvTranspose1d(2, 3, kernel, stride=stride, bias=bias)
    with torch.no_grad():
        plain.weight.copy_(layer.conv.weight)
        if plain.bias is not None and layer.conv.bias is not None:
            plain.bias.copy_(layer.conv.bias)
        torch.testing.assert_close(layer(x), plain(x)[..., : 11 * stride], atol=1e-5, rtol=1e-5)


def test_strided_convolution_is_torchs_own_with_the_padding_in_front() -> None:
    layer = StreamingConv1d(2, 3, 8, stride=4, dilation=2)
    x = noise(1, 2, 32)
    padded = nn.functional.pad(x, (layer.memory, 0))
    torch.testing.assert_close(layer(x), layer.conv(padded))


@pytest.mark.parametrize("activation", ["elu", "leaky_relu", "snake"])
@pytest.mark.parametrize("dilation", [1, 3, 9])
def test_residual_unit_streams(activation: str, dilation: int) -> None:
    unit = ResidualUnit(4, kernel=5, dilation=dilation, activation=activation, weight_norm=True)
    assert_streams(unit, 4, 2, [3, 1, 9, 2])


@quick
@given(st.integers(1, 9), blocks)
def test_delay_delays(samples: int, sizes: list[int]) -> None:
    x = noise(2, 3, sum(sizes))
    y, _ = streamed(Delay(3, samples), x, sizes)
    expected = nn.functional.pad(x, (samples, 0))[..., : x.shape[2]]
    assert torch.equal(y, expected)


def autoencoder() -> Sequential:
    return Sequential(
        StreamingConv1d(1, 4, 5),
        ResidualUnit(4, dilation=3),
        StreamingConv1d(4, 6, 6, stride=3),
        Pointwise(make_activation("snake", 6)),
        StreamingConv1d(6, 6, 4, stride=2),
        StreamingConvTranspose1d(6, 4, 4, stride=2),
        StreamingConvTranspose1d(4, 2, 7, stride=3),
    )


@quick
@given(batches, blocks)
def test_a_stack_with_strides_streams(batch: int, units: list[int]) -> None:
    sizes = [6 * n for n in units]
    layer, x = autoencoder(), noise(batch, 1, sum(sizes))
    with torch.no_grad():
        y, _ = streamed(layer, x, sizes)
        torch.testing.assert_close(y, layer(x), atol=1e-5, rtol=1e-5)


def test_state_can_be_saved_and_restored() -> None:
    layer, x = autoencoder(), noise(2, 1, 36)
    with torch.no_grad():
        _, state = layer.step(x[..., :12], layer.init_state(2))
        saved = {key: value.clone() for key, value in state.items()}
        first, _ = layer.step(x[..., 12:], state)
        again, _ = layer.step(x[..., 12:], saved)
    assert saved
    assert torch.equal(first, again)


def test_state_keys_stay_the_same_and_start_from_zero() -> None:
    layer = autoencoder()
    start = layer.init_state(2)
    _, state = layer.step(noise(2, 1, 12), start)
    assert list(state) == list(start)
    assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in start.items()}
    assert not any(bool(v.any()) for v in start.values())


@quick
@given(st.data())
def test_rows_advanced_differently_equal_rows_streamed_apart(data: st.DataObject) -> None:
    layer, unit, rows = autoencoder(), 6, 3
    x = noise(rows, 1, 20 * unit)
    taken = torch.zeros(rows, dtype=torch.int64)
    state, heard = layer.init_state(rows), [[] for _ in range(rows)]  # type: ignore[var-annotated]
    with torch.no_grad():
        for _ in range(4):
            block = data.draw(st.integers(1, 4)) * unit
            counts = st.lists(st.integers(0, block // unit), min_size=rows, max_size=rows)
            advance = torch.tensor(data.draw(counts)) * unit
            window = torch.stack([x[i, :, t : t + block] for i, t in enumerate(taken.tolist())])
            y, state = layer.step(window, state, advance)
            for row, n in enumerate(advance.tolist()):
                heard[row].append(y[row, :, :n])
            taken += advance
        for row, n in enumerate(taken.tolist()):
            if n:
                alone = layer(x[row : row + 1, :, :n])[0]
                torch.testing.assert_close(torch.cat(heard[row], 1), alone, atol=1e-5, rtol=1e-5)


def test_rows_do_not_hear_each_other() -> None:
    layer, x = autoencoder(), noise(3, 1, 24)
    other = x.clone()
    other[1] += 1
    a, b = layer(x), layer(other)
    torch.testing.assert_close(a[[0, 2]], b[[0, 2]])
    assert not torch.allclose(a[1], b[1])


def test_ratios_multiply_and_latencies_add_at_their_own_rate() -> None:
    layer = Sequential(
        StreamingConv1d(1, 1, 8, stride=4, lookahead=3),  # 3 input samples
        Delay(1, 2),  # at a quarter of the rate: 8
        StreamingConvTranspose1d(1, 1, 2, stride=2),
        Delay(1, 1),  # at half the rate: 2
    )
    assert layer.ratio == Fraction(1, 2)
    assert layer.latency == 3 + 8 + 2


@pytest.mark.parametrize("lookahead", [0, 1, 3, 6])
def test_parallel_branches_meet_in_time(lookahead: int) -> None:
    """An impulse through a filter that centres it and through a wire comes out as one impulse."""
    centred = StreamingConv1d(1, 1, 7, bias=False, lookahead=lookahead)
    with torch.no_grad():
        centred.conv.weight.zero_()
        centred.conv.weight[0, 0, 6 - lookahead] = 1.0
    both = Parallel(centred, Pointwise(nn.Identity()), channels_out=1)
    assert both.latency == lookahead
    impulse = torch.zeros(1, 1, 20)
    impulse[0, 0, 4] = 1.0
    y, _ = streamed(both, impulse, [3, 9, 8])
    expected = torch.zeros(20)
    expected[4 + lookahead] = 2.0
    torch.testing.assert_close(y[0, 0], expected)


def test_parallel_aligns_at_the_output_rate() -> None:
    ahead = StreamingConv1d(1, 1, 8, stride=2, bias=False, lookahead=4)
    behind = StreamingConv1d(1, 1, 8, stride=2, bias=False)
    with torch.no_grad():
        for conv, tap in ((ahead, 7 - 4), (behind, 7)):
            conv.conv.weight.zero_()
            conv.conv.weight[0, 0, tap] = 1.0
    both = Parallel(ahead, behind, channels_out=1)
    x = noise(1, 1, 40)
    expected = nn.functional.pad(behind(x), (2, 0))[..., :20] * 2
    torch.testing.assert_close(both(x), expected)


def test_parallel_refuses_what_cannot_be_aligned() -> None:
    half = StreamingConv1d(1, 1, 4, stride=2)
    with pytest.raises(ValueError, match="different rates"):
        Parallel(half, Delay(1, 1), channels_out=1)
    with pytest.raises(ValueError, match="whole number"):
        Parallel(half, StreamingConv1d(1, 1, 4, stride=2, lookahead=1), channels_out=1)


def test_folding_weight_norm_keeps_the_sound_and_leaves_plain_weights() -> None:
    upsampling = StreamingConvTranspose1d(4, 2, 7, stride=3, weight_norm=True)
    layer = Sequential(ResidualUnit(4, dilation=3, weight_norm=True), upsampling)
    x, learned = noise(2, 4, 30), set(layer.state_dict())
    with torch.no_grad():
        before = layer(x)
        assert fold_weight_norm(layer) is layer
        torch.testing.assert_close(layer(x), before)
    assert upsampling.phase_weight() is upsampling.phase_weight()
    assert any("parametrizations" in name for name in learned)
    assert not any("parametrizations" in name for name in layer.state_dict())


def test_folding_a_copy_leaves_the_original_as_it_was() -> None:
    layer, x = ResidualUnit(4, weight_norm=True), noise(2, 4, 30)
    before = layer(x)
    twin = copy.deepcopy(layer)
    fold_weight_norm(copy.deepcopy(layer))
    assert torch.equal(layer(x), before)
    assert torch.equal(twin(x), before)
    layer(x).sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


def test_misuse_is_refused_with_the_numbers() -> None:
    with pytest.raises(ValueError, match="skips"):
        StreamingConv1d(1, 1, 2, stride=3)
    with pytest.raises(ValueError, match="gaps"):
        StreamingConvTranspose1d(1, 1, 2, stride=3)
    with pytest.raises(ValueError, match="lookahead 9"):
        StreamingConv1d(1, 1, 4, lookahead=9)
    with pytest.raises(ValueError, match="at least 1"):
        Delay(1, 0)
    with pytest.raises(ValueError, match="multiple of 4"):
        StreamingConv1d(1, 1, 8, stride=4)(torch.zeros(1, 1, 6))
    with pytest.raises(KeyError):
        make_activation("tanh", 1)


def test_snake_is_x_plus_a_squared_sine_and_learns_its_pitch() -> None:
    snake = Snake(2)
    with torch.no_grad():
        snake.alpha.copy_(torch.tensor([[2.0], [5.0]]))
    x = noise(1, 2, 50)
    alpha = torch.tensor([2.0, 5.0])[:, None]
    torch.testing.assert_close(
        snake(x)[0], x[0] + (1 - torch.cos(2 * alpha * x[0])) / (2 * alpha), atol=1e-5, rtol=1e-4
    )
    snake(x).sum().backward()
    assert snake.alpha.grad is not None
    assert bool(snake.alpha.grad.abs().min() > 0)
