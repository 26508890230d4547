"""A tiny model learns a periodic sound and then goes on with it by itself."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from synth.models.samplernn import Drawing, Generator, SampleRNN, SampleRNNConfig

torch.set_num_threads(1)
PERIOD = 50  # samples: longer than what the predictor sees, and no multiple of a frame
WINDOW = 400


@pytest.mark.parametrize("frame_sizes", [(4,), (4, 2)], ids=["two tiers", "three tiers"])
def test_it_learns_a_period_and_generates_it(frame_sizes: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    config = SampleRNNConfig(
        quantization=16, frame_sizes=frame_sizes, hidden_size=32, rnn_layers=1, rnn="gru",
        embed_size=8,
    )  # fmt: skip
    model = SampleRNN(config)
    # Two pulses, one upside down: the flat stretches between them look the same to the predictor,
    # only the tiers know how long they last and what follows.
    wave = torch.zeros(PERIOD)
    wave[:3], wave[23:26] = torch.tensor([0.5, 0.9, 0.5]), torch.tensor([-0.5, -0.9, -0.5])
    codes = model.encode(wave.repeat(40))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    bits = math.inf
    for _ in range(300):
        starts = torch.randint(0, PERIOD, (16,)).tolist()
        window = torch.stack([codes[s : s + config.context + WINDOW] for s in starts])
        logits = model(window)[0]
        # Where in the period a window begins can't be known before the first pulses are past.
        known = slice(WINDOW // 4, None)
        targets = window[:, config.context :]
        loss = F.cross_entropy(logits[:, known].flatten(0, 1), targets[:, known].flatten())
        bits = float(loss.detach()) / math.log(2)
        if bits < 0.002:
            break
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    assert bits < 0.1
    drawing = Drawing(temperature=(0.0, 0.5))
    stream = Generator(model).stream(2, seed=1, prime=codes[: 10 * PERIOD], drawing=drawing)
    made = stream.read(WINDOW)  # the prime ends where a period does
    torch.testing.assert_close(made, codes[:WINDOW].expand(2, -1))
