"""Sets of sounds by name: what a name stands for, and the way from an archive to a folder."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from archive_rig import (
    NSynthNote,
    Server,
    nsynth_members,
    pack,
    serving,
    speech_members,
    wav,
    write,
)
from click.testing import CliRunner

from synth.cli import cli
from synth.contract import ConfigError, DataError
from training.data.datasets.archive import extract, member_names, open_member
from training.data.datasets.catalogue import NSYNTH_TRAIN, SPEECH_COMMANDS
from training.data.datasets.fetch import Talk, fetch
from training.data.datasets.place import locate
from training.data.datasets.selection import (
    DIGITS,
    NSynth,
    Span,
    SpeechCommands,
    draw,
    folder_name,
    parse_selection,
)
from training.data.library import build_library
from training.planning import plan_run

NOTES = [
    NSynthNote(family, "acoustic", instrument, pitch, velocity)
    for family in ("guitar", "keyboard", "mallet", "synth_lead")
    for instrument in (0, 1)
    for pitch in (20, 60, 64, 100)
    for velocity in (25, 100)
]


@dataclasses.dataclass
class Heard:
    """What was said and asked; answers yes."""

    said: list[str] = dataclasses.field(default_factory=list)
    asked: list[str] = dataclasses.field(default_factory=list)
    bars: set[str] = dataclasses.field(default_factory=set)
    answer: bool = True

    def talk(self) -> Talk:
        def ask(question: str) -> bool:
            self.asked.append(question)
            return self.answer

        return Talk(ask, self.said.append, lambda what, done, total: self.bars.add(what))


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def publish(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, str], None]:
    """Puts a speech archive on the server, whose published digest is that of it, or the given."""

    def put(content: bytes, sha256: str = "") -> None:
        server.files[SPEECH_COMMANDS.file] = content
        digest = sha256 or hashlib.sha256(content).hexdigest()
        archive = dataclasses.replace(SPEECH_COMMANDS, sha256=digest)
        monkeypatch.setattr(SpeechCommands, "archive", archive)

    return put


def test_names() -> None:
    assert parse_selection("SPEECHCOMMANDS") == SpeechCommands(DIGITS, 1024, 0)
    diverse = parse_selection("NSYNTH.diverse_baseline")
    assert diverse == NSynth(("guitar", "keyboard", "mallet"), pitch=Span(24, 84))
    assert parse_selection("NSYNTH.keyboard_baseline") == NSynth(("keyboard",), pitch=Span(60, 64))
    given = "NSYNTH?family=guitar,mallet&pitch=24-84&velocity=25,100-127&count=7&source=acoustic"
    assert parse_selection(given) == NSynth(
        ("guitar", "mallet"), ("acoustic",), Span(24, 84), (Span(25, 25), Span(100, 127)), 7
    )
    assert parse_selection("NSYNTH.diverse_baseline?seed=3").seed == 3


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("NSYNTH.other", "data set 'NSYNTH.other' is unknown; known are SPEECHCOMMANDS"),
        ("NSYNTH?colour=red", "criterion of NSYNTH is 'colour'; known are family"),
        ("NSYNTH?family=drum", "family is 'drum'; known are bass"),
        ("NSYNTH?pitch=high", "pitch is 'high'; whole numbers like 60 or 24-84"),
        ("NSYNTH?pitch=84-24", "pitch is 84; 0 … 24 is allowed"),
        ("NSYNTH?velocity=200", "velocity is 200; "),
        ("NSYNTH?count=0", "count is 0; 1 … 300000"),
        ("NSYNTH?family=", "family is empty"),
        ("SPEECHCOMMANDS?words=../etc", "words is '../etc'"),
    ],
)
def test_names_that_mean_nothing(name: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint.replace(".", r"\.").replace("?", r"\?")):
        parse_selection(name)


def test_a_draw_takes_groups_in_turn_whatever_their_order() -> None:
    groups = {word: [f"{word}{n}" for n in range(200)] for word in DIGITS}
    drawn = draw(groups, 1024, 0)
    counts = Counter(name.rstrip("0123456789") for name in drawn)
    assert sorted(counts.values()) == [102] * 6 + [103] * 4
    turned = {word: names[::-1] for word, names in reversed(groups.items())}
    assert drawn == draw(turned, 1024, 0)
    assert drawn != draw(groups, 1024, 1)
    assert set(drawn[:500]) == set(draw(groups, 500, 0))
    few = {"a": ["a0", "a1"], "b": ["b0"]}
    assert sorted(draw(few, 10, 0)) == ["a0", "a1", "b0"]


def test_notes_are_chosen_by_the_index() -> None:
    index = nsynth_members(NOTES)["nsynth-train/examples.json"]
    chosen = NSynth(("mallet", "synth_lead"), pitch=Span(60, 64), velocity=(Span(100, 100),))
    names = set(chosen.choose((), io.BytesIO(index)).values())
    assert names == {
        f"{family}_acoustic_{instrument:03d}-{pitch:03d}-100.wav"
        for family in ("mallet", "synth_lead") for instrument in (0, 1) for pitch in (60, 64)
    }  # fmt: skip
    with pytest.raises(DataError, match=r"no note of .* widen the selection"):
        NSynth(("vocal",)).choose((), io.BytesIO(index))
    for broken in (b"{", b"[1]", b'{"a": {"pitch": 3}}', b'{"../a": 1}'):
        with pytest.raises(DataError, match=r"examples\.json"):
            NSynth().choose((), io.BytesIO(broken))
    evil = index.replace(b"guitar_acoustic_000-020-025", b"../../etc/evil")
    with pytest.raises(DataError, match="is no file name"):
        NSynth().choose((), io.BytesIO(evil))


def test_speech_end_to_end(
    server: Server, publish: Callable[[bytes], None], tmp_path: Path
) -> None:
    publish(pack(speech_members(("zero", "one", "cat"), 5)))
    server.breaks = [2_000]
    heard = Heard()
    name = "SPEECHCOMMANDS?words=zero,one&count=7"
    with pytest.raises(DataError, match=r"fetch it: synth fetch 'SPEECHCOMMANDS\?words"):
        locate(name, tmp_path)
    folder = fetch(name, heard.talk(), tmp_path, server.url)
    assert folder == tmp_path / folder_name(name) == locate(name, tmp_path)
    assert len(heard.asked) == 1
    assert " MB, to " in heard.asked[0]
    assert "CC BY 4.0" in heard.asked[0]
    assert {"download", "checksum", "extract"} <= heard.bars
    files = sorted(p.name for p in folder.glob("*.wav"))
    assert Counter(name.split("_")[0] for name in files) == {"one": 4, "zero": 3}
    number = int(files[0].split("_")[1], 16)
    assert (folder / files[0]).read_bytes() == wav(1000 + number)
    facts = json.loads((folder / "dataset.json").read_text())
    assert (facts["sounds"], facts["archive"]) == (7, SPEECH_COMMANDS.file)
    library = build_library(locate(name, tmp_path), 16_000, 1, cache=tmp_path / "cache", workers=1)
    assert len(library.clips) == 7

    # A second selection needs no second download, a second call nothing at all.
    server.requests.clear()
    again = Heard()
    fetch("SPEECHCOMMANDS?words=cat&count=9", again.talk(), tmp_path, server.url)
    assert any("5 sounds match; 9 were asked for" in line for line in again.said)
    fetch(name, again.talk(), tmp_path, server.url)
    assert again.asked == []
    assert server.requests == []


def test_nsynth_end_to_end_and_its_own_digest_from_then_on(server: Server, tmp_path: Path) -> None:
    server.files[NSYNTH_TRAIN.file] = pack(nsynth_members(NOTES))
    folder = fetch("NSYNTH.diverse_baseline", Heard().talk(), tmp_path, server.url)
    assert len(list(folder.glob("*.wav"))) == 3 * 2 * 2 * 2  # families, instruments, keys, levels
    archive = tmp_path / "archives" / NSYNTH_TRAIN.file
    noted = (tmp_path / "archives" / f"{NSYNTH_TRAIN.file}.sha256").read_text().strip()
    assert noted == hashlib.sha256(archive.read_bytes()).hexdigest()
    archive.write_bytes(pack(nsynth_members(NOTES[:5])))
    with pytest.raises(DataError, match=r"SHA-256 is .* put aside as .*\.wrong"):
        fetch("NSYNTH.keyboard_baseline", Heard().talk(), tmp_path, server.url)
    assert not archive.exists()


def test_another_checksum_than_the_published_one(
    server: Server, publish: Callable[[bytes, str], None], tmp_path: Path
) -> None:
    publish(pack(speech_members(("zero",), 2)), "0" * 64)
    with pytest.raises(DataError, match=r"SHA-256 is \w{64}, 0{64} is needed; it is put aside"):
        fetch("SPEECHCOMMANDS?words=zero", Heard().talk(), tmp_path, server.url)
    kept = sorted(p.name for p in (tmp_path / "archives").iterdir())
    assert kept == [f"{SPEECH_COMMANDS.file}.wrong"]
    assert not (tmp_path / "SPEECHCOMMANDS+words=zero").exists()


def test_no_means_nothing_is_fetched(server: Server, publish: Callable[[bytes], None],
                                     tmp_path: Path) -> None:  # fmt: skip
    publish(pack(speech_members(("zero",), 2)))
    with pytest.raises(DataError, match="its download was declined"):
        fetch("SPEECHCOMMANDS", Heard(answer=False).talk(), tmp_path, server.url)
    assert [method for method, _ in server.requests] == ["HEAD"]


def test_a_damaged_archive_leaves_no_set(
    server: Server, publish: Callable[[bytes], None], tmp_path: Path
) -> None:
    whole = pack(speech_members(("zero",), 20))
    for damaged in (whole[: len(whole) // 2], whole[:-8] + b"\0" * 8, b"no archive at all"):
        publish(damaged)
        with pytest.raises(DataError, match=r"is damaged or no \.tar\.gz"):
            fetch("SPEECHCOMMANDS?words=zero", Heard().talk(), tmp_path, server.url)
        (tmp_path / "archives" / SPEECH_COMMANDS.file).unlink()
    assert [p.name for p in tmp_path.iterdir()] == ["archives"]


def test_members_that_are_missing(tmp_path: Path) -> None:
    archive = write(tmp_path / "a.tar.gz", pack({"a/b.wav": wav(0)}))
    assert member_names(archive) == ["a/b.wav"]
    with pytest.raises(DataError, match=r"1 of 2 wanted files are not in it, .*a/c\.wav"):
        extract(archive, {"a/b.wav": "b.wav", "a/c.wav": "c.wav"}, tmp_path)
    with (
        pytest.raises(DataError, match=r"holds no examples\.json"),
        open_member(archive, "examples.json"),
    ):
        pass


def _link(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("members", "extra"),
    [
        ({"../evil.wav": b"x"}, ()),
        ({"a/../../evil.wav": b"x"}, ()),
        ({"/srv/evil.wav": b"x"}, ()),
        ({"..\\evil.wav": b"x"}, ()),
        ({}, (_link("evil.wav", tarfile.SYMTYPE),)),
        ({}, (_link("evil.wav", tarfile.LNKTYPE),)),
        ({}, (_link("evil.wav", tarfile.FIFOTYPE),)),
    ],
    ids=["up", "up-inside", "absolute", "backslash", "symlink", "hardlink", "fifo"],
)
def test_members_that_lead_elsewhere_are_refused(
    tmp_path: Path, members: dict[str, bytes], extra: tuple[tarfile.TarInfo, ...]
) -> None:
    out = tmp_path / "in" / "out"
    out.mkdir(parents=True)
    archive = write(tmp_path / "a.tar.gz", pack({"good.wav": wav(0), **members}, extra))
    wanted = {name: "evil.wav" for name in (*members, *(i.name for i in extra))}
    with pytest.raises(DataError, match="refused"):
        extract(archive, wanted, out)
    assert list(out.iterdir()) == []
    assert not (tmp_path / "evil.wav").exists()


def test_a_member_that_no_sound_can_be_is_refused(tmp_path: Path) -> None:
    archive = write(tmp_path / "a.tar.gz", pack({"bomb.wav": bytes((1 << 24) + 1)}))
    with pytest.raises(DataError, match="not a file of at most 16777216 bytes"):
        extract(archive, {"bomb.wav": "bomb.wav"}, tmp_path)


def test_plain_gzip_is_no_archive(tmp_path: Path) -> None:
    archive = write(tmp_path / "a.tar.gz", gzip.compress(b"words" * 1000))
    with pytest.raises(DataError, match="is damaged or no"):
        member_names(archive)


def test_paths_stay_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locate(tmp_path) == tmp_path
    assert locate("runs/none") == Path("runs/none")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "SPEECHCOMMANDS").mkdir()
    assert locate("SPEECHCOMMANDS") == Path("SPEECHCOMMANDS")  # what exists is what is meant
    with pytest.raises(ConfigError, match="is unknown"):
        locate("NSYNTH.mine")


def test_command(
    server: Server,
    publish: Callable[[bytes], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(pack(speech_members(("zero", "one"), 3)))
    monkeypatch.setenv("SYNTH_MIRROR", server.url)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    given = ["fetch", "SPEECHCOMMANDS?words=zero,one&count=4"]
    unasked = CliRunner().invoke(cli, given, input="")
    assert "--yes downloads without asking" in unasked.output
    assert unasked.exit_code == 2
    refused = CliRunner().invoke(cli, given, input="n\n")
    assert isinstance(refused.exception, DataError)
    done = CliRunner().invoke(cli, [*given, "--yes"])
    assert done.exit_code == 0, done.output
    folder = Path(done.stdout.strip())
    assert len(list(folder.glob("*.wav"))) == 4
    assert locate(given[1]) == folder


def test_training_takes_a_set_by_its_name(
    server: Server,
    publish: Callable[[bytes], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    publish(pack(speech_members(("zero", "one"), 3)))
    name = "SPEECHCOMMANDS?words=zero,one&count=4"
    flags = {"cdpam": 0.0, "width": 8, "depth": 2}
    with pytest.raises(DataError, match=r"fetch it: synth fetch 'SPEECHCOMMANDS\?words=zero") as no:
        plan_run("inr", Path(name), flags=flags, cache=tmp_path / "cache")
    assert no.value.exit_code == 3
    fetch(name, Heard().talk(), mirror=server.url)
    plan = plan_run("inr", Path(name), flags=flags, cache=tmp_path / "cache")
    assert plan.data == name
    assert sorted(clip.source.name.split("_")[0] for clip in plan.learned) == [
        "one", "one", "zero", "zero"
    ]  # fmt: skip
