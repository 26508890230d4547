"""How far sounds are apart, by five measures, and how far patches are.

The measures are those that Hayes, Saitis & Fazekas (2025, Audio synthesizer inversion in symmetric
parameter spaces with approximately equivariant flow matching, arXiv 2506.07199) judge by, so that
figures can be compared: windows, hops, bands and norms are theirs. Each docstring says what
differs. All take sounds of one rate and length, and give a figure for each pair.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synth.models.inverse.voices import Voice
from training.match.spectra import cosines, decibels, magnitudes, mel_power

# Window and hop in seconds, and bands.
SCALES = ((0.010, 0.005, 32), (0.025, 0.010, 64), (0.100, 0.050, 128))
MEL_WINDOW, MEL_HOP, MEL_BANDS = 1024, 512, 128  # samples
CEPSTRAL = (0.050, 0.010, 128, 20)  # window and hop in seconds, bands, coefficients
TRANSPORT = (0.050, 0.020)  # window and hop in seconds
LEVELS = (0.050, 0.025)
Features = tuple[Tensor, ...]


@dataclass(frozen=True)
class Distance:
    """A measure, in two parts: what is known of a sound, and how far two of these are apart.

    Args:
        describe: from `[batch, samples]` and a rate in Hz to features, `[batch, …]` each.
        compare: from the features of made and of meant sounds to `[batch]`; a single meant sound
            is compared with all.
        unit: "dB" or "".
        nearer_is_higher: whether it is a similarity.
    """

    describe: Callable[[Tensor, int], Features]
    compare: Callable[[Features, Features], Tensor]
    unit: str = ""
    nearer_is_higher: bool = False

    def __call__(self, made: Tensor, meant: Tensor, sample_rate: int) -> Tensor:
        """The figure of each pair, `[batch]`.

        Args:
            made: `[batch, samples]`.
            meant: `[batch or 1, samples]`.
            sample_rate: Hz.
        """
        return self.compare(self.describe(made, sample_rate), self.describe(meant, sample_rate))


def mel_scales(audio: Tensor, sample_rate: int) -> Features:
    """Levels of mel bands at three sizes of window, in dB below each sound's loudest."""
    made = []
    for window, hop, bands in SCALES:
        size, step = int(window * sample_rate), int(hop * sample_rate)
        db = decibels(mel_power(audio, sample_rate, size, step, bands))
        made.append(db - db.amax((1, 2), keepdim=True))
    return tuple(made)


def multi_scale_spectral(made: Tensor, meant: Tensor, sample_rate: int) -> Tensor:
    """Mean absolute difference in dB of mel levels at three sizes of window, `[batch]`.

    Windows of 10, 25 and 100 ms, hops of 5, 10 and 50 ms, 32, 64 and 128 bands: the paper's MSS.
    Levels are those below a sound's loudest band, down to -80 dB, so that a gain changes nothing.

    Args:
        made: `[batch, samples]`; meant: `[batch or 1, samples]`; sample_rate: Hz.
    """
    return DISTANCES["multi_scale_spectral"](made, meant, sample_rate)


def mel_l1(made: Tensor, meant: Tensor, sample_rate: int) -> Tensor:
    """Mean absolute difference in dB of mel levels, where a gain does count, `[batch]`.

    Windows of 1024 samples, hops of 512, 128 bands; levels down to 80 dB below the loudest of the
    sound that is meant. The paper has none of this kind.

    Args:
        made: `[batch, samples]`; meant: `[batch or 1, samples]`; sample_rate: Hz.
    """
    return DISTANCES["mel_l1"](made, meant, sample_rate)


def warped_mfcc(made: Tensor, meant: Tensor, sample_rate: int) -> Tensor:
    """Distance of mel cepstra after the best warping of time, `[batch]`: the paper's wMFCC.

    20 coefficients of 128 bands, windows of 50 ms, hops of 10 ms; the mean absolute difference of
    coefficients, summed along the best path of dynamic time warping, whose diagonal steps count
    double, and divided by the frames of both sounds.

    Args:
        made: `[batch, samples]`; meant: `[batch or 1, samples]`; sample_rate: Hz.
    """
    return DISTANCES["warped_mfcc"](made, meant, sample_rate)


def spectral_optimal_transport(made: Tensor, meant: Tensor, sample_rate: int) -> Tensor:
    """Way that magnitudes must be moved along the frequency, mean of frames, `[batch]`.

    1 is from 0 Hz to half the rate. Spectra of 50 ms every 20 ms, each divided by its sum: the
    Wasserstein-1 distance (Torres, Peeters & Richard 2024, Unsupervised harmonic parameter
    estimation using differentiable DSP and spectral optimal transport), as in the paper. A frame in
    which one of the sounds is silent counts as if its spectrum were flat.

    Args:
        made: `[batch, samples]`; meant: `[batch or 1, samples]`; sample_rate: Hz.
    """
    return DISTANCES["spectral_optimal_transport"](made, meant, sample_rate)


