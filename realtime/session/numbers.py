"""The numbers of a session that are sent as `/status.reply`."""

from __future__ import annotations

from collections.abc import Mapping

from realtime.supervisor.status import Status


def status_numbers(status: Status, counters: Mapping[str, int]) -> dict[str, float | int]:
    """The numbers by name, in the order in which they are sent.

    Args:
        status: of the engine.
        counters: of the OSC server, or none.
    """
    stats, engine = status.stats, status.stats.get("engine", {})
    return {
        "playing": int(status.phase == "playing"),
        "load": float(stats.get("load", 0.0)),
        "active_voices": int(engine.get("active_voices", 0)),
        "peak": float(engine.get("peak", 0.0)),
        "lost_frames": int(stats.get("lost_frames", 0)),
        "late_blocks": late_blocks(status),
        "restarts": sum(status.restarts.values()),
        "latency_ms": latency_ms(status),
        "received": counters.get("received", 0),
        "rejected": counters.get("rejected", 0),
        "dropped": counters.get("dropped", 0),
        "clamped": counters.get("clamped", 0),
        "refused": counters.get("refused", 0),
        "late": counters.get("late", 0),
        "far": counters.get("far", 0),
        "overflowed": counters.get("overflowed", 0),
        "late_events": int(engine.get("late_events", 0)),
    }


def late_blocks(status: Status) -> int:
    """Blocks that were rendered late, for any reason."""
    return int(status.stats.get("late_render", 0)) + int(status.stats.get("late_thread", 0))


def latency_ms(status: Status) -> float:
    """The declared latency, from an event to its sound, or 0 before the engine plays."""
    frames, rate = status.driver.get("latency", 0), status.driver.get("sample_rate", 0)
    return 1000 * frames / rate if rate else 0.0
