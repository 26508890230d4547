"""The map on the web page: drawn, and moved by mouse, finger, wheel and keys, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import PLACES, instrument_bytes, small_sampler, write_mapped, write_sampler

from realtime.device.driver import DriverSettings
from realtime.namespace.event import NOW, Event
from realtime.session.session import Session, SessionSettings
from tests.realtime.chromium_page import Page
from tests.realtime.jack_peers import wait_until

pytestmark = pytest.mark.peers
PATIENCE_S = 30.0
LATENT = "/mapped/latent"
CONNECTED = "document.getElementById('state').textContent === 'connected'"
PAD = "document.querySelector('.map svg')"
SAID = "document.querySelector('.map output').textContent"
THIRD = "document.querySelector('.map .third input')"
DASHED = "getComputedStyle(document.querySelector('.map .mark')).strokeDasharray"
PHONE = (390, 844)
# Where a value of the first two axes is on the screen. The range ends where the area ends.
PLACE = """(() => {
    const box = document.querySelector('.map .reach').getBoundingClientRect();
    return [box.left + box.width * (X + 1) / 2, box.bottom - box.height * (Y + 1) / 2];
})()"""
MARK = """(() => {
    const mark = document.querySelector('.map .mark circle').getBoundingClientRect();
    const box = document.querySelector('.map .reach').getBoundingClientRect();
    const [x, y] = [mark.left + mark.width / 2, mark.top + mark.height / 2];
    return [2 * (x - box.left) / box.width - 1, 2 * (box.bottom - y) / box.height - 1];
})()"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    settings = SessionSettings(
        (str(write_mapped(tmp_path)),),
        driver=DriverSettings(kind="null", block=1024),
        osc_port=0,
    )
    with Session(settings) as playing:
        yield playing


@pytest.fixture
def page(session: Session, tmp_path: Path) -> Iterator[Page]:
    with opened(session, tmp_path) as shown:
        yield shown


def opened(session: Session, folder: Path, **more: Any) -> Page:
    assert session.oscquery is not None
    shown = Page(session.oscquery.url, folder / "browser", **more)
    shown.until(CONNECTED)
    shown.until("document.querySelector('.map .mark')")
    return shown


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """A place of the map on the screen, in CSS pixels."""
    left, top = page.ask(PLACE.replace("X", str(x)).replace("Y", str(y)))
    return left, top


def mark(page: Page) -> tuple[float, float]:
    """The coordinates at which the mark is drawn."""
    x, y = page.ask(MARK)
    return x, y


def stands(session: Session, *wanted: float) -> bool:
    """Whether the first axes come to be there, within two pixels of the map."""

    def there() -> bool:
        found = session.values.get(LATENT) or ()
        return len(found) == 8 and found[: len(wanted)] == pytest.approx(wanted, abs=0.02)

    return wait_until(there, PATIENCE_S)


def test_every_sound_is_drawn_where_it_is_and_has_its_name(page: Page) -> None:
    labels = page.ask("[...document.querySelectorAll('.map text.name')].map(t => t.textContent)")
    assert sorted(labels) == sorted({sound.name for sound in PLACES})
    dots = page.ask("""[...document.querySelectorAll('.map > svg > circle')].map(dot => {
        const box = document.querySelector('.map .reach').getBoundingClientRect();
        const at = dot.getBoundingClientRect();
        return [dot.textContent, 2 * (at.left + at.width / 2 - box.left) / box.width - 1,
                2 * (box.bottom - at.top - at.height / 2) / box.height - 1];
    })""")
    for name, *at in dots:
        assert any(
            at == pytest.approx(sound.position[:2], abs=0.01)
            for sound in PLACES
            if sound.name == name
        ), name
    assert len(dots) == len(PLACES)
    assert page.problems == []


