"""A page in Chromium without a screen, moved as a hand moves it: over the DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from websockets.sync.client import connect

PATIENCE_S = 30.0
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Page:
    """One page; a context manager.

    Args:
        url: of the page; home: an empty folder for the browser's files.
        size: of the window in CSS pixels; phone: whether it has a touch screen.

    Attributes:
        problems: faults of scripts, and what the browser refused, such as a blocked style.
    """

    def __init__(
        self, url: str, home: Path, size: tuple[int, int] = (1000, 800), *, phone: bool = False
    ) -> None:
        found = [path for name in NAMES if (path := shutil.which(name))]
        if not found:
            pytest.skip("Chromium is not installed (Debian: apt install chromium)")
        self._home = home
        # As root there is no sandbox; the page is the test's own.
        self._process = subprocess.Popen(
            [
                *(found[0], "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
                *("--disable-dev-shm-usage", "--disable-background-networking"),
                *("--remote-debugging-port=0", f"--user-data-dir={home}", "about:blank"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._ids = itertools.count(1)
        self.problems: list[str] = []
        with contextlib.ExitStack() as stack:
            stack.callback(self._end)
            self._socket = stack.enter_context(connect(self._target(), max_size=1 << 25))
            self._open(url, size, phone)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)

    def _target(self) -> str:
        """The WebSocket of the page that the browser begins with."""
        told, until = self._home / "DevToolsActivePort", time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if told.exists() and told.read_text().strip():
                url = f"http://127.0.0.1:{told.read_text().splitlines()[0]}/json"
                with urllib.request.urlopen(url) as answer:
                    pages = [t for t in json.load(answer) if t["type"] == "page"]
                if pages:
                    return str(pages[0]["webSocketDebuggerUrl"])
            time.sleep(0.05)
        raise AssertionError("Chromium doesn't start")

    def _open(self, url: str, size: tuple[int, int], phone: bool) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        if phone:
            self.call("Emulation.setTouchEmulationEnabled", enabled=True)
        self.call("Runtime.enable")
        self.call("Log.enable")
        self.call("Page.navigate", url=url)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol, and its result."""
        ident = next(self._ids)
        self._socket.send(json.dumps({"id": ident, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(PATIENCE_S))
            if answer.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.problems.append(json.dumps(answer["params"])[:1000])
            if answer.get("id") == ident:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def ask(self, expression: str) -> Any:
        """The value of an expression of JavaScript in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            # While the page is loading, what is asked for isn't there.
            if self.ask(f"(() => {{ try {{ return !!({expression}) }} catch {{ }} }})()"):
                return
            time.sleep(0.05)
        page = self.ask("document.body.innerText")
        raise AssertionError(f"never came true: {expression}; the page says {page[:2000]}")

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """mousePressed, mouseMoved, mouseReleased or mouseWheel."""
        button = {"button": "left", "buttons": 1, "clickCount": 1} if kind != "mouseWheel" else {}
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button, **more)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """touchStart, touchMove or touchEnd."""
        at = [{"x": x, "y": y} for x, y in points]
        self.call("Input.dispatchTouchEvent", type=kind, touchPoints=at)

    def press(self, key: str, *, shift: bool = False) -> None:
        """A key by its name, such as ArrowLeft."""
        codes = {"PageUp": 33, "PageDown": 34, "Home": 36, "Tab": 9, "Enter": 13, "ArrowLeft": 37,
                 "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}  # fmt: skip
        about = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
        if key == "Enter":
            about["text"] = "\r"
        modifiers = 8 if shift else 0
        self.call("Input.dispatchKeyEvent", type="keyDown", modifiers=modifiers, **about)
        self.call("Input.dispatchKeyEvent", type="keyUp", modifiers=modifiers, **about)

    def picture(self, path: Path) -> None:
        """The page as it looks, in a PNG file."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))
