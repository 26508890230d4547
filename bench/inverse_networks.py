"""Measure the networks of inverse synthesis: what a batch costs, and which flow learns best.

    python bench/inverse_networks.py speed [--batch 64] [--seconds 4]
    python bench/inverse_networks.py flows [--cpu-seconds 25]

`speed`: milliseconds of one thread's CPU time for front ends, and for encoders and flows forward
and backward, in float32 and under bfloat16.

`flows`: each network learns for the same CPU time to find three parameters each of four components
that can change places, from 64 numbers that don't depend on their order. The error is that of those
numbers, over their spread: of a single draw, and of the best of eight.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from synth.models.inverse.encoders import OF_WAVEFORMS, make_encoder
from synth.models.inverse.flow import Flow, data, path, units_of
from synth.models.inverse.frontends import FRONTENDS, make_frontend
from synth.models.inverse.symmetry import nearest, orbit

COMPONENTS, NUMBERS, FEATURES, DRAWS = 4, 3, 64, 8
STEPS = (1, 2, 4, 8, 16)
SQUASH = 1.7  # of logits, so that they spread about as far as noise


@dataclass(frozen=True)
class Config:
    """The networks of the bundled model."""

    frontend: str = "mel"
    encoder: str = "mobile"
    sample_rate: int = 44_100
    bands: int = 128
    window: int = 2_048
    hop: int = 768
    dim: int = 256
    widths: tuple[int, ...] = (32, 64, 128, 256)
    depths: tuple[int, ...] = (1, 2, 3, 1)
    expansion: int = 2
    patch: int = 4
    dilations: tuple[int, ...] = (1,)
    dropout: float = 0.1


def milliseconds(call: Callable[[], object]) -> float:
    """CPU time of a call, the least of three after one that warms up."""
    call()
    times = []
    for _ in range(3):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def learned(module: nn.Module, given: tuple[Tensor, ...], half: bool) -> Callable[[], None]:
    """Forward and backward of a module."""

    def call() -> None:
        module.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            made = module(*given)
        made.float().square().mean().backward()

    return call


def speed(batch: int, seconds: float) -> None:
    config = Config()
    audio = 0.1 * torch.randn(batch, round(seconds * config.sample_rate))
    for name in FRONTENDS:
        frontend = make_frontend(replace(config, frontend=name, bands=3 if name == "pqmf" else 128))
        with torch.no_grad():
            print(f"{name:>16} {milliseconds(lambda f=frontend: f(audio)):8.0f} ms")
    picture = make_frontend(config)(audio)
    modules: dict[str, tuple[nn.Module, tuple[Tensor, ...]]] = {
        "mobile": (make_encoder(config, picture.shape[1:]), (picture,))
    }
    for name in OF_WAVEFORMS:
        encoder = make_encoder(replace(config, encoder=name), (1, audio.shape[1]))
        modules[name] = (encoder, (audio[:, None],))
    given = torch.randn(batch, 78), torch.rand(batch, 1), torch.randn(batch, 256)
    for network in ("tokens", "plain"):
        flow = Flow(78, 256, network=network)
        modules[f"flow {network}"] = (flow, (*given, torch.rand(batch, 3)))
    for name, (module, inputs) in modules.items():
        count = sum(p.numel() for p in module.parameters()) / 1e6
        whole, half = (milliseconds(learned(module, inputs, h)) for h in (False, True))
        print(f"{name:>16} {whole:8.0f} ms, bfloat16 {half:8.0f} ms, {count:.2f} M weights")


def features(units: Tensor) -> Tensor:
    """What is heard of four components, `[batch, FEATURES]`, in whichever order they are."""
    fixed = torch.Generator().manual_seed(0)
    rates = torch.randn(2, FEATURES, generator=fixed) * torch.tensor([[5.0], [2.0]])
    phases = 2 * math.pi * torch.rand(FEATURES, generator=fixed)
    each = units.reshape(-1, COMPONENTS, NUMBERS)
    return ((0.2 + each[..., 2:]) * torch.cos(each[..., :2] @ rates + phases)).sum(1)


@dataclass(frozen=True)
class Trial:
    """One way to learn.

    Args:
        network, width, batch: of the flow and its training.
        near: whether the flow aims at the order that lies nearest to the noise.
        logits: whether it moves in logits instead of knob positions.
    """

    network: str
    width: int
    batch: int
    near: bool = False
    logits: bool = False

    def end(self, units: Tensor) -> Tensor:
        return torch.logit(units.clamp(0.005, 0.995)) / SQUASH if self.logits else data(units)

    def units(self, x: Tensor) -> Tensor:
        return torch.sigmoid(SQUASH * x) if self.logits else units_of(x)


def learn(trial: Trial, cpu_seconds: float) -> tuple[Flow, int]:
    torch.manual_seed(1)
    n = COMPONENTS * NUMBERS
    names = [f"{c}_{k}" for c in range(COMPONENTS) for k in range(NUMBERS)]
    swaps = [{f"{c}_{k}": f"{c + 1}_{k}" for k in range(NUMBERS)} for c in range(COMPONENTS - 1)]
    orders = orbit(names, swaps)
    flow = Flow(n, FEATURES, 1, network=trial.network, width=trial.width, depth=3, tokens=8)
    optimizer = torch.optim.AdamW(flow.parameters(), weight_decay=0.0)
    start, updates = time.process_time(), 0
    while (part := (time.process_time() - start) / cpu_seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, (updates + 1) / 50) * (1 + math.cos(math.pi * part))
        units, noise = torch.rand(trial.batch, n), torch.randn(trial.batch, n)
        end, when = trial.end(units), torch.rand(trial.batch, 1)
        end = nearest(end, noise, orders) if trial.near else end
        place, way = path(noise, end, when)
        loss = (
            (flow(place, when, features(units), torch.ones(trial.batch, 1)) - way).square().mean()
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 1.0)
        optimizer.step()
        updates += 1
    return flow.eval(), updates


@torch.no_grad()
def drawn(flow: Flow, trial: Trial, steps: int) -> Tensor:
    """Errors of draws for sounds that are always the same, `[DRAWS, sounds]`."""
    torch.manual_seed(2)
    units = torch.rand(512, COMPONENTS * NUMBERS)
    meant = features(units)
    errors = []
    for _ in range(DRAWS):
        x, told = torch.randn_like(units), torch.ones(len(units), 1)
        for i in range(steps):
            x = flow.advance(x, torch.full((len(x), 1), i / steps), 1 / steps, meant, told)
        errors.append((features(trial.units(x)) - meant).abs().mean(1) / meant.std())
    return torch.stack(errors)


def flows(cpu_seconds: float) -> None:
    plain, tokens = Trial("plain", 128, 256), Trial("tokens", 64, 128)
    trials = {
        "plain": plain,
        "plain, nearest order": replace(plain, near=True),
        "tokens": tokens,
        "tokens, nearest order": replace(tokens, near=True),
        "tokens, logits": replace(tokens, logits=True),
    }
    print("                          updates   one draw / best of eight by steps of the flow")
    for name, trial in trials.items():
        flow, updates = learn(trial, cpu_seconds)
        found = []
        for steps in STEPS:
            errors = drawn(flow, trial, steps)
            found.append(f"{steps}: {errors.mean():.3f} / {errors.amin(0).mean():.3f}")
        print(f"{name:>24} {updates:8d}   {'   '.join(found)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fast = commands.add_parser("speed")
    fast.add_argument("--batch", type=int, default=64)
    fast.add_argument("--seconds", type=float, default=4.0)
    commands.add_parser("flows").add_argument("--cpu-seconds", type=float, default=25.0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.command == "speed":
        speed(given.batch, given.seconds)
    else:
        flows(given.cpu_seconds)


if __name__ == "__main__":
    main()