def test_dragging_moves_two_axes_and_stays_in_their_range(page: Page, session: Session) -> None:
    page.mouse("mousePressed", *place(page, 0.4, 0.6))
    assert stands(session, 0.4, 0.6, 0.0)
    page.mouse("mouseMoved", *place(page, -0.8, 0.1))
    assert stands(session, -0.8, 0.1, 0.0)
    page.mouse("mouseMoved", *place(page, 1.6, -3.0))
    assert stands(session, 1.0, -1.0, 0.0)
    page.mouse("mouseReleased", *place(page, 1.6, -3.0))
    page.mouse("mouseMoved", *place(page, 0.0, 0.0))  # only a look
    assert mark(page) == pytest.approx((1.0, -1.0), abs=0.01)
    assert session.osc is not None
    assert session.osc.counters["rejected"] == session.osc.counters["clamped"] == 0


def test_a_finger_moves_it_and_not_the_page(session: Session, tmp_path: Path) -> None:
    with opened(session, tmp_path, size=PHONE, phone=True) as page:
        assert page.ask("document.documentElement.scrollWidth") <= PHONE[0]
        page.ask(f"{PAD}.scrollIntoView()")
        before = page.ask("scrollY")
        page.touch("touchStart", place(page, 0.5, 0.9))
        for step in range(10):
            page.touch("touchMove", place(page, 0.5, 0.9 - 0.15 * step))
        assert stands(session, 0.5, -0.45)
        page.touch("touchEnd")
        assert page.ask("scrollY") == before
        assert page.problems == []


def test_keys_move_along_three_axes(page: Page, session: Session) -> None:
    """One step is a hundredth of the range, with Shift a tenth."""
    page.ask(f"{PAD}.focus()")
    page.press("ArrowRight")
    assert stands(session, 0.02, 0.0, 0.0)
    page.press("ArrowUp", shift=True)
    page.press("PageDown", shift=True)
    page.press("ArrowLeft", shift=True)
    assert stands(session, -0.18, 0.2, -0.2)
    assert page.ask(f"{PAD}.getAttribute('aria-valuetext')") == "near bell (-0.18, 0.20, -0.20)"
    page.press("Home")
    assert stands(session, 0.0, 0.0, 0.0)
    assert page.ask(f"Number({PAD}.getAttribute('aria-valuenow'))") == 0


def test_keys_that_move_it_dont_scroll_the_page(page: Page) -> None:
    page.ask("addEventListener('keydown', event => { window.taken = event.defaultPrevented; })")
    page.ask(f"{PAD}.focus()")
    for key in ("ArrowDown", "PageUp", "Home"):
        page.press(key)
        assert page.ask("window.taken") is True, key
    page.press("Tab")
    assert page.ask("window.taken") is False


def test_it_is_reached_by_the_tab_key(page: Page) -> None:
    for _ in range(200):
        page.press("Tab")
        if page.ask(f"document.activeElement === {PAD}"):
            return
    raise AssertionError("Tab doesn't lead to the map")


def test_the_wheel_moves_the_third_axis_of_a_chosen_map_alone(page: Page, session: Session) -> None:
    page.mouse("mouseWheel", *place(page, 0, 0), deltaX=0, deltaY=100)
    page.until("scrollY > 0")
    page.ask("scrollTo(0, 0)")
    assert (session.values.get(LATENT) or (0.0,) * 3)[2] == 0.0
    page.mouse("mousePressed", *place(page, 0, 0))
    page.mouse("mouseReleased", *place(page, 0, 0))
    page.mouse("mouseWheel", *place(page, 0, 0), deltaX=0, deltaY=-100)
    assert stands(session, 0.0, 0.0, 0.02)


def test_the_third_axis_has_a_slider(page: Page, session: Session) -> None:
    page.ask(f"{THIRD}.value = 0.5; {THIRD}.dispatchEvent(new Event('input'))")
    assert stands(session, 0.0, 0.0, 0.5)


def test_a_name_leads_to_its_sound(page: Page, session: Session) -> None:
    """Of several of that name to the middle one, and no further than the range goes."""
    button = "[...document.querySelectorAll('.goals button')].find(b => b.textContent === '{}')"
    page.ask(f"{button.format('reed')}.click()")
    assert stands(session, *PLACES[2].position)
    assert page.ask(SAID).startswith("at reed")
    page.ask(f"{button.format('Flöte')}.click()")
    assert stands(session, 1.0, *PLACES[-1].position[1:])
    assert page.ask(SAID).startswith("near Flöte")


