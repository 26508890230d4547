"""Ranges of tempo and song position. Beats are quarter notes, as in MIDI."""

DEFAULT_TEMPO = 120.0  # beats a minute
MIN_TEMPO, MAX_TEMPO = 20.0, 500.0
MAX_BEATS = 1e6
