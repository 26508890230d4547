"""`Refusals`: recent refusals and their reasons, for the terminal and the web page."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MAX_KINDS = 32
SHOWN_S = 60.0
TOLD_PER_SECOND = 10
PLAYED = "played"


@dataclass(frozen=True)
class Refusal:
    """A refusal, which may have happened several times.

    Args:
        client: the sender; address: of the message; reason: a sentence that says what helps.
        count: how often it happened; last: the last time, s of `time.monotonic()`.
    """

    client: str
    address: str
    reason: str
    count: int = 1
    last: float = 0.0

    @property
    def played(self) -> bool:
        """Whether the message was played, though not as it was meant."""
        return self.reason.startswith(PLAYED)

    def __str__(self) -> str:
        often = f" ({self.count} times)" if self.count > 1 else ""
        return f"{self.address} from {self.client}: {self.reason}{often}"


class Refusals:
    """The latest refusals, bounded in number, with equal ones counted together; for any thread.

    Args:
        tell: called with each refusal that is new or happens again after a second, at most ten
            times a second; must not block.
    """

    def __init__(self, tell: Callable[[Refusal], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._tell = tell
        self._seen: OrderedDict[tuple[str, str, str], Refusal] = OrderedDict()
        self._told: dict[tuple[str, str, str], float] = {}

    def note(self, client: str, address: str, reason: str) -> None:
        """Note a refusal that happens now. Clients are told apart without their ports, because some
        programs send every message from another port.

        Args:
            client, address, reason: see `Refusal`.
        """
        now = time.monotonic()
        host = client.rpartition(":")[0] or client
        key = (host, address, reason)
        with self._lock:
            before = self._seen.pop(key, None)
            count = 1 if before is None else before.count + 1
            refusal = Refusal(client, address, reason, count, now)
            self._seen[key] = refusal
            if len(self._seen) > MAX_KINDS:
                self._seen.popitem(last=False)
            self._told = {k: at for k, at in self._told.items() if now - at < 1.0}
            tell = key not in self._told and len(self._told) < TOLD_PER_SECOND
            if tell:
                self._told[key] = now
        if tell and self._tell is not None:
            self._tell(refusal)

    def latest(self, count: int = 3) -> list[Refusal]:
        """At most `count` refusals of the last minute, the newest first."""
        now = time.monotonic()
        with self._lock:
            found = [r for r in reversed(self._seen.values()) if now - r.last < SHOWN_S]
        return found[:count]