def test_what_moves_elsewhere_is_followed(page: Page, session: Session) -> None:
    session.take(Event(NOW, f"{LATENT}/0", (0.75,)))
    session.take(Event(NOW, f"{LATENT}/1", (-0.5,)))
    session.take(Event(NOW, f"{LATENT}/2", (0.25,)))
    page.until(f"{SAID}.includes('(0.75, -0.50, 0.25)')")
    assert mark(page) == pytest.approx((0.75, -0.5), abs=0.01)
    assert page.ask(f"Number({THIRD}.value)") == pytest.approx(0.25, abs=0.01)


def test_a_hand_on_the_map_is_not_pulled_away(page: Page, session: Session) -> None:
    """What comes from elsewhere during a drag is shown when the hand has let go."""
    page.mouse("mousePressed", *place(page, 0.5, 0.5))
    assert stands(session, 0.5, 0.5)
    session.take(Event(NOW, f"{LATENT}/0", (-0.75,)))
    fader = "[...document.querySelectorAll('label.control')]"
    fader += f".find(l => l.textContent.includes('{LATENT}/0')).querySelector('output')"
    page.until(f"Number({fader}.value) === -0.75")  # it has arrived
    page.until(f"performance.now() > {page.ask('performance.now()')} + 3 * QUIET_MS")
    assert mark(page) == pytest.approx((0.5, 0.5), abs=0.02)
    page.mouse("mouseReleased", *place(page, 0.5, 0.5))
    page.until(f"{SAID}.includes('(-0.75, ')")


def test_it_is_drawn_anew_for_another_width(page: Page) -> None:
    for width in (360, 1400):
        page.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=800, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        page.until(f"{PAD}.viewBox.baseVal.width === {PAD}.clientWidth")
        assert page.ask(f"{PAD}.getBoundingClientRect().right") <= width
        assert mark(page) == pytest.approx((0.0, 0.0), abs=0.01)
        assert page.ask("document.querySelectorAll('.map text.name').length") == len(
            {p.name for p in PLACES}
        )


def test_moving_an_offset_makes_it_a_place(tmp_path: Path) -> None:
    """At the same sample, and for what follows; until then the mark is dashed."""
    sampler = small_sampler()
    sampler.map = PLACES
    sampler.controls = tuple(
        replace(control, role="place" if control.name == "position" else control.role)
        for control in sampler.controls
    )
    (tmp_path / "offset.onnx").write_bytes(instrument_bytes(sampler, "mapped"))
    settings = SessionSettings(
        (str(tmp_path / "offset.onnx"),),
        driver=DriverSettings(kind="null", block=1024),
        osc_port=0,
    )
    whole = next(c for c in sampler.controls if c.role == "place").maximum
    with Session(settings) as session, opened(session, tmp_path) as page:
        assert page.ask(SAID).startswith("offset from the sound that plays: (0.00, 0.00, 0.00)")
        assert page.ask(DASHED) != "none"
        page.ask(f"{PAD}.focus()")
        page.press("ArrowRight")
        assert stands(session, 0.02, 0.0, 0.0)
        assert session.values.get("/mapped/position") == pytest.approx(whole)
        assert page.ask(SAID).startswith("near")
        assert page.ask(DASHED) == "none"
        session.take(Event(NOW, "/mapped/position", (0.0,)))
        page.until(f"{SAID}.startsWith('offset')")


def test_without_a_map_there_is_none(tmp_path: Path) -> None:
    settings = SessionSettings(
        (str(write_sampler(tmp_path)),),
        driver=DriverSettings(kind="null", block=1024),
        osc_port=0,
    )
    with Session(settings) as session:
        assert session.oscquery is not None
        with Page(session.oscquery.url, tmp_path / "browser") as page:
            page.until(CONNECTED)
            page.until("document.querySelector('label.control')")
            assert page.ask("document.querySelectorAll('.map, .goals').length") == 0
            assert page.problems == []
