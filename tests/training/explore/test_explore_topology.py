"""Grids of descriptors, what is cached of them, and walks that follow a target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from explore_rig import CONFIG, heard, package, small_model, told, write_model

from synth.contract import ConfigError, DataError
from synth.dsp.descriptors import NAMES, describe
from training.explore.grids import Mapped, mapped
from training.explore.labels import Condition, conditions
from training.explore.sound import Phase
from training.explore.space import Space, open_space
from training.explore.topology import explore_topology
from training.explore.walking import CURVES, curve_to, explore_walk, upsampled

FAST = Phase("griffin-lim", iterations=2)
STEPS = 6
SECONDS = 0.3
C4 = Condition("C4", 60.0, 0.0)


@pytest.fixture(scope="module")
def space() -> Space:
    return Space("small", package())


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def grid(space: Space, cache: Path) -> Mapped:
    return mapped(space, C4, STEPS, cache)


def test_cells_are_places_in_the_box_of_the_axes(space: Space, grid: Mapped) -> None:
    """Each cell has what is described of the frame that is decoded there."""
    low, high = space.axes.low, space.axes.high
    for cell in ((0, 0, 0), (5, 5, 5), (1, 4, 2)):
        place = low + torch.tensor(cell) / (STEPS - 1) * (high - low)
        latent = space.latent(place[None])
        assert torch.allclose(space.place(latent)[0], place, atol=1e-4)
        frame = space.decode(latent, 60.0, 0.0)[:, 0]
        wanted = describe(frame, space.frequencies)
        for name in NAMES:
            found = grid.values(name)[cell]
            assert found == pytest.approx(float(getattr(wanted, name)), rel=1e-3, abs=1e-4)
        number = int(np.ravel_multi_index(cell, (STEPS,) * 3))
        assert torch.allclose(grid.latent(number), latent[0], atol=1e-4)


def test_grids_are_computed_once_for_a_content(tmp_path: Path) -> None:
    """Neither place nor name of the model matter, but its weights, the condition and the steps."""
    cache = tmp_path / "cache"
    model = small_model()
    here = open_space(write_model(tmp_path / "here", model))
    moved = open_space(write_model(tmp_path / "moved", model, licence="other"))
    first = mapped(here, C4, STEPS, cache)
    again = mapped(moved, C4, STEPS, cache)
    assert (first.cached, again.cached) == (False, True)
    assert torch.equal(first.grid.values, again.grid.values)
    assert torch.allclose(first.grid.points(torch.arange(9)), again.grid.points(torch.arange(9)))
    assert not mapped(here, C4, STEPS - 1, cache).cached
    assert not mapped(here, Condition("D4", 62.0, 0.0), STEPS, cache).cached
    # The model is told the pitch class alone: another octave and other dynamics are no difference.
    assert mapped(here, Condition("C5", 72.0, 1.0), STEPS, cache).cached
    with torch.no_grad():
        model.frame_mean.bias[0] += 0.01
    assert not mapped(open_space(write_model(tmp_path / "new", model)), C4, STEPS, cache).cached


def test_damaged_grids_are_made_again(space: Space, tmp_path: Path) -> None:
    first = mapped(space, C4, STEPS, tmp_path)
    for content in (b"", first.file.read_bytes()[:300]):
        first.file.write_bytes(content)
        again = mapped(space, C4, STEPS, tmp_path)
        assert not again.cached
        assert torch.equal(again.grid.values, first.grid.values)
        assert mapped(space, C4, STEPS, tmp_path).cached


def test_a_grid_that_takes_too_much_memory(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says how much it takes, and how many steps fit; those do fit."""
    monkeypatch.setattr("synth.models.timbre.topology._free_bytes", lambda: 80_000_000)
    with pytest.raises(ConfigError, match=r"900 steps needs \d+ MB.*give at most \d+ steps") as end:
        mapped(space, C4, 900, tmp_path)
    fitting = int(str(end.value).split("at most ")[1].split()[0])
    assert 3 <= fitting < 900
    with pytest.raises(ConfigError, match="give at most"):
        mapped(space, C4, fitting + 2, tmp_path)
    with pytest.raises(ConfigError, match="steps is 2"):
        mapped(space, C4, 2, tmp_path)


def test_a_space_of_two_dimensions_has_no_grid(tmp_path: Path) -> None:
    flat = Space("flat", package(small_model(config=replace(CONFIG, latent_dims=2))))
    with pytest.raises(ConfigError, match="has 2 latent dimensions, and a grid needs 3"):
        mapped(flat, C4, STEPS, tmp_path)
    assert flat.place(torch.zeros(1, 2)).shape == (1, 3)


def test_cache_that_cannot_be_made(space: Space, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="choose another --cache"):
        mapped(space, C4, STEPS, tmp_path / "file")


def test_what_is_wrong_is_said_before_a_grid_is_computed(space: Space, tmp_path: Path) -> None:
    def grids() -> Iterator[Mapped]:
        pytest.fail("a grid was asked for")
        yield

    with pytest.raises(ConfigError, match="seconds is 0"):
        explore_topology(space, grids(), tmp_path / "out", FAST, seconds=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="choose another --out"):
        explore_topology(space, grids(), tmp_path / "file", FAST, seconds=SECONDS)