def rms_cosine(made: Tensor, meant: Tensor, sample_rate: int) -> Tensor:
    """Cosine of the angle between two envelopes, `[batch]`: 1 for envelopes of one shape.

    RMS in windows of 50 ms every 25 ms: the paper's RMS.

    Args:
        made: `[batch, samples]`; meant: `[batch or 1, samples]`; sample_rate: Hz.
    """
    return DISTANCES["rms_cosine"](made, meant, sample_rate)


def parameter_error(made: Tensor, meant: Tensor, voice: Voice) -> Tensor:
    """Mean absolute difference of knob positions, `[batch]`, the least over the voice's symmetries.

    Args:
        made: knob positions, `[batch, parameters]`.
        meant: knob positions, `[batch or 1, parameters]`.
        voice: whose parameters they are.
    """
    place = {name: i for i, name in enumerate(voice.names)}
    errors = []
    swaps = voice.symmetries
    for chosen in itertools.product((False, True), repeat=len(swaps)):
        order = list(voice.names)
        for swap, taken in zip(swaps, chosen, strict=True):
            order = [swap.get(name, name) if taken else name for name in order]
        columns = [place[name] for name in order]
        errors.append((made[:, columns] - meant).abs().mean(-1))
    return torch.stack(errors).amin(0)


def _compare_levels(made: Features, meant: Features) -> Tensor:
    parts = [(a - b).abs().mean((1, 2)) for a, b in zip(made, meant, strict=True)]
    return torch.stack(parts).mean(0)


def _describe_mel(audio: Tensor, sample_rate: int) -> Features:
    return (mel_power(audio, sample_rate, MEL_WINDOW, MEL_HOP, MEL_BANDS),)


def _compare_mel(made: Features, meant: Features) -> Tensor:
    (a,), (b,) = made, meant
    floor = b.amax((1, 2), keepdim=True).clamp_min(1e-10) * 1e-8
    ratio = torch.log10(torch.maximum(a, floor)) - torch.log10(torch.maximum(b, floor))
    return 10 * ratio.abs().mean((1, 2))


def _describe_cepstra(audio: Tensor, sample_rate: int) -> Features:
    window, hop, bands, count = CEPSTRAL
    size, step = int(window * sample_rate), int(hop * sample_rate)
    db = decibels(mel_power(audio, sample_rate, size, step, bands))
    return (db @ cosines(bands, count).to(db),)


def _compare_cepstra(made: Features, meant: Features) -> Tensor:
    (a,), (b,) = made, meant
    b = b.expand(len(a), -1, -1)
    cost = torch.cdist(a, b, p=1.0) / a.shape[-1]
    return warped(cost) / (cost.shape[1] + cost.shape[2])


def warped(cost: Tensor) -> Tensor:
    """Least sum of costs along a path from the first pair of frames to the last, `[batch]`.

    Steps go on in one sound, in the other or in both; the last kind counts its cost twice, so that
    all paths are as long (Sakoe & Chiba 1978, symmetric form).

    Args:
        cost: of each pair of frames, `[batch, rows, columns]`.
    """
    batch, rows, columns = cost.shape
    # Row i is moved i columns to the right: what was a diagonal is a column, and depends only on
    # the two columns before it.
    skewed = nn.functional.pad(cost, (0, rows), value=float("inf")).flatten(1)
    skewed = skewed[:, : rows * (rows + columns - 1)].reshape(batch, rows, rows + columns - 1)
    infinite = cost.new_full((batch, rows), float("inf"))
    before, last = infinite, infinite.clone()
    last[:, 0] = skewed[:, 0, 0]
    for step in range(1, rows + columns - 1):
        here = skewed[:, :, step]
        down = nn.functional.pad(last[:, :-1], (1, 0), value=float("inf"))
        both = nn.functional.pad(before[:, :-1], (1, 0), value=float("inf"))
        before, last = last, torch.minimum(torch.minimum(last, down) + here, both + 2 * here)
    return last[:, -1]


def _describe_transport(audio: Tensor, sample_rate: int) -> Features:
    window, hop = (int(x * sample_rate) for x in TRANSPORT)
    spectra = magnitudes(audio, window, hop)
    return ((spectra / spectra.sum(-1, keepdim=True)).cumsum(-1),)


def _compare_transport(made: Features, meant: Features) -> Tensor:
    return (made[0] - meant[0]).abs().mean((1, 2))


def _describe_rms(audio: Tensor, sample_rate: int) -> Features:
    window, hop = (int(x * sample_rate) for x in LEVELS)
    padded = nn.functional.pad(audio, (window // 2, window // 2))
    padded = nn.functional.pad(padded, (0, max(0, window - padded.shape[-1])))
    return (padded.unfold(-1, window, hop).square().mean(-1).sqrt(),)


def _compare_rms(made: Features, meant: Features) -> Tensor:
    return nn.functional.cosine_similarity(made[0], meant[0], dim=-1)


DISTANCES: dict[str, Distance] = {
    "multi_scale_spectral": Distance(mel_scales, _compare_levels, "dB"),
    "mel_l1": Distance(_describe_mel, _compare_mel, "dB"),
    "warped_mfcc": Distance(_describe_cepstra, _compare_cepstra),
    "spectral_optimal_transport": Distance(_describe_transport, _compare_transport),
    "rms_cosine": Distance(_describe_rms, _compare_rms, nearer_is_higher=True),
}
