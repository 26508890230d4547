"""The page: it holds everything it shows, and no name can break it."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
import torch
from match_sounds import small_voice

from synth.models.inverse.voices import Voice
from synth.models.inverse.voices.sounds import knob_positions, noise
from training.match.distances import DISTANCES
from training.match.page import DIFFERING, page
from training.match.results import Outcome, outcome
from training.match.search import Found
from training.match.target import make_target

EVIL = '<script>alert("x")</script>&'


class Seen(HTMLParser):
    """Elements of a page, and whether they are closed."""

    VOID = ("meta", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def voice() -> Voice:
    return small_voice()


@pytest.fixture(scope="module")
def result(voice: Voice) -> Outcome:
    units = knob_positions(voice.names, [1, 2, 3])
    audio = voice.render(units, noise([0], voice.samples))
    target = make_target("note", audio[0], voice)
    target = replace(target, name=EVIL, remarks=(f"a remark {EVIL}",))
    return outcome(target, voice, Found(units, torch.tensor([0.0, 5.0, 6.0]), 7.5), 3, 12.3)


def test_names_and_remarks_are_escaped(voice: Voice, result: Outcome) -> None:
    text = page([result, result], voice, EVIL)
    assert "<script" not in text
    seen = Seen(text)
    assert seen.open == []
    assert not seen.all("script")
    # Title, heading, two links, two sections, two remarks.
    assert seen.text.count(EVIL) == 8


def test_everything_it_shows_is_inside(voice: Voice, result: Outcome) -> None:
    seen = Seen(page([result], voice, "one"))
    sources = [x["src"] or "" for tag in ("img", "audio") for x in seen.all(tag)]
    assert len(sources) == 2 * 4
    assert all(re.match(r"data:(image/png|audio/flac);base64,[A-Za-z0-9+/=]+$", s) for s in sources)
    assert not seen.all("link")
    for tag, attributes in seen.found:
        assert "href" not in attributes or str(attributes["href"]).startswith("#"), tag


def test_its_sounds_are_target_and_patches_at_the_same_level(voice: Voice, result: Outcome) -> None:
    seen = Seen(page([result], voice, "one"))
    sounds = [result.meant, *(match.audio for match in result.matches)]
    for element, sound in zip(seen.all("audio"), sounds, strict=True):
        data = base64.b64decode(str(element["src"]).partition(",")[2])
        audio, rate = soundfile.read(io.BytesIO(data), dtype="float32")
        assert rate == voice.sample_rate
        whole = sound.numpy() / max(1.0, float(sound.abs().max()) / 0.999)
        np.testing.assert_allclose(audio, whole, atol=1e-4)


def test_it_gives_every_figure_and_the_knobs_that_differ(voice: Voice, result: Outcome) -> None:
    text = page([result], voice, "one")
    best = result.matches[1].distances
    assert all(f"<td>{best[name]:.3g}</td>" in text for name in DISTANCES)
    assert "from 7.50 to" in text
    assert "12.3 s" in text
    knobs = text.partition("knobs that differ most")[2]
    assert knobs.count("<tr>") == DIFFERING


def test_a_stopped_search_says_so(voice: Voice, result: Outcome) -> None:
    assert "stopped early" in page([replace(result, stopped=True)], voice, "one")
    assert "stopped early" not in page([result], voice, "one")
