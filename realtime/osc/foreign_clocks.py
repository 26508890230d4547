"""Time tags of senders whose clock is not the one that OSC wants: recognised, and named for people.

OSC counts seconds since 1900 in UTC (NTP). Some libraries send another count of seconds in its
place, which then means a moment decades away, or their computer's clock is set to local time.
"""

from __future__ import annotations

ERA = 1 << 32  # seconds; NTP's counter starts again in 2036
UNIX = 2_208_988_800  # NTP's seconds at the beginning of Unix time
DAY_S = 86_400.0
_WRONG_S = 30 * DAY_S  # no bundle is sent so far ahead, whatever era of NTP begins soon
_LONGEST_UPTIME_S = 10 * 365 * DAY_S
_ZONE_S = 900.0  # local times are quarters of an hour apart
_MAX_ZONES = 56  # of them, from UTC: 14 h
_ZONE_ERROR_S = 10.0  # for the error of the clock, and how far ahead a bundle is sent


def unix_time(timetag: int, now: float) -> float:
    """Seconds of Unix time of a tag, in that era of NTP which is nearest to now.

    Args:
        timetag: 64-bit NTP; now: Unix time, s.
    """
    seconds = timetag / ERA - UNIX
    return seconds + ERA * round((now - seconds) / ERA)


def foreign_clock(timetag: int, now: float) -> str:
    """What a tag that makes no sense as NTP seems to count, in words; "" where it can't be told.

    Args:
        timetag: 64 bits; now: Unix time, s.
    """
    seconds, ahead = timetag / ERA, unix_time(timetag, now) - now
    if abs(ahead) <= _ZONE_ERROR_S:
        return ""
    if abs(seconds - now) < DAY_S:
        return "counts seconds since 1970 (Unix time)"
    zones = round(ahead / _ZONE_S)
    if 1 <= abs(zones) <= _MAX_ZONES and abs(ahead - zones * _ZONE_S) <= _ZONE_ERROR_S:
        return f"is {zones * _ZONE_S / 3600:+.4g} h off, like the local time of another place"
    if abs(ahead) > _WRONG_S and seconds < _LONGEST_UPTIME_S:
        return f"counts seconds since a start {seconds:.0f} s ago (uptime)"
    return ""
