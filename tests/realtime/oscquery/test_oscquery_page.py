"""The web page in a real browser: the one that SuperCollider has inside, without a screen."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from builders import write_sampler

from realtime.device.driver import DriverSettings
from realtime.namespace.event import NOW, Event
from realtime.session.session import Session, SessionSettings
from tests.realtime.jack_peers import wait_until
from tests.realtime.osc_peer import UdpPeer

pytestmark = pytest.mark.peers
PATIENCE_S = 30.0

# Loads the page, waits until it is connected, then until its fader stands where another client has
# put it; then moves the fader and strikes a key, as a hand would; then shows what was refused to
# somebody else.
BROWSER = """
fork({
    var view, shown = "", ask = { |script, then| view.runJavaScript(script, then) };
    if(\\WebView.asClass.isNil) { "no browser".postln; 0.exit };
    view = WebView(nil, Rect(0, 0, 800, 600));
    view.url = "URL";
    while { shown.contains("connected").not } {
        0.25.wait;
        ask.("document.getElementById('state').textContent", { |r| shown = r.asString });
    };
    "page: connected".postln;
    while { shown.contains("0.75").not } {
        0.25.wait;
        ask.("FADER.value", { |r| shown = r.asString });
    };
    "page: follows".postln;
    ask.("FADER.value = 0.25; FADER.dispatchEvent(new Event('input'))", {});
    ask.("document.querySelector('#keys button').dispatchEvent(new Event('pointerdown'))", {});
    while { shown.contains("/small/positon").not } {
        0.25.wait;
        ask.("document.getElementById('problems').textContent", { |r| shown = r.asString });
    };
    ("page: " ++ shown).postln;
    ask.("[...document.querySelectorAll('label')].map(l => l.textContent).join()", { |r|
        ("faders: " ++ r).postln;
    });
    loop { 1.wait };
}, AppClock);
"""
FADER = (
    "[...document.querySelectorAll('label')].find("
    "l => l.textContent.includes('/small/position')).querySelector('input')"
)


def browser_environment(home: Path) -> dict[str, str]:
    """Without a screen, and without the sandbox that root can't have."""
    home.mkdir(mode=0o700)
    return {
        **os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "DISPLAY": "",
        "QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_DISABLE_SANDBOX": "1",
        "QTWEBENGINE_CHROMIUM_FLAGS": "--no-sandbox --disable-gpu",
    }  # fmt: skip


def test_the_page_shows_what_moves_and_moves_it(tmp_path: Path) -> None:
    sclang = shutil.which("sclang")
    if sclang is None:
        pytest.skip("sclang is not installed (Debian: apt install supercollider-language)")
    settings = SessionSettings(
        (str(write_sampler(tmp_path)),),
        driver=DriverSettings(kind="null", block=1024),
        osc_port=0,
    )
    script, log = tmp_path / "browser.scd", tmp_path / "browser.log"
    with Session(settings) as session, log.open("wb") as stream:
        assert session.oscquery is not None
        script.write_text(BROWSER.replace("URL", session.oscquery.url).replace("FADER", FADER))
        environment = browser_environment(tmp_path / "home")
        process = subprocess.Popen([sclang, script], env=environment, stdout=stream, stderr=stream)
        try:

            def says(text: str) -> bool:
                said = log.read_text(errors="replace")
                if "no browser" in said:
                    pytest.skip("this sclang is built without a browser")
                return text in said

            assert wait_until(lambda: says("page: connected"), PATIENCE_S), log.read_text()[-2000:]
            session.take(Event(NOW, "/small/position", (0.75,)))
            assert wait_until(lambda: says("page: follows"), PATIENCE_S), log.read_text()[-2000:]
            assert wait_until(
                lambda: session.values.get("/small/position") == (0.25,), PATIENCE_S
            ), log.read_text()[-2000:]
            assert wait_until(
                lambda: any(e.target == "/note/on" for e in session.events), PATIENCE_S
            ), log.read_text()[-2000:]
            assert session.osc is not None
            assert session.osc.counters["rejected"] == 0
            with UdpPeer(session.osc.port) as other:
                other.ask("/small/positon", 0.5)
                refused = f"/small/positon from 127.0.0.1:{other.port}: nothing has the address"
                assert wait_until(lambda: says(refused), PATIENCE_S), log.read_text()[-2000:]
            assert wait_until(lambda: says("faders: "), PATIENCE_S)
            faders = log.read_text(errors="replace").partition("faders: ")[2]
            assert "/small/position" in faders
            assert "/small/gate" not in faders
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
