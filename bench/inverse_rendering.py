"""Measure how many times faster than real time voices render, beside `torchsynth`.

    python bench/inverse_rendering.py [--voices modular fm drum] [--batch 64] [--runs 5]
        [--device cpu] [--json FILE]

Renders batches of four-second sounds at 44.1 kHz on one core (or on a GPU), each with random
parameters, without gradients. Where the package torchsynth 1.0.2 can be imported, its voice renders
batches of the same size and length in the same run; the two take turns, so that other programs on
the machine disturb both alike. torchsynth wants a class of an old pytorch-lightning, of which it
uses nothing but `torch.nn.Module`, and pkg_resources; stand-ins take their places. The fastest of
the runs counts; CPU time of the process stands beside the clock.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
import types
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import torch
from torch import nn

from synth.models.inverse.voices import VOICES, make_voice, sounds

SECONDS = 4.0
Render = Callable[[int], torch.Tensor]


def own(name: str, batch: int, device: str) -> Render:
    """A voice of ours, as a function of the number of a batch."""
    voice = make_voice(name).to(device)

    def render(number: int) -> torch.Tensor:
        numbers = range(number * batch, (number + 1) * batch)
        positions = sounds.knob_positions(voice.names, numbers).to(device)
        return voice.render(positions, sounds.noise(numbers, voice.samples).to(device))

    return render


def other(batch: int, device: str) -> Render | None:
    """torchsynth's voice, if it is installed."""
    stand_in = types.ModuleType("pytorch_lightning.core.lightning")
    module = type("LightningModule", (nn.Module,), {"device": torch.device(device)})
    stand_in.LightningModule = module  # type: ignore[attr-defined]
    stand_in.__path__ = []
    for name in ("pytorch_lightning", "pytorch_lightning.core", stand_in.__name__):
        sys.modules[name] = stand_in
    reader = types.ModuleType("pkg_resources")  # gone from new setuptools
    reader.resource_string = lambda module, name: (  # type: ignore[attr-defined]
        resources.files(module.partition(".")[0]).joinpath(name).read_bytes()
    )
    sys.modules["pkg_resources"] = reader
    try:
        from torchsynth.config import SynthConfig
        from torchsynth.synth import Voice
    except ImportError as fault:
        print(f"torchsynth can't be imported ({fault}): pip install --no-deps torchsynth==1.0.2")
        return None
    config = SynthConfig(batch_size=batch, reproducible=False, buffer_size_seconds=SECONDS)
    voice = Voice(config).to(device)

    def render(number: int) -> torch.Tensor:
        audio: torch.Tensor = voice(number)[0].as_subclass(torch.Tensor)
        return audio

    return render


def measured(renders: dict[str, Render], runs: int, device: str) -> dict[str, tuple[float, float]]:
    """The shortest seconds on the clock, and of the process, by name."""
    best = dict.fromkeys(renders, (float("inf"), float("inf")))
    for number in range(runs + 1):  # the first run warms up
        for name, render in renders.items():
            clock, process = time.perf_counter(), time.process_time()
            audio = render(number)
            if device != "cpu":
                torch.cuda.synchronize()
            took = time.perf_counter() - clock, time.process_time() - process
            assert audio.shape[-1] == round(SECONDS * 44_100)
            assert torch.isfinite(audio).all()
            if number:
                clock, process = best[name]
                best[name] = min(clock, took[0]), min(process, took[1])
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--voices", nargs="+", default=list(VOICES), choices=list(VOICES))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    renders = {name: own(name, arguments.batch, arguments.device) for name in arguments.voices}
    rival = other(arguments.batch, arguments.device)
    if rival is not None:
        renders["torchsynth"] = rival
    gpu = arguments.device != "cpu"
    machine = torch.cuda.get_device_name() if gpu else platform.processor() or platform.machine()
    print("python " + " ".join(sys.argv))
    print(f"{machine}, one thread, torch {torch.__version__}")
    best = measured(renders, arguments.runs, arguments.device)
    length = arguments.batch * SECONDS
    rows = {n: {"clock": length / c, "process": length / p} for n, (c, p) in best.items()}
    for name, row in rows.items():
        print(f"{name:<11}{row['clock']:8.0f} x real time, by CPU time {row['process']:6.0f} x")
    if rival is not None and "modular" in rows:
        ratio = rows["modular"]["clock"] / rows["torchsynth"]["clock"]
        print(f"modular is {ratio:.1f} times as fast as torchsynth")
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
