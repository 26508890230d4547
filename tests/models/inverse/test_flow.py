"""The flow: learns several answers where a regression averages them; shapes, export."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from export.onnx.tracing import trace_graph
from synth.contract import ConfigError
from synth.models.inverse.flow import NETWORKS, Flow, data, path, units_of


def build(network: str, n: int = 5) -> Flow:
    torch.manual_seed(4)
    return Flow(n, 6, 3, network=network, width=32, depth=2, tokens=4, heads=2)


def woken(flow: Flow) -> Flow:
    """Past its start, at which it answers zero whatever it is asked."""
    with torch.no_grad():
        for weight in flow.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    return flow


def inputs(batch: int, n: int = 5) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return (
        torch.randn(batch, n),
        torch.rand(batch, 1),
        torch.randn(batch, 6),
        torch.rand(batch, 3),
    )


@pytest.mark.parametrize("network", NETWORKS)
def test_it_learns_two_modes_that_a_regression_averages(network: str) -> None:
    """Patches (a, b) and (b, a) make one sound; it tells a and b, but not which is which."""
    torch.manual_seed(5)
    flow = Flow(2, 8, 1, network=network, width=32, depth=2, tokens=4, heads=2)
    regression = nn.Sequential(nn.Linear(9, 64), nn.SiLU(), nn.Linear(64, 2))
    mixing, offset = torch.randn(2, 8), torch.randn(8)
    optimizer = torch.optim.Adam([*flow.parameters(), *regression.parameters()], 4e-3)

    def draw(batch: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        pair = torch.stack([torch.rand(batch) * 0.3 + 0.05, torch.rand(batch) * 0.3 + 0.65], 1)
        swapped = torch.where(torch.rand(batch, 1) < 0.5, pair, pair.flip(1))
        return swapped, pair, data(pair) @ mixing + offset, torch.ones(batch, 1)

    for _ in range(300):
        units, _, embedding, told = draw(256)
        time = torch.rand(256, 1)
        x, velocity = path(torch.randn(256, 2), data(units), time)
        loss = (flow(x, time, embedding, told) - velocity).square().mean()
        answer = regression(torch.cat([embedding, told], 1))
        loss = loss + (answer - units).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    _, pair, embedding, told = draw(500)
    with torch.no_grad():
        drawn = flow.sample(embedding, told, torch.randn(500, 2), 8)
        mean = regression(torch.cat([embedding, told], 1))

    def error(answer: Tensor) -> Tensor:
        both = torch.stack([answer - pair, answer - pair.flip(1)])
        return both.abs().amax(2).amin(0)

    assert error(drawn).median() < 0.1
    assert error(mean).median() > 0.2
    assert 0.3 < (drawn[:, 0] < drawn[:, 1]).float().mean() < 0.7


@pytest.mark.parametrize("network", NETWORKS)
def test_gradients_reach_every_weight(network: str) -> None:
    flow = woken(build(network))
    flow(*inputs(4)).square().sum().backward()
    for name, weight in flow.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("network", NETWORKS)
def test_it_starts_without_a_preference(network: str) -> None:
    assert (build(network)(*inputs(4)) == 0).all()


@pytest.mark.parametrize("network", NETWORKS)
def test_embedding_told_and_time_all_matter(network: str) -> None:
    flow = woken(build(network)).eval()
    x, time, embedding, told = inputs(3)
    before = flow(x, time, embedding, told)
    for changed in (
        (x, time * 0.5, embedding, told),
        (x, time, embedding.flip(1), told),
        (x, time, embedding, 1 - told),
    ):
        assert not torch.allclose(flow(*changed), before, atol=1e-4)


def test_a_constant_velocity_is_followed_to_its_end() -> None:
    flow = build("plain")
    with torch.no_grad():
        flow.network.output.bias.copy_(torch.tensor([0.5, -0.5, 9.0, -9.0, 0.0]))
    units = flow.sample(torch.zeros(2, 6), torch.zeros(2, 3), torch.zeros(2, 5), 3)
    assert torch.allclose(units, torch.tensor([0.75, 0.25, 1.0, 0.0, 0.5]).expand(2, -1))


def test_the_path_leads_from_noise_to_the_patch() -> None:
    noise, end = torch.randn(4, 5), data(torch.rand(4, 5))
    for time in (0.0, 0.3, 1.0):
        place, velocity = path(noise, end, torch.full((4, 1), time))
        assert torch.allclose(place + (1 - time) * velocity, end, atol=1e-6)
        assert torch.allclose(place - time * velocity, noise, atol=1e-6)
    units = torch.rand(4, 5)
    assert torch.allclose(units_of(data(units)), units, atol=1e-6)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_exported_flow_draws_what_torch_draws(network: str) -> None:
    flow = woken(build(network)).eval()

    class Sampler(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flow = flow

        def forward(self, embedding: Tensor, told: Tensor, noise: Tensor) -> Tensor:
            return flow.sample(embedding, told, noise, 3)

    names = ["embedding", "told", "noise"]
    noise, _, embedding, told = inputs(3)
    free = {name: {0: "rows"} for name in (*names, "units")}
    graph = trace_graph(Sampler(), [embedding, told, noise], names, ["units"], free)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    for rows in (1, 7):
        noise, _, embedding, told = inputs(rows)
        given = dict(zip(names, (embedding, told, noise), strict=True))
        (made,) = session.run(None, {name: t.numpy() for name, t in given.items()})
        with torch.no_grad():
            expected = flow.sample(embedding, told, noise, 3).numpy()
        assert np.abs(made - expected).max() < 1e-5


def test_networks_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="'unet' is unknown; known are tokens, plain"):
        Flow(5, 6, network="unet")
    with pytest.raises(ConfigError, match="3 heads"):
        Flow(5, 6, width=32, heads=3)