def test_a_long_grid_says_how_far_it_is(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("training.explore.grids.SAID_SECONDS", 0.0)
    monkeypatch.setattr("synth.models.timbre.topology.BATCH", 16)
    mapped(space, C4, STEPS, tmp_path, said.append)
    assert said[0] == "small, C4: descriptors of 216 places are computed"
    assert said[1] == "small, C4: descriptors of 32 of 216 places are computed"
    assert 6 <= len(said) <= 11
    monkeypatch.setattr("synth.models.timbre.topology._free_bytes", lambda: 80_000_000)
    with pytest.raises(ConfigError, match="give at most"):
        mapped(space, C4, 900, tmp_path, pytest.fail)


def test_topology_is_drawn_and_its_ends_are_heard(
    space: Space, cache: Path, tmp_path: Path
) -> None:
    grids = [mapped(space, c, STEPS, cache) for c in conditions(space, (0, 6))]
    results = explore_topology(space, grids, tmp_path, FAST, seconds=SECONDS, animate=False)
    data = told(tmp_path, "topology")
    assert [entry["condition"]["key"] for entry in data["labels"]] == [60, 66]
    for entry, made in zip(data["labels"], grids, strict=True):
        assert entry["steps"] == STEPS
        assert list(entry["descriptors"]) == list(NAMES)
        for name, found in entry["descriptors"].items():
            values = made.values(name)
            assert found["lowest"] == pytest.approx(values.min(), rel=1e-5)
            assert found["highest"] == pytest.approx(values.max(), rel=1e-5)
            assert (tmp_path / found["planes"]).read_bytes().startswith(b"\x89PNG")
            for end in ("lowest", "highest"):
                sound = found["sounds"][end]
                assert sound["value"] == pytest.approx(found[end], rel=1e-5)
                # The sound is that of the place: what is decoded there has that value.
                place = torch.tensor([sound["place"]])
                frame = space.decode(space.latent(place), entry["condition"]["key"], 0.0)[:, 0]
                at = float(getattr(describe(frame, space.frequencies), name))
                assert at == pytest.approx(sound["value"], rel=2e-3, abs=1e-3)
    heard(tmp_path / "C4_centroid_highest.wav", SECONDS)
    assert len(results.files) == 2 * 5 * 3 + 1


@pytest.mark.parametrize("curve", CURVES)
def test_curves_go_from_end_to_end(curve: str) -> None:
    up, down = curve_to(100.0, 900.0, curve), curve_to(900.0, 100.0, curve)
    assert len(up) == 20
    assert up[[0, -1]].tolist() == pytest.approx([100, 900])
    assert (np.diff(up) > 0).all()
    assert (np.diff(down) < 0).all()
    bend = np.diff(np.diff(up))
    assert {"linear": np.allclose(bend, 0), "exponential": (bend > 0).all(),
            "logarithmic": (bend < 0).all()}[curve]  # fmt: skip


def test_upsampled_paths_go_through_their_points() -> None:
    points = torch.tensor([[0.0, 0.0], [1.0, 2.0], [3.0, 0.0]])
    found = upsampled(points, 9)
    assert torch.allclose(found[[0, 4, 8]], points)
    assert torch.allclose(found[2], torch.tensor([0.5, 1.0]))
    assert upsampled(points[:1], 4).shape == (4, 2)


def test_walks_follow_what_is_wanted(space: Space, cache: Path, tmp_path: Path) -> None:
    said: list[str] = []
    results = explore_walk(
        space, space.anchors[0], tmp_path, FAST, conditions=[C4], descriptors=("centroid",),
        targets=("up", "down"), steps=16, cache=cache, seconds=SECONDS, animate=False,
        say=said.append,
    )  # fmt: skip
    data = told(tmp_path, "walk")
    assert data["from"] == "Flute C4 pp"
    for entry, sign in zip(data["walks"], (1, -1), strict=True):
        wanted, reached = np.array(entry["targets"]), np.array(entry["reached"])
        assert (sign * np.diff(wanted) > 0).all()
        assert all(entry["met"])
        spread = float(np.ptp(mapped(space, C4, 16, cache).values("centroid")))
        assert entry["tolerance"] == pytest.approx(0.02 * spread, rel=1e-5)
        assert np.abs(wanted - reached).max() <= 0.02 * spread * 1.001
        # What is reached is what is decoded at the places that are told.
        frames = space.decode(space.latent(torch.tensor(entry["places"])), 60.0, 0.0)
        at = describe(frames.t(), space.frequencies).centroid
        assert at.tolist() == pytest.approx(reached.tolist(), rel=1e-3)
        heard(tmp_path / entry["sounds"]["griffin-lim"]["file"], SECONDS)
    assert not [text for text in said if "out of reach" in text]
    assert len(results.files) == 7


def test_targets_out_of_reach_are_said_and_the_nearest_is_taken(
    space: Space, grid: Mapped, cache: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    highest = grid.values("centroid").max()
    explore_walk(
        space, space.anchors[0], tmp_path, FAST, conditions=[C4], reach=2 * highest, steps=STEPS,
        cache=cache, seconds=SECONDS, animate=False, say=said.append,
    )  # fmt: skip
    (entry,) = told(tmp_path, "walk")["walks"]
    assert not entry["met"][-1]
    assert entry["reached"][-1] == pytest.approx(highest, rel=1e-5)
    (text,) = said
    assert "out of reach; small has" in text
    assert f"{highest:.4g} at C4, and the walk goes to the nearest" in text
    for reach in (float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="give the value that the descriptor is to have"):
            explore_walk(space, space.anchors[0], tmp_path, FAST, conditions=[C4], reach=reach)
    with pytest.raises(ConfigError, match="the target is up; give a higher reach"):
        explore_walk(
            space, space.anchors[0], tmp_path, FAST, conditions=[C4], reach=1.0, steps=STEPS,
            cache=cache,
        )  # fmt: skip
