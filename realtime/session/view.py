"""The live terminal view of a session."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from realtime.namespace.event import Event
from realtime.osc.refusals import Refusal
from realtime.session.numbers import late_blocks, latency_ms
from realtime.session.session import Session
from realtime.session.unplayed import unplayed
from realtime.supervisor.status import ENDS, Status
from synth.contract import printable

if TYPE_CHECKING:
    from realtime.oscquery.service import OscQuery

REFRESH_S = 0.1
METER_CELLS = 30
METER_FLOOR_DB = -60.0
REFUSALS = 3


def _never() -> bool:
    return False


def run_view(
    session: Session, seconds: float | None = None, wished: Callable[[], bool] = _never
) -> None:
    """Show the session until it ends, `seconds` have passed, or its end is wished for.

    Without a terminal, it prints a line every second and a line for each refusal.

    Args:
        session: after `__enter__`; seconds: how long to show it, or None.
        wished: asked ten times a second whether to end.
    """
    end = math.inf if seconds is None else time.monotonic() + seconds
    console = Console(markup=False, emoji=False)  # names may look like markup
    if not console.is_terminal:
        _run_plain(session, end, wished)
        return
    with Live(console=console, refresh_per_second=1 / REFRESH_S, transient=False) as live:
        while _goes_on(session, end, wished):
            live.update(render_view(session))
            session.watch(REFRESH_S)


def _goes_on(session: Session, end: float, wished: Callable[[], bool]) -> bool:
    return session.status().phase not in ENDS and time.monotonic() < end and not wished()


def _run_plain(session: Session, end: float, wished: Callable[[], bool]) -> None:
    _say(_head_line(session))
    told, due = 0.0, time.monotonic() + 1.0
    while _goes_on(session, end, wished):
        session.watch(max(0.0, min(REFRESH_S, end - time.monotonic())))
        if time.monotonic() < min(due, end):
            continue
        due += 1.0
        status = session.status()
        _say(
            f"{status.phase}  load {status.stats.get('load', 0.0):.0%}"
            f"  voices {_engine(session, 'active_voices')}"
            f"  late {late_blocks(status)}  lost frames {status.stats.get('lost_frames', 0)}"
            f"  events {session.taken}"
        )
        for problem in _problems(session, since=told):
            _say(problem)
        told = time.monotonic()


def _say(line: str) -> None:
    sys.stdout.write(printable(line) + "\n")
    sys.stdout.flush()


def _head_line(session: Session) -> str:
    """The instruments, and the ports that reach them."""
    status, midi = session.status(), session.midi
    parts = [f"playing {_instruments(session)}", f"device {status.device}"]
    if session.osc is not None:
        parts.append(f"osc udp {session.osc.host}:{session.osc.port}")
    if session.oscquery is not None:
        parts.append(f"page {session.oscquery.url}")
    if midi is not None and midi.input is not None:
        parts.append(f"midi {midi.input.name}")
    if midi is not None and midi.output is not None:
        parts.append(f"midi out {midi.output.name}")
    return "  ".join(parts)


def render_view(session: Session) -> RenderableType:
    """One picture of the session."""
    status = session.status()
    stats, driver = status.stats, status.driver
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", justify="right")
    table.add_column()
    table.add_row("playing", Text(f"{_instruments(session)}  ({status.phase})"))
    table.add_row(
        "device",
        f"{status.device}  {driver.get('sample_rate', 0)} Hz, block {driver.get('block', 0)},"
        f" latency {latency_ms(status):.1f} ms",
    )
    table.add_row("level", _meter(float(_engine(session, "peak"))))
    table.add_row(
        "load",
        f"{stats.get('load', 0.0):.0%} (worst {stats.get('load_max', 0.0):.0%})"
        f"   voices {_engine(session, 'active_voices')}",
    )
    table.add_row(
        "lost",
        f"{stats.get('lost_frames', 0)} frames, longest gap {stats.get('longest_gap_ms', 0.0)} ms,"
        f" late blocks {late_blocks(status)}, restarts {sum(status.restarts.values())}",
    )
    for problem in _problems(session):
        table.add_row(Text("attention", style="bold yellow"), Text(problem, style="yellow"))
    if session.osc is not None:
        table.add_row("osc", f"udp {session.osc.host}:{session.osc.port}  {_counters(session)}")
    if session.oscquery is not None:
        table.add_row("oscquery", _oscquery(session.oscquery))
    midi = session.midi
    if midi is not None and midi.input is not None:
        table.add_row("midi", midi.input.name)
    if midi is not None and midi.output is not None:
        table.add_row("midi out", midi.output.name)
    for text in unplayed(stats.get("engine", {})):
        table.add_row("not played", Text(text))
    if session.matcher is not None and session.matcher.words:
        table.add_row("match", Text(printable(session.matcher.words)))
    if status.recording or status.recording_problem:
        table.add_row("recording", _recording(status))
    events = [Text(_event_line(e), style="cyan") for e in list(session.events)]
    return Group(table, Text("last events", style="dim"), *events, Text("Ctrl-C ends", style="dim"))


def _instruments(session: Session) -> str:
    """The instruments, each with the name of its present sound."""
    plugins = session.status().engine.get("plugins", ())
    sounds = {p["name"]: session.sound_of(p["name"]) for p in plugins}
    return ", ".join(f"{name}: {sound}" if sound else name for name, sound in sounds.items())


def _problems(session: Session, since: float = 0.0) -> list[str]:
    """Present problems, a sentence each: overload, a broken map, and refusals after `since` (s of
    `time.monotonic()`)."""
    problems = [session.overload.words] if session.overload.words else []
    if session.desk is not None and session.desk.problem:
        problems.append(f"the map in use is the one before a mistake: {session.desk.problem}")
    if session.osc is not None:
        found = session.osc.refusals.latest(REFUSALS)
        problems += [_refused(refusal) for refusal in found if refusal.last >= since]
    return problems


def _refused(refusal: Refusal) -> str:
    return str(refusal) if refusal.played else f"refused {refusal}"


def _recording(status: Status) -> str:
    about = status.stats.get("recording", {})
    seconds = about.get("frames", 0) / status.driver.get("sample_rate", 1)
    lost = f", lost {about['lost_frames']} frames" if about.get("lost_frames") else ""
    return printable(status.recording_problem or f"{status.recording}  {seconds:.0f} s{lost}")


def _engine(session: Session, name: str) -> float | int:
    value = session.status().stats.get("engine", {}).get(name, 0)
    return value if isinstance(value, int | float) else 0


def _counters(session: Session) -> str:
    counters = session.osc.counters if session.osc is not None else {}
    shown = {k: v for k, v in counters.items() if v or k == "received"}
    return ", ".join(f"{k} {v}" for k, v in shown.items())


def _oscquery(oscquery: OscQuery) -> str:
    status = oscquery.status
    shown = {k: v for k, v in status.items() if v and k not in ("running", "last_error")}
    counted = ", ".join(f"{k} {v}" for k, v in shown.items())
    return f"{oscquery.url}  {counted if status['running'] else status['last_error']}"


def _event_line(event: Event) -> str:
    return f"  {event.target} {' '.join(f'{v:g}' for v in event.value)}"


def _meter(peak: float) -> str:
    level_db = 20 * math.log10(max(peak, 1e-6))
    filled = round(METER_CELLS * min(max(1 - level_db / METER_FLOOR_DB, 0.0), 1.0))
    return f"[{'#' * filled}{'.' * (METER_CELLS - filled)}] {level_db:6.1f} dBFS"
