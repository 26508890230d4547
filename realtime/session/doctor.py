"""`examine`: lists what is installed, what is missing, and the command that mends it.

Each native library (PortAudio, rtmidi, onnxruntime) and the scheduler is tried in a process of its
own, `python -m realtime.session.doctor PROBE`, so that one that hangs or crashes is a finding and
doesn't end the examination.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from realtime.plugins.bundled import bundled_instrument
from synth.contract import SynthError, one_line

OLDEST_PYTHON = (3, 11)
PROBE_TIMEOUT_S = 20.0
RT_PRIORITY = 10
_SOUNDFONTS = ("/usr/share/sounds/sf2", "/usr/share/soundfonts", "/opt/homebrew/share/soundfonts")


@dataclass(frozen=True)
class Check:
    """One finding.

    Args:
        name: the thing examined; ok: whether it is as it should be.
        detail: the finding, in one line.
        remedy: the command that mends it; empty where `ok`.
        needed: False for a thing that only some uses need, whose absence is no fault.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True


def examine() -> list[Check]:
    """Run all checks. Takes about a second; faults are in the result and never raised."""
    probes = {name: _start(name) for name in PROBES}
    checks = [_python(), *_packages()]
    for name, process in probes.items():
        checks += _READERS[name](answer_of(process))
    return [*checks, _sound_server(), _renderer()]


def _python() -> Check:
    oldest = ".".join(map(str, OLDEST_PYTHON))
    ok = sys.version_info[:2] >= OLDEST_PYTHON
    detail = f"{platform.python_version()} at {sys.executable}"
    remedy = "" if ok else f"make play PYTHON=python{oldest} (synth needs {oldest} or newer)"
    return Check("Python", ok, detail, remedy)


def _packages() -> list[Check]:
    try:
        requirements = metadata.requires("synth") or []
    except metadata.PackageNotFoundError:
        remedy = f"{sys.executable} -m pip install -c constraints.txt -e ."
        return [Check("synth", False, "is not installed, only found", remedy)]
    checks = [Check("synth", True, metadata.version("synth"))]
    for wanted in map(Requirement, requirements):
        needed = _applies(wanted, extra="")
        if needed or _applies(wanted, extra="train"):
            checks.append(check_package(wanted.name, str(wanted.specifier), needed))
    return checks


