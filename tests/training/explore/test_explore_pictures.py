"""Animations with and without an encoder, and the folder of what is written."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from explore_rig import RATE, package, told
from PIL import Image

from synth.contract import DataError
from training.explore.pictures import animation
from training.explore.pictures.drawing import (
    apart,
    colour,
    decibels,
    marker,
    new_figure,
    scale_of_levels,
)
from training.explore.pictures.films import path_film, slice_film
from training.explore.pictures.frames import side_by_side
from training.explore.pictures.scenery import anchor_clouds
from training.explore.results import Results
from training.explore.space import Space


def moving(count: int = 10) -> Iterator[animation.Picture]:
    """A white square that goes to the right over a dark ground."""
    for number in range(count):
        picture = np.full((40, 60, 3), 20, np.uint8)
        picture[10:20, 4 * number : 4 * number + 10] = 255
        yield picture


def test_without_the_extra_animations_are_gif(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(animation, "encoder", lambda: None)
    path = animation.write_animation(tmp_path / "square", moving(), 20)
    assert path.name == "square.gif"
    with Image.open(path) as opened:
        assert opened.n_frames == 10
        assert opened.info["duration"] == 50
        opened.seek(5)
        bright = np.asarray(opened.convert("L")) > 128
    assert np.flatnonzero(bright.any(0)).min() == 20
    said: list[str] = []
    animation.say_gif([path], said.append)
    assert said == [animation.WHY_GIF]
    assert ".[video]" in said[0]
    assert [f.name for f in tmp_path.iterdir()] == ["square.gif"]


def test_with_the_extra_they_are_mp4_with_sound(tmp_path: Path) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="the extra video isn't installed")
    soundfile.write(tmp_path / "tone.wav", 0.1 * np.sin(np.arange(RATE) * 0.3), RATE)
    path = animation.write_animation(tmp_path / "square", moving(), 10, tmp_path / "tone.wav")
    assert path.name == "square.mp4"
    read = [ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(read, capture_output=True, check=True)
    about = done.stderr.decode()
    assert "Duration: 00:00:01.0" in about
    assert "10 fps" in about
    assert "Audio: aac" in about
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, 40, 60, 3)
    assert len(frames) == 10
    bright = frames[5][15, :, 0] > 128
    assert abs(int(np.flatnonzero(bright).min()) - 20) <= 1
    said: list[str] = []
    animation.say_gif([path], said.append)
    assert said == []


def test_animation_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(animation, "encoder", lambda: None)
    with pytest.raises(DataError, match=r"square\.gif: can't be written"):
        animation.write_animation(tmp_path / "gone" / "square", moving(), 20)


def test_point_moves_beside_its_spectrum() -> None:
    """As many pictures as the time needs, all of one size; both halves change."""
    space = Space("small", package())
    latents = torch.linspace(-1, 1, 40)[:, None] * torch.ones(4)
    frames = space.decode(latents, 60.0, 0.0)
    pictures, rate = path_film(space, "way", anchor_clouds(space), latents, frames, 0.4)
    shown = list(pictures)
    assert len(shown) == 10
    assert rate == pytest.approx(25)
    assert len({picture.shape for picture in shown}) == 1
    changed = (shown[0] != shown[-1]).any(2)
    half = changed.shape[1] // 2
    assert changed[:, :half].any()
    assert changed[:, half:].any()


def test_planes_move_along_an_axis() -> None:
    values = np.zeros((5, 5, 5))
    values[3] = 1  # one plane across the first axis is bright
    yellow = [_yellow(p) for p in slice_film("box", values, (-1,) * 3, (1,) * 3, 0, "dB")[0]]
    assert len(yellow) == 5
    assert int(np.argmax(yellow)) == 3
    assert yellow[3] > 10 * max(yellow[:3])


def _yellow(picture: animation.Picture) -> int:
    """Pixels of viridis's bright end."""
    r, g, b = (picture[..., n].astype(int) for n in range(3))
    return int(((r > 220) & (g > 200) & (b < 80)).sum())


def test_classes_look_different() -> None:
    assert len({(colour(n), marker(n)) for n in range(49)}) == 49


def test_names_do_not_lie_over_each_other() -> None:
    axes = new_figure(4, 4).subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    places = apart([(0.5, 0.5), (0.52, 0.5), (0.5, 0.51), (0.9, 0.5)], axes)
    heights = sorted(y for x, y in places if x < 0.8)
    assert min(np.diff(heights)) >= 0.045 - 1e-9
    assert places[3] == (0.9, 0.5)


@pytest.mark.parametrize(
    ("top", "floor", "low"),
    [
        (-42.0, 3e-5, -90.458),  # the floor of the preset `live`
        (-10.0, 1e-6, -80.0),  # 70 dB below the loudest, well above the floor
        (-85.0, 3e-5, -105.0),  # a quiet sound still has a scale
        (float(decibels(torch.zeros(3, 2)).max()), 3e-5, -260.0),  # and so has silence
    ],
)
def test_colours_end_at_the_floor_or_70_db_below_the_loudest(
    top: float, floor: float, low: float
) -> None:
    assert scale_of_levels(top, floor) == (pytest.approx(low, abs=1e-3), top)


def test_loud_sounds_are_made_quieter_and_told(tmp_path: Path) -> None:
    results = Results(tmp_path / "new" / "folder", "notes", {})
    told_of = results.audio("a b/c", torch.linspace(-4, 4, 1000), RATE)
    sound, _ = soundfile.read(results.out / told_of["file"])
    assert told_of["file"] == "a_b_c.wav"
    assert np.abs(sound).max() == pytest.approx(0.999, abs=1e-4)
    assert told_of["gain_db"] == pytest.approx(20 * np.log10(0.999 / 4))
    results.data |= {"numbers": torch.ones(3), "none": float("nan"), "more": [{"a": 1.23456789}]}
    results.close()
    assert told(results.out, "notes") == {
        "numbers": [1, 1, 1], "none": None, "more": [{"a": 1.234568}]
    }  # fmt: skip
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="choose another --out"):
        Results(tmp_path / "file", "notes", {})


def test_pictures_side_by_side(tmp_path: Path) -> None:
    for name, size, shade in (("a", (30, 20), "red"), ("b", (40, 50), "blue")):
        Image.new("RGB", size, shade).save(tmp_path / f"{name}.png")
    (tmp_path / "both.png").write_bytes(side_by_side([tmp_path / "a.png", tmp_path / "b.png"]))
    with Image.open(tmp_path / "both.png") as both:
        assert both.size == (30 + 12 + 40, 50)
        assert both.getpixel((5, 5)) == (255, 0, 0)
        assert both.getpixel((50, 45)) == (0, 0, 255)
        assert both.getpixel((5, 45)) == (255, 255, 255)
