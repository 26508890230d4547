"""Recognises time tags that don't count NTP time, and names the clock they seem to count.

OSC counts seconds since 1900 in UTC (NTP). Some libraries count seconds from another moment, so
that their tags seem decades away; some computers' clocks are set to local time.
"""

from __future__ import annotations

ERA = 1 << 32  # seconds; NTP's counter starts again in 2036
UNIX = 2_208_988_800  # NTP's seconds at the beginning of Unix time
DAY_S = 86_400.0
_WRONG_S = 30 * DAY_S  # no bundle is sent so far ahead, even close to a new era of NTP
_LONGEST_UPTIME_S = 10 * 365 * DAY_S
_ZONE_S = 900.0  # local times are quarters of an hour apart
_MAX_ZONES = 56  # quarters of an hour from UTC: 14 h
_ZONE_ERROR_S = 10.0  # for the error of the clock, and how far ahead a bundle is sent


def unix_time(timetag: int, now: float) -> float:
    """The Unix time of a tag in s, in the era of NTP that brings it nearest to now.

    Args:
        timetag: 64-bit NTP; now: Unix time, s.
    """
    seconds = timetag / ERA - UNIX
    return seconds + ERA * round((now - seconds) / ERA)


def foreign_clock(timetag: int, now: float) -> str:
    """The clock, in words, that a tag seems to count if it makes no sense as NTP, else "".

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
