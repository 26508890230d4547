"""Measure the training steps of a coordinate network per second, beside a plain eager loop.

    python bench/inr_training.py [--preset paper] [--batch 8] [--points 2000] [--steps 5]
        [--threads 1] [--json FILE]

The plain loop implements the paper's method literally: every layer repeats gamma and beta for all
points and modulates the output of its linear layer, and the step of the latents is part of the
graph (second order), so that a second backward pass goes through it. The trainer's steps are those
that `synth train inr` takes in first-order mode, including descent and optimiser, at both
precisions; one backward pass gives the gradients of latents and weights. Both start from the same
weights, latents and points and minimise the squared error with the same optimiser; the script
compares their results before it measures them. The variants take turns, step by step, and the
script counts the CPU time of the process beside the clock, so that other programs on the machine
disturb all of them alike.
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from synth.models.inr import INR, PRESETS, ConditionalLayer, CoordinateNetwork
from training.inr.batches import Batch, Deck
from training.inr.config import INRTrainConfig
from training.inr.losses import inr_terms
from training.inr.optimizer import make_optimizer
from training.inr.task import INRTask

Step = Callable[[], float]
WARM = 1


class PlainLayer(nn.Module):
    """Sine of a modulated linear layer, with the modulation repeated for every point."""

    def __init__(self, layer: ConditionalLayer) -> None:
        super().__init__()
        outputs, inputs = layer.weight.shape[1:]
        self.linear = nn.Linear(inputs, outputs)
        with torch.no_grad():
            self.linear.weight.copy_(layer.weight[0])
            self.linear.bias.copy_(layer.bias[0])
        if layer.gain is not None:
            nn.utils.parametrizations.weight_norm(self.linear)
        self.omega = float(layer.config.omega_0)

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        points = x.shape[1]
        gamma = gamma.unsqueeze(1).repeat(1, points, 1)
        beta = beta.unsqueeze(1).repeat(1, points, 1)
        return torch.sin((gamma + self.omega) * self.linear(x) + beta)


class PlainNetwork(nn.Module):
    """A straightforward `pi-gan` with the weights of `network`."""

    def __init__(self, network: CoordinateNetwork) -> None:
        super().__init__()
        assert network.mapping is not None
        *hidden, output = network.conditional
        self.mapping = copy.deepcopy(network.mapping)
        self.layers = nn.ModuleList(PlainLayer(layer) for layer in hidden)
        self.output = PlainLayer(output).linear

    def forward(self, z: Tensor, t: Tensor) -> Tensor:
        gamma, beta = self.mapping(z).chunk(2, dim=1)
        x = t.unsqueeze(-1)
        for layer in self.layers:
            x = layer(x, gamma, beta)
        out: Tensor = self.output(x)
        return out.squeeze(-1)


def plain_step(model: INR, batch: Batch, settings: INRTrainConfig) -> Step:
    """One step of the plain loop."""
    network = PlainNetwork(cast(CoordinateNetwork, model.decoder))
    table, t = model.latents.clone(), model.coordinates(batch.positions)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)

    def step() -> float:
        optimizer.zero_grad()
        z = table[batch.items].clone().requires_grad_()
        loss = (network(z, t) - batch.target).square().sum(1).mean()
        (slope,) = torch.autograd.grad(loss, z, create_graph=True)
        z = z - settings.latent_lr * slope
        loss.backward()
        optimizer.step()
        table[batch.items] = z.detach()
        return float(loss.detach())

    return step


def trainer_step(model: INR, batch: Batch, settings: INRTrainConfig, precision: str) -> Step:
    """One step as `training.inr` takes it."""
    deck = Deck(len(model.latents), len(batch.items), 1, settings.seed)
    task = INRTask(model, settings, inr_terms(settings, batch.positions.shape[1], 1.0), deck)
    optimizer = make_optimizer(model, settings)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
            loss, _ = task.measure(batch)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def make_kinds(given: argparse.Namespace) -> dict[str, Step]:
    """The steps to compare, each with the same weights, latents and points."""
    config = replace(PRESETS[given.preset], sounds=given.batch)
    settings = INRTrainConfig(cdpam=0.0, multiscale_stft=0.0, optimizer="adam", weight_decay=0.0)
    torch.manual_seed(0)
    model = INR(config)
    index = torch.arange(given.batch)
    stride = config.audio_length // given.points
    positions = (torch.arange(given.points) * stride).expand(given.batch, -1)
    target = 0.1 * torch.randn(positions.shape)
    batch = Batch(index, positions, target, None)
    return {
        "plain": plain_step(copy.deepcopy(model), batch, settings),
        "trainer, 32": trainer_step(copy.deepcopy(model), batch, settings, "32"),
        "trainer, bf16-mixed": trainer_step(copy.deepcopy(model), batch, settings, "bf16-mixed"),
    }


def measure(kinds: dict[str, Step], steps: int) -> dict[str, dict[str, float]]:
    """Median seconds of a step, by clock and by CPU; the variants take turns."""
    wall: dict[str, list[float]] = {name: [] for name in kinds}
    cpu: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(steps + WARM):
        losses = {}
        for name, step in kinds.items():
            begin, spent = time.perf_counter(), time.process_time()
            losses[name] = step()
            if number >= WARM:  # the first ones allocate
                wall[name].append(time.perf_counter() - begin)
                cpu[name].append(time.process_time() - spent)
        if number == 0:  # the same function of the same weights
            for name, loss in losses.items():
                assert abs(loss / losses["plain"] - 1) < 0.01, f"{name} computes something else"
    return {
        name: {"wall_s": statistics.median(wall[name]), "cpu_s": statistics.median(cpu[name])}
        for name in kinds
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--points", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    found = measure(make_kinds(given), given.steps)
    cpu = platform.processor() or platform.machine()
    print(f"command: {' '.join(sys.argv)}")
    print(f"machine: {cpu}, {given.threads} thread(s), torch {torch.__version__}")
    print(f"model: {given.preset}, {given.batch} sounds of {given.points} points")
    for name, figures in found.items():
        ratio = found["plain"]["cpu_s"] / figures["cpu_s"]
        clock = found["plain"]["wall_s"] / figures["wall_s"]
        points = given.batch * given.points / figures["cpu_s"] / 1e3
        print(
            f"{name:20s} {1 / figures['wall_s']:6.2f} steps/s  {figures['cpu_s'] * 1e3:6.0f} ms CPU"
            f"  {points:5.1f} thousand points/s"
            f"  {clock:.2f} times plain by the clock, {ratio:.2f} by CPU time"
        )
    if given.json:
        given.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
