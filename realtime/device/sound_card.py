"""`DevicePort`: a sound card, through PortAudio with a callback written in C.

rtmixer's callback moves frames between lock-free rings and the device and never enters Python. At
an underrun its "play this ring" action ends for good; that shapes this module, which has to notice
the end (`playing`) and start the action again (`play`).
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.device.driver import DEFAULT_BLOCK
from realtime.device.listing import AudioDevice, portaudio
from synth.contract import DeviceError

Array = NDArray[np.float32]

START_TIMEOUT_S = 2.0
INPUT_SLACK = 8  # the ring of the input holds this many times the output's


class DevicePort:
    """An output device, with an input for effects; a `realtime.device.driver.Port`.

    Args:
        output: the device that plays.
        input: the device that records, or None.
        sample_rate: Hz.
        channels, channels_in: how many of the devices' channels are used.
        block: frames that the host shall take at once; 0 for 256. JACK isn't asked: it always takes
            its server's period, and would only insert a buffer and halve the time to render.

    Raises:
        DeviceError: the host refuses (occupied, unplugged, rate or channels impossible).
    """

    def __init__(
        self,
        output: AudioDevice,
        input: AudioDevice | None,
        sample_rate: int,
        channels: int,
        channels_in: int = 0,
        block: int = 0,
    ) -> None:
        self.sample_rate, self.channels = sample_rate, channels
        self.channels_in = channels_in if input is not None else 0
        self.period = 0
        self._error = portaudio().PortAudioError
        self._label = output.label
        import rtmixer

        self._rtmixer = rtmixer
        jack = "JACK" in output.host
        settings: dict[str, Any] = {
            "samplerate": sample_rate,
            "blocksize": 0 if jack else block or DEFAULT_BLOCK,
            "latency": "low",
        }
        try:
            if input is not None and channels_in:
                self._stream = rtmixer.MixerAndRecorder(
                    device=(input.index, output.index), channels=(channels_in, channels), **settings
                )
            else:
                self._stream = rtmixer.Mixer(device=output.index, channels=channels, **settings)
        except self._error as error:
            raise DeviceError(
                f"{output.label} can't be opened at {sample_rate} Hz with {channels} channels"
                f" ({error}); `synth devices` lists what there is"
            ) from None
        heard = self._stream.latency[1] if self.channels_in else self._stream.latency
        self.latency = round(heard * sample_rate)
        # The callback's own counter. Reading it is safe at any time: rtmixer offers it only for
        # streams at rest, and through a queue otherwise, which is too slow for every block.
        self._state = self._stream._state.stats
        self._play: Any = None
        self._record: Any = None
        self._idle = self._idle_before = -1
        self._taken_before = self._served_before = 0
        self._counts = (0, 0)

    def start(self, capacity: int) -> None:
        """Start the stream and wait for its first cycles, which show the period.

        Args:
            capacity: frames that the ring must hold at least.

        Raises:
            DeviceError: the host doesn't start, or no cycle comes within 2 s.
        """
        try:
            self._stream.start()
        except self._error as error:
            raise DeviceError(
                f"{self._label} doesn't start ({error}); `synth devices` lists what there is"
            ) from None
        patience = time.perf_counter() + START_TIMEOUT_S
        while self._state.blocks < 2:
            if time.perf_counter() > patience:
                raise DeviceError(f"{self._label} doesn't run: no cycle within {START_TIMEOUT_S} s")
            time.sleep(0.001)
        self.period = int(self._state.max_blocksize)
        size = 1 << (max(capacity, 4 * self.period) - 1).bit_length()
        ring = self._rtmixer.RingBuffer
        self._out = ring(4 * self.channels, size)
        if self.channels_in:
            self._in = ring(4 * self.channels_in, INPUT_SLACK * size)

    def play(self) -> None:
        """See `Port.play`."""
        if self._play is not None:
            self._taken_before += self._play.done_frames
            self._served_before += self._play.stats.blocks
        # The input starts first, so that the two rings together never seem to hold too little.
        if self.channels_in and self._record not in self._stream.actions:
            self._record = self._stream.record_ringbuffer(self._in)
        self._play = self._stream.play_ringbuffer(self._out)

    def playing(self) -> bool:
        """See `Port.playing`."""
        return self._play is not None and self._play in self._stream.actions

    def fill(self) -> int:
        """See `Port.fill`."""
        return int(self._out.read_available)

    def fill_in(self) -> int:
        """See `Port.fill_in`."""
        return int(self._in.read_available)

    def write(self, frames: Array) -> None:
        """See `Port.write`."""
        self._out.write(frames)

    def read(self, frames: int) -> Array:
        """See `Port.read`."""
        buffer = np.empty((min(frames, self.fill_in()), self.channels_in), np.float32)
        if len(buffer):
            self._in.readinto(buffer)
        return buffer

    def counts(self) -> tuple[int, int]:
        """See `Port.counts`. Exact while the host's cycles are of equal length."""
        cycles = self._state.blocks
        served, done = self._play.stats.blocks, self._play.done_frames
        even = self._state.min_blocksize == self._state.max_blocksize
        idle = cycles - served  # cycles that this action didn't serve: the same in all its life
        confirmed, self._idle = idle == self._idle, idle
        if not confirmed or (even and done != served * self.period):
            return self._counts  # a cycle is under way
        if self._idle_before < 0:
            self._idle_before = idle
        gap = idle - self._idle_before - self._served_before
        taken = self._taken_before + done
        asked = (gap + self._served_before + served) * self.period if even else None
        self._counts = (taken + gap * self.period if asked is None else asked), taken
        return self._counts

    def asked(self) -> int:
        """See `Port.asked`."""
        return int(self._state.blocks) * max(1, self.period)

    def alive(self) -> bool:
        """See `Port.alive`."""
        return bool(self._stream.active)

    def close(self) -> None:
        """See `Port.close`."""
        self._stream.close()
