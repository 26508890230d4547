"""`Desk`: commands that a playing session answers: learn, map, store, recall, record.

Each command is an OSC address (docs/osc.md), answered with `/done`, a reply, or `/fail`. Names that
come over the network can't leave the session's folders.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from realtime.desk.folders import checked_name, data_folder, made_folder, names_in
from realtime.desk.snapshots import Snapshots
from realtime.desk.sound_map import map_commands
from realtime.mapping.control_map import Binding, ControlMap, changed_settings, default_mapping
from realtime.mapping.file import read_mapping, write_mapping
from realtime.mapping.mapper import Mapper
from realtime.mapping.relative import ENCODINGS, RECOGNISE
from realtime.namespace.commands import Answer, Args, Commands, done
from realtime.namespace.event import Event
from realtime.namespace.glide import MAX_SECONDS as MAX_GLIDE_S
from realtime.namespace.global_addresses import named
from realtime.namespace.namespace import Namespace
from realtime.namespace.values import Values
from realtime.protocol.osc_decode import OscArg
from realtime.record.files import SUFFIXES, check_suffix
from realtime.record.log import input_path, log_path
from synth.contract import ConfigError, DataError, ProtocolError

MAP_SUFFIX = ".yaml"
LOOK_S = 0.5  # seconds between two looks at the map's file
MAX_LIST = 8_000  # bytes of a list of names


@dataclass(frozen=True)
class Places:
    """The folders and the map file of a session.

    Args:
        snapshots, recordings, mappings: folders.
        mapping: the map's file, or None for the default map.
    """

    snapshots: Path
    recordings: Path
    mappings: Path
    mapping: Path | None = None

    @classmethod
    def usual(cls, mapping: str | None = None, snapshots: str = "", recordings: str = "") -> Places:
        """Folders in the user's data folder, unless others are given.

        Args:
            mapping: the map's file, or the name of a map saved in the data folder, or None.
            snapshots, recordings: folders; "" for those in the data folder.
        """
        base = data_folder()
        file = None if mapping is None else Path(mapping)
        if file is not None and not file.exists() and not file.suffix:
            file = base / "mappings" / f"{file}{MAP_SUFFIX}"
        return cls(
            Path(snapshots) if snapshots else base / "snapshots",
            Path(recordings) if recordings else base / "recordings",
            base / "mappings",
            file,
        )


class Desk:
    """The commands of a session.

    Args:
        namespace: the addresses of the engine; instrument: its name, for folders and files.
        places: folders and map file; values: the present values of controls.
        take: called with events to play.
        record: called with the file to record to, or with None to stop.
        tell: called with the address and arguments of a notification for clients.
        changed: called when macros or pads came or went.

    Raises:
        ConfigError: the map can't be read.
    """

    def __init__(
        self,
        namespace: Namespace,
        instrument: str,
        places: Places,
        values: Values,
        take: Callable[[Sequence[Event]], None],
        record: Callable[[Path | None], None],
        tell: Callable[[str, Sequence[OscArg]], None],
        changed: Callable[[], None],
    ) -> None:
        self._namespace, self._instrument, self._places = namespace, instrument, places
        self._values, self._take, self._record = values, take, record
        self._tell, self._changed = tell, changed
        self._commands: Commands | None = None
        self._pads: list[str] = []
        self._saving = threading.Lock()
        self._looked, self._stamp = time.monotonic(), _stamp(places.mapping)
        self._seen = self._stamp
        self.problem = ""  # with the map's file, while the last good map is in use
        self.snapshots = Snapshots(places.snapshots / instrument, namespace)
        self.mapper = Mapper(self._read(), namespace, values, self._learnt)

    def _read(self) -> ControlMap:
        path = self._places.mapping
        return (
            default_mapping(self._namespace)
            if path is None
            else read_mapping(path, self._namespace)
        )

    def register(self, commands: Commands) -> None:
        """Add the desk's commands to those that the OSC server answers."""
        self._commands = commands
        commands.foreign = self._foreign
        table: Mapping[str, Callable[[Args], Answer]] = {
            "/learn": self._learn,
            "/forget": self._forget,
            "/mapping/save": self._save,
            "/mapping/load": self._load,
            "/mapping/list": lambda args: _names("/mapping/list.reply", self._maps(), args),
            "/snapshot/store": self._store,
            "/snapshot/recall": self._recall,
            "/snapshot/morph": self._morph,
            "/snapshot/list": lambda args: _names(
                "/snapshot/list.reply", self.snapshots.names(), args
            ),
            "/record/start": self._start_recording,
            "/record/stop": self._stop_recording,
        }
        for address, command in (*table.items(), *map_commands(self._namespace.maps).items()):
            commands.add(address, command)
        self._register_pads()

    def look(self) -> None:
        """Read the map's file again if it has changed; looks at most twice a second.

        If the file is broken, the last good map stays in use, clients get the error
        (`/fail /mapping reason`), and `problem` keeps it.
        """
        path = self._places.mapping
        if path is None or time.monotonic() - self._looked < LOOK_S:
            return
        with self._saving:
            self._looked = time.monotonic()
            stamp, seen = _stamp(path), self._seen
            self._seen = stamp
            # Wait for the same stamp twice, so that no file is read while it is being written.
            if stamp is None or stamp != seen or stamp == self._stamp:
                return
            self._stamp = stamp
            try:
                mapping = read_mapping(path, self._namespace)
            except ConfigError as error:
                self.problem = str(error)
                self._tell("/fail", ["/mapping", self.problem])
                return
        self.problem = ""
        self._use(mapping)
        self._tell("/mapping", [path.name])

    def _use(self, mapping: ControlMap) -> None:
        before = self.mapper.mapping
        self.mapper.replace(mapping)
        self._take(changed_settings(before, mapping))
        if mapping.own_controls != before.own_controls:
            self._register_pads()
            self._changed()

    def _register_pads(self) -> None:
        if self._commands is None:
            return
        for address in self._pads:
            self._commands.remove(address)
        self._pads = []
        for pad in self.mapper.mapping.pads:
            for form, act in (
                ("/pad/<name>/store", self.mapper.store_point),
                ("/pad/<name>/clear", self.mapper.clear_points),
            ):
                address = named(form, pad.name)
                self._pads.append(address)
                self._commands.add(address, _pad_command(address, pad.name, act))

    def _foreign(self, address: str, args: Args, at: int) -> bool:
        events = self.mapper.foreign(address, args, at)
        if events is None:
            return False
        self._take(events)
        return True

    def _learnt(self, binding: Binding) -> None:
        how = [binding.relative] if binding.relative else []
        self._tell("/learned", [binding.target, str(binding.source), *how])

    def _learn(self, args: Args) -> Answer:
        if not args:
            self.mapper.stop_learning()
            return done("/learn")
        relative = args[-1] if len(args) > 1 and isinstance(args[-1], str) else ""
        if relative and relative not in (RECOGNISE, *ENCODINGS):
            raise ProtocolError(
                f"{relative[:40]!r} is no kind of endless encoder; known are {RECOGNISE} (find out:"
                f" turn it both ways), {', '.join(ENCODINGS)}"
            )
        given = args[:-1] if relative else args
        target = _text(given, "the address of a control, and its ends if not the whole range", 1, 3)
        low, high = (_number(a) for a in given[1:]) if len(given) == 3 else (None, None)
        self.mapper.learn(target, low, high, relative)
        return done("/learn", target)

    def _forget(self, args: Args) -> Answer:
        target = _text(args, "the address of a control")
        return done("/forget", target, self.mapper.forget(target))

    def _maps(self) -> list[str]:
        return names_in(self._places.mappings, MAP_SUFFIX)

    def _save(self, args: Args) -> Answer:
        path = self._places.mapping
        if args or path is None:
            name = checked_name(_text(args, "a name") if args else self._instrument)
            path = made_folder(self._places.mappings) / (name + MAP_SUFFIX)
        with self._saving:
            write_mapping(path, self.mapper.mapping, self._namespace)
            if path == self._places.mapping:
                self._stamp = self._seen = _stamp(path)
        return done("/mapping/save", path.stem)

    def _load(self, args: Args) -> Answer:
        name = checked_name(_text(args, "the name of a saved map"))
        path = self._places.mappings / (name + MAP_SUFFIX)
        if not path.is_file():
            known = ", ".join(self._maps()[:8]) or "none"
            raise DataError(f"there is no map {name!r}; saved are {known}")
        self._use(read_mapping(path, self._namespace))
        return done("/mapping/load", name)

    def _store(self, args: Args) -> Answer:
        name = _text(args, "a name")
        self.snapshots.store(name, self._values.all())
        return done("/snapshot/store", name)

    def _recall(self, args: Args) -> Answer:
        name = _text(args, "a name, and the seconds of a glide", 1, 2)
        seconds = _number(args[1]) if len(args) > 1 else 0.0
        if not 0 <= seconds <= MAX_GLIDE_S:
            raise ProtocolError(f"seconds is {seconds:g}; 0 … {MAX_GLIDE_S:g} is allowed")
        self._take(self.snapshots.recall(name, seconds))
        return done("/snapshot/recall", name)

    def _morph(self, args: Args) -> Answer:
        if len(args) != 3 or not all(isinstance(a, str) for a in args[:2]):
            raise ProtocolError("needs two names and a place between them, 0 … 1")
        share = min(max(_number(args[2]), 0.0), 1.0)
        self._take(self.snapshots.morph(str(args[0]), str(args[1]), share))
        return done("/snapshot/morph", args[0], args[1], share)

    def _start_recording(self, args: Args) -> Answer:
        name = time.strftime("%Y-%m-%d_%H-%M-%S")
        name = checked_name(_text(args, "a name")) if args else name
        name += "" if name.lower().endswith(SUFFIXES) else ".wav"
        path = made_folder(self._places.recordings) / name
        check_free(path)
        self._record(path)
        return done("/record/start", name)

    def _stop_recording(self, args: Args) -> Answer:
        self._record(None)
        return done("/record/stop")


