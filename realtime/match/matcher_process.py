"""The matching process: `python -m realtime.match.matcher_process`, started by `matcher`.

It loads the instrument and the matching model once, and then finds patches, one after the other. It
is nice to all others: the engine needs the cores more. It ends with its parent.

    control -> here   setup {instrument, matcher}, match {number, path, remove}, cancel
    here -> control   ready {voice}, progress {number, share, words}, found {number, …},
                      failed {number, message}, error {name, message}
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from realtime.process.link import encode, read_message, take_over_stdio
from synth.contract import SynthError, one_line


class Cancelled(Exception):
    """The match that is being worked on isn't wanted any more."""


class MatcherChild:
    """The process, from its first message to its end.

    Args:
        reader: messages from the control process; writer: messages to it.
    """

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader, self._writer = reader, writer
        self._ready = threading.Condition()
        self._wanted: dict[str, Any] | None = None

    def run(self) -> None:
        """Find patches until the control process is gone.

        Raises:
            SynthError: instrument or model can't be used.
        """
        setup = read_message(self._reader)
        if setup is None:
            return
        threading.Thread(target=self._listen, daemon=True).start()
        from realtime.match.matching import Matching  # onnxruntime takes a moment to load

        matching = Matching(str(setup["instrument"]), str(setup["matcher"]))
        self._send("ready", voice=matching.manifest.voice)
        while True:
            with self._ready:
                self._ready.wait_for(lambda: self._wanted is not None)
                wanted = self._wanted
            if wanted is not None:
                self._match(matching, wanted)

    def _match(self, matching: Any, wanted: dict[str, Any]) -> None:
        number, path = int(wanted["number"]), str(wanted["path"])

        def progress(share: float, words: str) -> None:
            if self._wanted is not wanted:
                raise Cancelled
            self._send("progress", number=number, share=round(share, 3), words=words)

        try:
            found = matching.run(path, progress)
        except Cancelled:
            pass
        except SynthError as error:
            self._send("failed", number=number, message=str(error))
        except Exception as error:  # noqa: BLE001 - one sound that fails must not end the process
            traceback.print_exc()
            self._send("failed", number=number, message=one_line(error))
        else:
            self._send("found", number=number, **found._asdict())
        _tidy(wanted)
        with self._ready:
            if self._wanted is wanted:
                self._wanted = None

    def _listen(self) -> None:
        """Note what is wanted; the newest wish counts. Ends the process with its parent."""
        while (message := read_message(self._reader)) is not None:
            with self._ready:
                if self._wanted is not None:
                    _tidy(self._wanted)  # nobody may have begun with it
                self._wanted = message if message["kind"] == "match" else None
                self._ready.notify()
        os._exit(0)

    def _send(self, kind: str, **fields: Any) -> None:
        try:
            self._writer.write(encode(kind, **fields))
            self._writer.flush()
        except OSError:
            os._exit(0)  # nobody listens


def _tidy(wanted: dict[str, Any]) -> None:
    """Remove the file of a match that was made for it alone, unless that was done before."""
    if wanted["remove"]:
        with contextlib.suppress(OSError):
            Path(str(wanted["path"])).unlink()


def main() -> NoReturn:
    """Serve and leave."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to handle
    child = MatcherChild(*take_over_stdio())
    code = 0
    try:
        child.run()
    except SynthError as error:
        code = error.exit_code
        child._send("error", name=type(error).__name__, message=str(error))
    except Exception as error:  # noqa: BLE001 - the last resort: reported to the parent
        traceback.print_exc()
        code = 1
        child._send("error", name="SynthError", message=one_line(error))
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
