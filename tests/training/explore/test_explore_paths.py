"""Paths between instruments and round in circles: their ends, their shape, and what is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from explore_rig import CONFIG, heard, package, small_model, told

from synth.contract import ConfigError, DataError
from synth.models.timbre import Timbre
from training.explore.circling import KINDS, draw_round, explore_random
from training.explore.labels import conditions, read_keys
from training.explore.pairs import WAYS, choose_pairs, explore_paths, path
from training.explore.pictures.scenery import SUSTAINED_SECONDS
from training.explore.sound import Phase
from training.explore.space import Space, spread_over
from training.explore.stage import Stage

FAST = Phase("griffin-lim", iterations=2)
SECONDS = 0.4


@pytest.fixture(scope="module")
def space() -> Space:
    return Space("small", package())


def test_kept_notes_are_tracks(space: Space) -> None:
    first = space.anchors[0]
    assert (first.name, first.instrument, first.key) == ("Flute C4 pp", "Flute", 60)
    assert torch.equal(first.latents, space.model.anchors[0])
    between = first.at(torch.tensor([0.0, 0.005, 0.01, 9.0]))
    held = first.latents
    wanted = torch.stack([held[0], (held[0] + held[1]) / 2, held[1], held[-1]])
    assert torch.allclose(between, wanted, atol=1e-6)


def test_every_two_instruments_or_those_that_are_named(space: Space) -> None:
    def names(**given: str) -> list[str]:
        return [pair.name for pair in choose_pairs(space, space.anchors, "same", **given)]

    assert names() == ["Flute to Oboe", "Flute to Piano", "Oboe to Piano"]
    assert names(source="Oboe") == ["Oboe to Flute", "Oboe to Piano"]
    assert names(target="Oboe") == ["Flute to Oboe", "Piano to Oboe"]
    assert names(source="Piano", target="Flute") == ["Piano to Flute"]
    assert names(source="piano", target="transverse flute") == ["Piano to Flute"]
    with pytest.raises(ConfigError, match="leads from Oboe to Oboe; name two instruments"):
        names(source="Oboe", target="oboe")
    with pytest.raises(ConfigError, match="'Tuba': there are Flute, Oboe, Piano; name one"):
        names(source="Tuba")
    with pytest.raises(DataError, match="notes of 1 instruments, and a path needs two"):
        choose_pairs(space, space.anchors[:2], "same")


def test_same_notes_and_loud_notes(space: Space) -> None:
    same, loud = (
        choose_pairs(space, space.anchors, choice, "Flute", "Oboe")[0]
        for choice in ("same", "loud")
    )
    assert (same.source.key, same.target.key) == (64, 64)
    assert [n.dynamics for n in (loud.source, loud.target)] == [1, 1]
    assert (loud.source.key, loud.target.key) == (64, 67)
    assert loud.keys(torch.tensor([0, 0.5, 1])).tolist() == [64, 65.5, 67]


def test_ways_lead_from_note_to_note(space: Space) -> None:
    (pair,) = choose_pairs(space, space.anchors, "same", "Flute", "Piano")
    times = torch.linspace(0, 0.35, 50)
    rest = torch.tensor([SUSTAINED_SECONDS])
    ends = pair.source.at(rest)[0], pair.target.at(rest)[0]
    for way in ("linear", "spherical"):
        gone = path(way, pair, times)
        assert torch.allclose(gone[0], ends[0], atol=1e-5)
        assert torch.allclose(gone[-1], ends[1], atol=1e-5)
    straight = path("linear", pair, times).diff(dim=0)
    assert torch.allclose(straight, straight[:1].expand_as(straight), atol=1e-5)
    alive = path("expressive", pair, times)
    for end, track in ((0, pair.source), (-1, pair.target)):
        moving = track.at(times)
        wanted = moving[19] + 0.7 * (moving[end] - moving[19])
        assert torch.allclose(alive[end], wanted, atol=1e-5)


def test_paths_are_written_with_their_numbers(space: Space, tmp_path: Path) -> None:
    pairs = choose_pairs(space, space.anchors, "same", "Flute", "Oboe")
    results = explore_paths(space, pairs, tmp_path, FAST, seconds=SECONDS, animate="none")
    data = told(tmp_path, "paths")
    (entry,) = data["paths"]
    assert entry["notes"] == ["Flute E4 ff", "Oboe E4 pp"]
    assert list(entry["ways"]) == list(WAYS)
    for way, sound in entry["ways"].items():
        assert "animation" not in sound
        heard(tmp_path / f"Flute_to_Oboe_{way}.wav", SECONDS)
    assert entry["ways"]["linear"]["length"] == pytest.approx(entry["distance"], rel=1e-4)
    assert entry["ways"]["spherical"]["length"] >= entry["distance"] * 0.999
    assert data["frames"] == pytest.approx(data["seconds"] * rate_of(space), abs=2)
    assert all(file.is_file() for file in results.files)
    assert len(results.files) == 6


def rate_of(space: Space) -> float:
    """Frames in a second."""
    return Stage.of_seconds(space.config, SECONDS).transform.frame_rate


def centre_of(latents: torch.Tensor) -> np.ndarray:
    """The centre of a circle in a plane, by least squares."""
    points = latents.double().numpy()
    middle = points.mean(0)
    _, _, rows = np.linalg.svd(points - middle, full_matrices=False)
    flat = (points - middle) @ rows[:2].T
    a = np.column_stack([2 * flat, np.ones(len(flat))])
    x, y, _ = np.linalg.lstsq(a, (flat**2).sum(1), rcond=None)[0]
    return np.asarray(middle + np.array([x, y]) @ rows[:2])


@pytest.mark.parametrize("seed", range(3))
def test_circles_are_round_and_lie_in_a_plane(space: Space, seed: int) -> None:
    found = draw_round(space, "circle", 200, (seed, 0, 0))
    points = found.latents.double().numpy()
    spread = np.linalg.svd(points - points.mean(0), compute_uv=False)
    assert spread[2] < 1e-4 * spread[0]
    radii = np.linalg.norm(points - centre_of(found.latents), axis=1)
    assert radii == pytest.approx(found.radii[0], rel=1e-3)
    assert 0.07 <= found.radii[0] <= 0.7
    assert 0.08 <= found.revolutions <= 3


def test_spirals_open_and_close(space: Space) -> None:
    kept = space.anchors[:1]
    centre = kept[0].at(torch.tensor([SUSTAINED_SECONDS]))[0]
    for kind, sign in (("spiral out", 1), ("spiral in", -1)):
        found = draw_round(space, kind, 100, (5, 0, 1), (60.0,), kept)
        radii = (found.latents - centre).norm(dim=1)
        assert bool((sign * radii.diff() > 0).all())
        assert radii[[0, -1]].tolist() == pytest.approx(found.radii, rel=1e-4)
        assert found.centre == "Flute C4 pp"


def test_the_same_lot_draws_the_same_path(space: Space) -> None:
    first, again, other = (draw_round(space, "circle", 9, (s, 0, 0)) for s in (1, 1, 2))
    assert torch.equal(first.latents, again.latents)
    assert not torch.equal(first.latents, other.latents)
    assert first.keys == again.keys
    single = Space("flat", package(model_of(1)))
    with pytest.raises(ConfigError, match="a single latent dimension, and a circle needs two"):
        draw_round(single, "circle", 9, (1,))


def model_of(dims: int) -> Timbre:
    return small_model(config=replace(CONFIG, latent_dims=dims))


def test_random_paths_are_written_with_a_pattern_of_keys(space: Space, tmp_path: Path) -> None:
    results = explore_random(
        space, tmp_path, FAST, seed=3, keys=(60.0, 64.0), seconds=SECONDS, animate=False
    )
    data = told(tmp_path, "random")
    assert [entry["kind"] for entry in data["paths"]] == list(KINDS)
    for entry in data["paths"]:
        assert entry["condition"] == {"keys": [60, 64], "dynamics": 0}
        heard(tmp_path / entry["sounds"]["griffin-lim"]["file"], SECONDS)
    assert len(results.files) == 10
    with pytest.raises(ConfigError, match="count is 0"):
        explore_random(space, tmp_path, FAST, count=0)


def test_keys_over_time() -> None:
    assert read_keys("60, C4,E4") == (60, 60, 64)
    assert spread_over([1, 2, 3], 7).tolist() == [1, 1, 1, 2, 2, 3, 3]
    for text, message in (("H4", "'H4': give MIDI keys"), ("130", "130"), (" ", "pitch is empty")):
        with pytest.raises(ConfigError, match=message):
            read_keys(text)


def test_labels_are_pitch_classes(space: Space) -> None:
    found = conditions(space, (0, 4, 4, 11), octave=3, dynamics="ff")
    assert [(c.name, c.key, c.dynamics) for c in found] == [
        ("C3", 48, 1), ("E3", 52, 1), ("B3", 59, 1)
    ]  # fmt: skip
    row = found[1].row(space)[0]
    assert row.tolist() == [float(n == 4) for n in range(12)]
    with pytest.raises(ConfigError, match=r"label 12: labels are pitch classes, 0 \(C\) … 11"):
        conditions(space, (12,))
    with pytest.raises(ConfigError, match="dynamics 'mf': small knows pp, ff"):
        conditions(space, (0,), dynamics="mf")
    with pytest.raises(ConfigError, match="label 11 in octave 9 is no MIDI key"):
        conditions(space, (11,), octave=9)
