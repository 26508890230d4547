"""What decoders are expected to say of a channel."""

from __future__ import annotations

from realtime.namespace.global_addresses import channel_address

Said = list[tuple[str, tuple[float, ...]]]
AT_REST = ("/pitch_bend", "/sustain", "/sostenuto", "/soft", "/pressure")


def on(channel: int, address: str, *value: float) -> tuple[str, tuple[float, ...]]:
    """Target and value of an event about a channel, 1 … 16."""
    return channel_address(channel, address), value


def at_rest(channel: int) -> Said:
    """All that a player holds on a channel, let go of."""
    return [on(channel, address, 0.0) for address in AT_REST]
