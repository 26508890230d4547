"""Packets that are mostly wrong go through all that is behind a socket, and end in counters."""

from __future__ import annotations

import random

from tests.realtime.osc_hostile import fuzzed_dispatcher, grammar, mutate


def test_five_thousand_fuzzed_packets_end_in_counters() -> None:
    random_, answers = random.Random(4), []
    dispatcher = fuzzed_dispatcher(answers)
    for number in range(5_000):
        packet = grammar(random_)
        if random_.random() < 0.4:
            packet = mutate(random_, packet)
        dispatcher.take(packet, ("127.0.0.1", 5_000 + number % 300))
        dispatcher.send_streams()
        answers.clear()
    counted = dispatcher.counters
    assert counted["received"] == 5_000
    assert min(counted["parsed"], counted["rejected"], counted["refused"]) > 50
    assert counted["dropped"] == 0, dispatcher.last_error