def check_free(path: Path) -> None:
    """Check the name of a recording before anything is played.

    Args:
        path: the file to record to.

    Raises:
        ConfigError: the suffix is neither .wav nor .flac.
        DataError: the folder doesn't exist, or the file exists already.
    """
    check_suffix(path)
    if not path.parent.is_dir():
        raise DataError(f"{path}: there is no folder {path.parent}; make it or choose another")
    for made in (path, log_path(path), input_path(path)):
        if made.exists():
            raise DataError(f"{made}: exists already; choose another name")


def _stamp(path: Path | None) -> tuple[int, int] | None:
    try:
        about = path.stat() if path is not None else None
    except OSError:
        return None  # the file is being replaced, or gone: keep the present map
    return (about.st_mtime_ns, about.st_size) if about is not None else None


def _pad_command(
    address: str, name: str, act: Callable[[str, tuple[float, float] | None], int]
) -> Callable[[Args], Answer]:
    def command(args: Args) -> Answer:
        if len(args) not in (0, 2):
            raise ProtocolError("needs x and y, 0 … 1, or nothing")
        place = (_share(args[0]), _share(args[1])) if args else None
        return done(address, act(name, place))

    return command


def _names(address: str, names: Sequence[str], args: Args) -> Answer:
    """An answer with as many names as fit into a packet, from the requested index on."""
    first = max(0, int(_number(args[0]))) if args else 0
    fitting, room = [], MAX_LIST
    for name in names[first:]:
        room -= len(name) + 8
        if room < 0:
            break
        fitting.append(name)
    return Answer(address, tuple(fitting))


def _text(args: Args, what: str, least: int = 1, most: int = 1) -> str:
    if not least <= len(args) <= most or not isinstance(args[0], str):
        raise ProtocolError(f"needs {what}")
    return args[0]


def _number(value: OscArg) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ProtocolError(f"{str(value)[:40]!r} is no number")
    return float(value)


def _share(value: OscArg) -> float:
    return min(max(_number(value), 0.0), 1.0)
