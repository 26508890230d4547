"""Features keep their place in time when their pace changes."""

from __future__ import annotations

import pytest
import torch

from synth.models.samplernn.steering import at_frames


@pytest.mark.parametrize(("feature_hop", "hop"), [(256, 16), (64, 64), (10, 36), (100, 512)])
def test_a_ramp_stays_a_ramp(feature_hop: int, hop: int) -> None:
    """A value that is the time in samples, at the middle of each frame."""
    samples = 20_000
    time = (torch.arange(samples // feature_hop) + 0.5) * feature_hop
    features = torch.stack([time, -time], 1)
    paced = at_frames(features, feature_hop, hop, samples // hop)
    wanted = ((torch.arange(samples // hop) + 0.5) * hop).clamp(time[0], time[-1])
    torch.testing.assert_close(paced, torch.stack([wanted, -wanted], 1))


def test_the_last_value_is_held() -> None:
    paced = at_frames(torch.tensor([[1.0], [5.0]]), 4, 4, 6)
    torch.testing.assert_close(paced[:, 0], torch.tensor([1.0, 5.0, 5.0, 5.0, 5.0, 5.0]))
