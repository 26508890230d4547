"""The error tree. Every error that a user can cause or fix is a `SynthError`.

A message names the value, the allowed range and the next step, in one line. The command line
prints that line and leaves with `exit_code`; tracebacks appear only with `--debug`.
"""


class SynthError(Exception):
    """Root of all errors that are meant for people. `exit_code` is the command's exit code."""

    exit_code = 3


class ConfigError(SynthError):
    """A setting is unknown, of the wrong type or out of range (usage: exit code 2)."""

    exit_code = 2


class DataError(SynthError):
    """An audio file, MIDI file, event log or data folder can't be used."""


class ModelFileError(SynthError):
    """A model or instrument file is missing, damaged, foreign, unsafe or of a newer format."""


class DeviceError(SynthError):
    """An audio device, MIDI port, network port or process is missing, occupied or lost."""


class ProtocolError(SynthError):
    """Bytes from outside (OSC, MIDI) break their protocol. Counted, never fatal to the sound."""


def error_named(name: str, message: str) -> SynthError:
    """Rebuild an error of another process from its name and text.

    Args:
        name: of its class, `type(error).__name__`.
        message: its text.

    Returns:
        An error of that class; a `SynthError` if no class of this tree has the name.

    >>> error_named("DeviceError", "no such device"), error_named("KeyError", "'x'")
    (DeviceError('no such device'), SynthError("'x'"))
    """
    kinds = (ConfigError, DataError, ModelFileError, DeviceError, ProtocolError)
    kind = next((kind for kind in kinds if kind.__name__ == name), SynthError)
    return kind(message)


def one_line(error: BaseException, limit: int = 160) -> str:
    """The text of an error as one line that fits into a message.

    Args:
        error: any exception; its text may have line breaks and runs of spaces.
        limit: characters that are kept, at least 1.

    Returns:
        The text with each run of white space as one space, cut at `limit`; for an error without a
        text, the name of its type.

    >>> one_line(ValueError("no  such\\n  layer")), one_line(KeyError())
    ('no such layer', 'KeyError')
    """
    return " ".join(str(error).split())[:limit] or type(error).__name__


def printable(text: str) -> str:
    """A text whose control characters, as a file's name may hold, are escapes.

    Args:
        text: any, for one line of a terminal.

    >>> print(printable("a\\nb\\x1b[2J"))
    a\\nb\\x1b[2J
    """
    return "".join(c if c >= " " and not "\x7f" <= c <= "\x9f" else repr(c)[1:-1] for c in text)
