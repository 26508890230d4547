"""The banks of patches: complete, matched in level, in tune, without clicks, and no two alike."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import export
from synth.models.inverse.voices import DURATION, KEY, VOICES, Patch

BANKS = Path(export.__file__).parent / "inverse" / "patches"
FILES = sorted(BANKS.glob("*/*.json"))
UNPITCHED = ("Percussion", "Effect", "Noise")  # first words of comments: they claim no pitch
KEYS = (36, 60, 84)
RATE = 44_100
LONGEST_RELEASE_S = 5.0
Sounds = NDArray[np.float64]  # [keys, samples]

every_patch = pytest.mark.parametrize(
    "path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}"
)


def kind(path: Path) -> str:
    return Patch.read(path).comment.partition(":")[0]


def sounds(path: Path, held: float | None = None) -> Sounds:
    """The patch at every one of `KEYS`, `[keys, samples]`, held as long as it says, to its end."""
    patch = Patch.read(path)
    voice = VOICES[patch.voice](RATE)
    values = {n: torch.full((len(KEYS), 1), v) for n, v in patch.values.items()}
    values[KEY] = torch.tensor(KEYS, dtype=torch.float32)[:, None]
    if held is not None:
        values[DURATION] = torch.full((len(KEYS), 1), held)
    noise = torch.randn(1, 12 * RATE, generator=torch.Generator().manual_seed(1))
    seconds = float(values[DURATION][0]) + LONGEST_RELEASE_S + 0.2
    with torch.no_grad():
        made = voice.render(voice.units(values), noise.expand(len(KEYS), -1), seconds)
    return made.numpy().astype(np.float64)


def held(path: Path) -> int:
    """Samples until the key is released."""
    return round(Patch.read(path).values[DURATION] * RATE)


def level_db(sound: Sounds) -> float:
    """RMS of what sounds: of the frames of 20 ms within 20 dB of the loudest."""
    power = np.square(sound[: len(sound) // 882 * 882]).reshape(-1, 882).mean(1)
    return float(10 * np.log10(power[power > power.max() / 100].mean()))


def cents(sound: Sounds, key: int) -> tuple[float, float]:
    """The mean frequency within two semitones of the key's, in cents from it; and the level of
    the strongest partial there beside the strongest one of all, dB."""
    length = 2 ** int(np.ceil(np.log2(2 * len(sound))))
    spectrum = np.fft.rfft(sound * np.hanning(len(sound)), length)
    f0 = 440 * 2 ** ((key - 69) / 12)
    near = np.abs(np.log2(np.maximum(np.fft.rfftfreq(length, 1 / RATE), 1) / f0)) < 2 / 12
    whole = np.zeros(length, complex)
    whole[: len(near)][near] = spectrum[near]
    band = np.fft.ifft(whole)[: len(sound)]
    turned = band[1:] * band[:-1].conj()
    frequency = np.angle(turned) @ np.abs(turned) / np.abs(turned).sum() / (2 * np.pi) * RATE
    strength = 20 * np.log10(np.abs(spectrum[near]).max() / np.abs(spectrum).max())
    return float(1200 * np.log2(frequency / f0)), float(strength)


@pytest.mark.parametrize("bank", sorted(p for p in BANKS.iterdir()), ids=lambda bank: bank.name)
def test_a_bank_is_numbered_and_its_names_are_unique(bank: Path) -> None:
    patches = [Patch.read(path) for path in sorted(bank.glob("*.json"))]
    assert {patch.voice for patch in patches} == {bank.name}
    slugs = [patch.name.lower().replace(" ", "-") for patch in patches]
    assert len(set(slugs)) == len(slugs)
    wanted = [f"{i:02d}-{slug}.json" for i, slug in enumerate(slugs, 1)]
    assert [path.name for path in sorted(bank.glob("*.json"))] == wanted
    assert all(": " in patch.comment for patch in patches), "a comment begins with the kind"


def test_the_modular_bank_has_many_patches_of_many_kinds() -> None:
    kinds = [kind(path) for path in FILES if path.parent.name == "modular"]
    assert len(kinds) >= 36
    assert all(kinds.count(k) >= 2 for k in set(kinds))
    assert len(set(kinds)) >= 9


@every_patch
def test_a_patch_writes_itself_as_its_file_is(path: Path) -> None:
    assert Patch.read(path).to_json() == path.read_text("utf-8")


@every_patch
def test_a_patch_is_fit_to_be_played(path: Path) -> None:
    """As loud as the others, in tune if it has a pitch, without clicks; and it ends."""
    made, end = sounds(path), held(path)
    check_level(made, end)
    assert np.abs(made[:, -RATE // 10 :]).max() < 1e-5, "nothing is left after the release"
    check_clicks(made, end)
    if kind(path) not in UNPITCHED:
        check_pitch(made, end)


def check_level(made: Sounds, end: int) -> None:
    """Peaks at most -3 dB, about -18 dB while it sounds, no offset."""
    assert np.abs(made).max() <= 10 ** (-3 / 20)
    assert [level_db(sound) for sound in made] == pytest.approx([-18] * len(made), abs=3.3)
    assert np.abs(made[1:, :end].mean(1)).max() < 3e-3


def check_clicks(made: Sounds, end: int) -> None:
    """It begins from nothing, and the second difference at the release is not above that before."""
    bent = np.abs(np.diff(made, 2, axis=1))
    assert np.abs(made[:, 0]).max() < 1e-3
    before = bent[:, max(64, end - 6000) : end - 200].max(1)
    # A kink of -66 dB, such as the beginning of a release makes, is no click.
    assert (bent[:, end - 100 : end + 400].max(1) < 2.5 * before + 5e-4).all()


def check_pitch(made: Sounds, end: int) -> None:
    """Within eight cents of the key, after the attack."""
    begin, end = round(min(0.15 * RATE, 0.3 * end)), max(end, round(0.35 * RATE))
    for key, sound in zip(KEYS, made, strict=True):
        error, strength = cents(sound[begin:end], key)
        assert abs(error) < 8
        assert strength > -20


@every_patch
def test_a_short_and_a_long_note_stay_below_full_scale(path: Path) -> None:
    for seconds in (0.05, 4.0):
        assert np.abs(sounds(path, seconds)).max() <= 10 ** (-2 / 20)


def test_no_two_patches_of_a_bank_sound_alike() -> None:
    """Levels in 40 bands over 2 s of middle C, held for one: compared where either sounds."""
    edges = np.geomspace(60, 18_000, 41)
    bins = np.fft.rfftfreq(2048, 1 / RATE)
    bands = np.stack([(bins >= a) & (bins < b) for a, b in itertools.pairwise(edges)])
    bands = bands[bands.any(1)].astype(float)
    for bank in BANKS.iterdir():
        found = {}
        for path in sorted(bank.glob("*.json")):
            frames = sounds(path, 1.0)[1][: 43 * 2048].reshape(-1, 2048) * np.hanning(2048)
            power = np.abs(np.fft.rfft(frames)) ** 2 @ bands.T
            found[path.stem] = np.maximum(10 * np.log10(power / power.max() + 1e-9), -60)
        names = list(found)
        for i, one in enumerate(names):
            for other in names[:i]:
                a, b = found[one], found[other]
                sounding = (a > -60) | (b > -60)
                assert np.abs(a - b)[sounding].mean() > 1.5, f"{one} and {other}"