def _applies(requirement: Requirement, extra: str) -> bool:
    """Whether a requirement holds on this machine, with an extra of synth."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def check_package(name: str, versions: str, needed: bool) -> Check:
    """Whether a package is installed in a version that `versions` (">=2.11,<2.14") allows.

    The package is not imported. The remedy for a package that is not `needed` uses the pins of
    constraints.txt, because torch without a pin may bring several GB of CUDA.

    Args:
        name: of the distribution; versions: a version specifier; needed: see `Check`.
    """
    purpose = "" if needed else ", for training and export"
    wanted = f"'{name}{versions}'" if needed else "-c constraints.txt -e '.[train]'"
    remedy = f"{sys.executable} -m pip install {wanted}"
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Check(name, False, f"is not installed{purpose}", remedy, needed)
    fits = SpecifierSet(versions).contains(found, prereleases=True)
    detail = found if fits else f"{found}; {versions} is needed{purpose}"
    return Check(name, fits, detail, "" if fits else remedy, needed)


def _probe_devices() -> Any:
    from realtime.device.listing import list_devices

    return [device.to_dict() for device in list_devices()]


def _probe_midi() -> Any:
    from realtime.midi.ports import available_apis, list_ports

    return {"apis": available_apis(), "ports": list_ports()}


def _probe_instrument() -> Any:
    from realtime.plugins.onnx.plugin import OnnxPlugin

    path = bundled_instrument()
    plugin = OnnxPlugin(path)
    plugin.prepare(1)
    plugin.close()
    manifest = plugin.manifest
    return {"path": str(path), "name": manifest.name, "sounds": len(manifest.sounds)}


def _probe_realtime() -> Any:
    if sys.platform != "linux":
        return {"priority": True, "memlock": None, "rtprio": None}
    import resource

    answer: dict[str, Any] = {
        "rtprio": resource.getrlimit(resource.RLIMIT_RTPRIO)[0],
        "memlock": resource.getrlimit(resource.RLIMIT_MEMLOCK)[0],
    }
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(RT_PRIORITY))
    except PermissionError:
        return {**answer, "priority": False}
    return {**answer, "priority": True}


PROBES: dict[str, Callable[[], Any]] = {
    "devices": _probe_devices,
    "midi": _probe_midi,
    "instrument": _probe_instrument,
    "realtime": _probe_realtime,
}


def _start(probe: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "realtime.session.doctor", probe],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # PortAudio and JACK complain there about absent devices
        text=True,
    )


def answer_of(process: subprocess.Popen[str], timeout_s: float = PROBE_TIMEOUT_S) -> Any:
    """The finding of a probe, or a text that says why there is none; its process has ended.

    Args:
        process: the probe; timeout_s: seconds after which it is killed.
    """
    try:
        out, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"no answer within {timeout_s:g} s"
    try:
        answer = json.loads(out.splitlines()[-1])
        return answer["found"] if "found" in answer else str(answer["error"])
    except (ValueError, IndexError, KeyError, TypeError):
        return f"the probe died with code {process.returncode}"


def probe(name: str) -> int:
    """Run one probe and print a line of JSON: `{"found": …}` or `{"error": …}`.

    Args:
        name: of the probe, a key of `PROBES`.
    """
    try:
        line = {"found": PROBES[name]()}
    except (SynthError, ImportError, OSError) as error:
        line = {"error": one_line(error, 1000)}
    sys.stdout.write(json.dumps(line) + "\n")
    return 0


def _read_devices(answer: Any) -> list[Check]:
    if isinstance(answer, str):
        mend = _install({"linux": "libportaudio2"}, f"{sys.executable} -m pip install sounddevice")
        return [Check("PortAudio", False, answer, mend)]
    outputs = [f"{d['name']} [{d['host']}]" for d in answer if d["outputs"]]
    checks = [Check("PortAudio", True, f"{len(answer)} devices")]
    if outputs:
        return [*checks, Check("output device", True, ", ".join(outputs))]
    mend = "jackd -d alsa  # or play without any device: synth play --driver null"
    return [*checks, Check("output device", False, "none: synth renders to a file", mend, False)]


def _read_midi(answer: Any) -> list[Check]:
    if isinstance(answer, str):
        mend = "sudo modprobe snd-seq" if sys.platform == "linux" else "plug in a MIDI keyboard"
        return [Check("MIDI", False, answer, mend, False)]
    apis, ports = ", ".join(answer["apis"]), ", ".join(answer["ports"])
    return [
        Check("MIDI", True, f"{apis}; inputs: {ports or 'none now; plug in or connect a keyboard'}")
    ]


def _read_instrument(answer: Any) -> list[Check]:
    if isinstance(answer, str):
        mend = f"{sys.executable} -m pip install --force-reinstall --no-deps -e ."
        return [Check("bundled instrument", False, answer, mend)]
    detail = f"{answer['name']}, {answer['sounds']} sounds, plays ({answer['path']})"
    return [Check("bundled instrument", True, detail)]


def _read_realtime(answer: Any) -> list[Check]:
    if isinstance(answer, str) or not answer["priority"]:
        mend = (
            "printf '@audio - rtprio 95\\n@audio - memlock unlimited\\n' |"
            " sudo tee /etc/security/limits.d/95-audio.conf && sudo usermod -aG audio $USER"
            "  # then log in again"
        )
        why = answer if isinstance(answer, str) else f"refused; ulimit -r {answer['rtprio']}"
        return [Check("real-time priority", False, why, mend, False)]
    limits = [f"ulimit -r {answer['rtprio']}"] if answer["rtprio"] is not None else []
    if answer["memlock"] is not None:
        memlock = answer["memlock"]
        limits.append(f"memlock {'unlimited' if memlock < 0 else f'{memlock // 1024} kB'}")
    return [Check("real-time priority", True, ", ".join(["may be had", *limits]), "", False)]


_READERS: dict[str, Callable[[Any], list[Check]]] = {
    "devices": _read_devices,
    "midi": _read_midi,
    "instrument": _read_instrument,
    "realtime": _read_realtime,
}


def _sound_server() -> Check:
    if sys.platform != "linux":
        return Check("sound server", True, "the system's own", "", False)
    found = [name for name in ("jackd", "pw-jack", "pipewire") if shutil.which(name)]
    running = _running({"jackd", "jackdbus", "pipewire", "pulseaudio"})
    if not found and not running:
        remedy = _install({"linux": "jackd2"})
        return Check("sound server", False, "neither JACK nor PipeWire", remedy, False)
    detail = f"installed: {', '.join(found) or '-'}; running: {', '.join(sorted(running)) or '-'}"
    return Check("sound server", True, detail, "", False)


def _running(names: set[str]) -> set[str]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*/comm"):
        try:
            found.add(entry.read_text().strip())
        except OSError:  # it has ended meanwhile
            continue
    return found & names


def _renderer() -> Check:
    fonts = [str(f) for place in _SOUNDFONTS for f in sorted(Path(place).glob("*.sf2"))]
    program = shutil.which("fluidsynth")
    if program and fonts:
        detail = f"{program}, {fonts[0]}"
        return Check("FluidSynth", True, detail, "", False)
    missing = " and ".join([*([] if program else ["program"]), *([] if fonts else ["soundfont"])])
    mend = _install({"linux": "fluidsynth fluid-soundfont-gm", "darwin": "fluid-synth"})
    detail = f"{missing} missing; only the recipe of the bundled instrument needs them"
    return Check("FluidSynth", False, detail, mend, False)


def _install(packages: dict[str, str], otherwise: str = "") -> str:
    name = packages.get(sys.platform)
    if name is None:
        return otherwise
    return f"brew install {name}" if sys.platform == "darwin" else f"sudo apt-get install {name}"


if __name__ == "__main__":
    sys.exit(probe(sys.argv[1]))
