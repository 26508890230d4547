"""`Matcher`: the commands that match the instrument to a sound: `/match`, `/match/file` …

The work is done by a process of its own (`matcher_process`); here is only what must not wait: the
commands, the glide to the patch that was found, and the way back.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from realtime.namespace.address import Address
from realtime.namespace.commands import Answer, Args, Commands, done
from realtime.namespace.event import Event
from realtime.namespace.glide import glide
from realtime.namespace.global_addresses import COMMANDS
from realtime.process.child import ChildProcess, Report
from realtime.process.link import encode
from realtime.protocol.osc_decode import OscArg
from synth.contract import ConfigError, Control, ProtocolError, SynthError, error_named

NICENESS = 5  # a third of what an engine gets where both want the same core
START_S = 60.0  # to load both models, on a machine with much else to do
PATIENCE_S = 120.0  # for one match
LEAVE_S = 5.0  # for a process that was killed: where others are busy, it dies slowly
MAX_UNDO = 32
LIVE, FILE, CANCEL, UNDO = "/match", "/match/file", "/match/cancel", "/match/undo"
PROGRESS, FOUND, CANCELLED = "/match/progress", "/match/found", "/match/cancelled"


class Hear(Protocol):
    """Has the last seconds of input written to a file; see `Supervisor.hear`."""

    def __call__(self, path: Path, seconds: float, then: Callable[[str], None]) -> None: ...


@dataclass(frozen=True)
class Doors:
    """The ways to the rest of the session.

    Args:
        take: called with events to play.
        value: returns the present value of an address.
        tell: called with the address and arguments of a notification for clients.
        hear: writes the last seconds of input to a file.
        inputs: returns how many channels of input are open.
    """

    take: Callable[[Sequence[Event]], None]
    value: Callable[[str], tuple[float, ...] | None]
    tell: Callable[[str, Sequence[OscArg]], None]
    hear: Hear
    inputs: Callable[[], int]


@dataclass
class _Run:
    """One match that is being worked on."""

    number: int
    address: str
    glide_s: float
    began: float


class Matcher:
    """The commands of a session that match its instrument to a sound.

    Args:
        plugins: the rack, as the engine describes it; files: their paths.
        model: path of the matching model; "" for the bundled one of the instrument's voice.
        doors: the ways to the rest of the session.

    Attributes:
        words: what is going on or was found last, for people; "" before the first match.
    """

    def __init__(
        self, plugins: Sequence[Mapping[str, Any]], files: Sequence[str], model: str, doors: Doors
    ) -> None:
        self.words = ""
        self._title = ", ".join(str(p["title"]) for p in plugins)
        self._instrument, self._file = _matchable(plugins, files)
        self._model, self._doors = model, doors
        self._lock = threading.RLock()
        self._started = threading.Condition(self._lock)
        self._process: ChildProcess | None = None
        self._there = False
        self._error: SynthError | None = None
        self._run: _Run | None = None
        self._number = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._before: deque[dict[str, tuple[float, ...]]] = deque(maxlen=MAX_UNDO)

    def register(self, commands: Commands) -> None:
        """Add the commands to those that the OSC server answers."""
        for address, command in (
            (LIVE, self._match),
            (FILE, self._match_file),
            (CANCEL, self._cancel),
            (UNDO, self._undo),
        ):
            commands.add(address, command)

    def start(self) -> None:
        """Load the models ahead of the first match, if an instrument can be matched and either an
        input is open or a model was named.

        Raises:
            SynthError: a model was named and can't be used.
        """
        if self._model and not self._instrument:
            raise ConfigError(f"--matcher {self._model}: {self._no_instrument()}")
        if not self._instrument or not (self._model or self._doors.inputs()):
            return
        with self._lock:
            self._need_process()
            if self._model:
                self._started.wait_for(lambda: self._there or self._process is None, START_S)
                if self._error is not None:
                    raise self._error

    def look(self) -> None:
        """Give up a match that takes too long; meant to be called some times a second."""
        with self._lock:
            run = self._run
            if run is None or time.monotonic() - run.began < PATIENCE_S:
                return
            process = self._let_go()
            self._fail(run, f"nothing was found within {PATIENCE_S:.0f} s; the process was ended")
        _end(process)

    def close(self) -> None:
        """End the process, whatever it is doing. May be called twice."""
        with self._lock:
            self._run = None
            process = self._let_go()
            folder, self._folder = self._folder, None
        _end(process)
        if folder is not None:
            with contextlib.suppress(OSError):
                folder.cleanup()

    def _match(self, args: Args) -> Answer:
        seconds, glide_s = _numbers(LIVE, args)
        self._require_instrument()
        if not self._doors.inputs():
            raise ProtocolError(
                "no input is open; start synth play with --input (`synth devices` lists what it can"
                f" name), or match a file: {FILE} PATH"
            )
        run = self._begin(LIVE, glide_s)
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="synth-match-")
            path = Path(self._folder.name) / f"{run.number}.wav"
        self._doors.hear(path, seconds, partial(self._heard, run, path))
        return done(LIVE, seconds, glide_s)

    def _match_file(self, args: Args) -> Answer:
        if not args or not isinstance(args[0], str):
            raise ProtocolError("needs the path of an audio file, and the seconds of a glide")
        (glide_s,) = _numbers(FILE, args[1:])
        self._require_instrument()
        path = Path(args[0])
        if not path.is_file():
            raise ProtocolError(f"{str(path)[:120]}: no such file on this machine")
        self._ask(self._begin(FILE, glide_s), path.absolute(), remove=False)
        return done(FILE, args[0], glide_s)

    def _cancel(self, args: Args) -> Answer:
        with self._lock:
            if self._run is None:
                raise ProtocolError("nothing is being matched")
            self._stop_run("cancelled")
        return done(CANCEL)

    def _undo(self, args: Args) -> Answer:
        (seconds,) = _numbers(UNDO, args)
        with self._lock:
            if not self._before:
                raise ProtocolError("nothing was matched that could be undone")
            before = self._before.pop()
            self.words = "undone"
        self._doors.take([glide(address, seconds, value) for address, value in before.items()])
        return done(UNDO, seconds)

    def _require_instrument(self) -> None:
        if not self._instrument:
            raise ProtocolError(self._no_instrument())

    def _no_instrument(self) -> str:
        return (
            f"{self._title[:80]} can't be matched, only an instrument with a bank of patches can;"
            " play one, such as modular"
        )

    def _begin(self, address: str, glide_s: float) -> _Run:
        """Begin a match, and cancel the one that is being worked on."""
        with self._lock:
            self._need_process()
            if self._run is not None:
                self._stop_run("a newer one was asked for")
            self._number += 1
            self._run = _Run(self._number, address, glide_s, time.monotonic())
            self.words = "listening"
            return self._run

    def _stop_run(self, why: str) -> None:
        self._run = None
        self.words = f"cancelled: {why}" if why != "cancelled" else why
        if self._process is not None:
            self._process.outbox.put_message(encode("cancel"))
        self._doors.tell(CANCELLED, [why])

    def _heard(self, run: _Run, path: Path, problem: str) -> None:
        with self._lock:
            if run is not self._run:
                with contextlib.suppress(OSError):
                    path.unlink()
            elif problem:
                self._fail(run, problem)
            else:
                self._ask(run, path, remove=True)

    def _ask(self, run: _Run, path: Path, *, remove: bool) -> None:
        with self._lock:
            if run is self._run and self._process is not None:
                message = encode("match", number=run.number, path=str(path), remove=remove)
                self._process.outbox.put_message(message)

    def _fail(self, run: _Run, reason: str) -> None:
        self._run = None
        self.words = reason
        self._doors.tell("/fail", [run.address, reason[:240]])

    def _progress(self, run: _Run, share: float, words: str) -> None:
        self.words = f"{words} {share:.0%}"
        self._doors.tell(PROGRESS, [share, words])

    def _arrive(self, run: _Run, message: Mapping[str, Any]) -> None:
        """Glide to what was found, and tell everybody."""
        self._run = None
        values = {
            str(Address(self._instrument, name)): (float(value),)
            for name, value in message["values"].items()
        }
        before = ((address, self._doors.value(address)) for address in values)
        self._before.append({address: value for address, value in before if value is not None})
        self._doors.take([glide(a, run.glide_s, v) for a, v in values.items()])
        key = -1.0 if message["key"] is None else float(message["key"])
        notes = "; ".join(message["notes"])
        heard = f", sounds like it at key {key:.1f}" if key >= 0 else ""
        self.words = f"found, {message['distance']:.1f} dB away{heard}" + (notes and f" ({notes})")
        about: list[OscArg] = [float(message["distance"]), key, float(message["seconds"]), notes]
        self._doors.tell(FOUND, [self._instrument, *about])

    def _need_process(self) -> None:
        """Start the process, unless it runs."""
        if self._process is not None:
            return
        self._there, self._error = False, None
        self._process = ChildProcess(self._take, "realtime.match.matcher_process", NICENESS)
        setup = encode("setup", instrument=self._file, matcher=self._model)
        self._process.outbox.put_message(setup)

    def _let_go(self) -> ChildProcess | None:
        """Forget the process, and return it, to be ended without the lock that its thread needs."""
        process, self._process = self._process, None
        self._there = False
        return process

    def _take(self, report: Report) -> None:
        """Take a message of the process, on its reading thread."""
        process, message = report
        kind = message["kind"]
        with self._lock:
            if process is not self._process:
                return
            if kind == "ready":
                self._there = True
            elif kind == "error":
                self._error = error_named(str(message["name"]), str(message["message"]))
            elif kind in ("gone", "lost"):
                self._lost(process)
            elif self._run is not None and message["number"] == self._run.number:
                self._take_news(self._run, message)
            self._started.notify_all()

    def _take_news(self, run: _Run, message: Mapping[str, Any]) -> None:
        kind = message["kind"]
        if kind == "progress":
            self._progress(run, float(message["share"]), str(message["words"]))
        elif kind == "found":
            self._arrive(run, message)
        elif kind == "failed":
            self._fail(run, str(message["message"]))

    def _lost(self, process: ChildProcess) -> None:
        """Name the reason why the process is gone; the next match starts another."""
        self._process, self._there = None, False
        code = process.reap(LEAVE_S)
        last = process.stderr[-1] if process.stderr else "no message"
        reason = (
            str(self._error)
            if self._error is not None
            else f"the matching process ended with code {code} ({last}); the next {LIVE} starts it"
            " again"
        )
        if self._run is not None:
            self._fail(self._run, reason)
        elif self._error is not None:
            self.words = reason


def _matchable(plugins: Sequence[Mapping[str, Any]], files: Sequence[str]) -> tuple[str, str]:
    """Name and file of the first instrument of the rack that has patches, or ""."""
    for plugin, file in zip(plugins, files, strict=False):
        if plugin["patches"] and plugin["kind"] == "generator":
            return str(plugin["name"]), file
    return "", ""


def _end(process: ChildProcess | None) -> None:
    if process is not None:
        process.kill()
        process.reap(LEAVE_S)


def _numbers(address: str, args: Args) -> list[float]:
    """The numbers of a command, each of its own or its default.

    Raises:
        ProtocolError: too many, no number, or one that is out of its range.
    """
    controls = [a for a in COMMANDS[address].arguments if isinstance(a, Control)]
    if len(args) > len(controls):
        names = ", ".join(control.name for control in controls)
        raise ProtocolError(f"takes {names}, no more")
    numbers = [control.default[0] for control in controls]
    for place, (control, given) in enumerate(zip(controls, args, strict=False)):
        low, high = control.minimum[0], control.maximum[0]
        if not isinstance(given, int | float) or not low <= given <= high:
            raise ProtocolError(
                f"{control.name} is {str(given)[:40]}; {low:g} … {high:g} {control.unit} is allowed"
            )
        numbers[place] = float(given)
    return numbers
