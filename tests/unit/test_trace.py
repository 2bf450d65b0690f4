"""Traces of real histories: what git and S3's logs tell becomes what the simulation reads."""

import gzip
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.simulate.__main__ import main as simulate
from benchmarks.trace.__main__ import main as make_trace

DAY = 86_400
START = 1_900_000_000


class Repository:
    """A git repository in a folder, with nothing of the user's configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, at: int = START) -> str:
        """Run git at a time; what it prints."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
            "GIT_AUTHOR_DATE": f"{at} +0200",
            "GIT_COMMITTER_DATE": f"{at} +0200",
        }
        done = subprocess.run(  # noqa: S603 - a command of this file
            ["git", *arguments],  # noqa: S607 - wherever the developer has it
            cwd=self.folder,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def commit(self, at: int, files: dict[str, str | None]) -> None:
        """Write files, or remove those that are None, and commit them at a time."""
        for name, content in files.items():
            path = self.folder / name
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
        self.git("add", "-A", at=at)
        self.git("commit", "-q", "-m", "x", at=at)


def make(folder: Path, *arguments: str | Path) -> tuple[list[str], list[dict[str, Any]]]:
    """(keys, lines) of the one trace that is made."""
    out = folder / "out"
    assert make_trace([*map(str, arguments), "--out", str(out)]) == 0
    (made,) = out.glob("*.jsonl.gz")
    keys = gzip.decompress(made.with_name(made.name.replace(".jsonl.", ".keys.")).read_bytes()).decode()
    lines = gzip.decompress(made.read_bytes()).decode().splitlines()
    return keys.splitlines(), [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Two files, then a change, a rename, a merge of two commits, and a commit of no media file."""
    made = Repository(tmp_path_factory.mktemp("git") / "site")
    made.commit(START, {"img/a.png": "a", "img/größe 1.png": "g", "README.md": "r"})
    made.commit(START + 40 * DAY, {"img/a.png": "A", "img/サイズ.JPG": "s"})
    made.commit(START + 41 * DAY, {"img/größe 1.png": None, "img/gross.png": "g"})
    made.git("checkout", "-q", "-b", "side")
    made.commit(START + 42 * DAY, {"img/side.png": "1"})
    made.commit(START + 43 * DAY, {"img/side.png": "2", "img/a.png": None})
    made.git("checkout", "-q", "main")
    made.commit(START + 44 * DAY, {"README.md": "R"})
    made.git("merge", "-q", "--no-ff", "-m", "x", "side", at=START + 45 * DAY)
    return made


STEPS = [
    {"t": START + 40 * DAY, "put": ["img/a.png", "img/サイズ.JPG"], "delete": []},
    {"t": START + 41 * DAY, "put": ["img/gross.png"], "delete": ["img/größe 1.png"]},
    {"t": START + 45 * DAY, "put": ["img/side.png"], "delete": ["img/a.png"]},
]


def test_a_repository_becomes_a_trace(tmp_path: Path, repository: Repository) -> None:
    """First parents; the merge is one step, the rename a delete and a put, and names are as they are."""
    keys, lines = make(tmp_path, repository.folder, "--months", "1")
    assert keys == ["img/a.png", "img/größe 1.png"]
    assert lines == STEPS


def test_a_bare_clone_gives_the_same_trace(tmp_path: Path, repository: Repository) -> None:
    """And is named without its `.git`."""
    repository.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    assert make(tmp_path, tmp_path / "bare.git", "--months", "1")[1] == STEPS
    assert (tmp_path / "out" / "bare.jsonl.gz").exists()


def test_a_history_shorter_than_the_months_begins_empty(tmp_path: Path, repository: Repository) -> None:
    """The first commit puts everything then."""
    keys, lines = make(tmp_path, repository.folder)
    assert keys == []
    assert lines[0] == {"t": START, "put": ["img/a.png", "img/größe 1.png"], "delete": []}
    assert lines[1:] == STEPS


def test_a_shallow_clone_begins_with_what_it_has(tmp_path: Path, repository: Repository) -> None:
    """What its oldest commit changed is unknown, so it is no step."""
    url = repository.folder.as_uri()
    repository.git("clone", "-q", "--depth", "3", url, str(tmp_path / "shallow"))
    keys, lines = make(tmp_path, tmp_path / "shallow")
    assert keys == ["img/a.png", "img/gross.png", "img/サイズ.JPG"]
    assert lines == STEPS[2:]


def test_extensions_say_which_files_count(tmp_path: Path, repository: Repository) -> None:
    """In upper case or lower; `all` is all."""
    _, lines = make(tmp_path, repository.folder, "--ext", ".jpg,md")
    assert [line["put"] for line in lines] == [["README.md"], ["img/サイズ.JPG"], ["README.md"]]
    assert len(make(tmp_path, repository.folder, "--ext", "all")[1]) == 5


def test_links_are_no_files_and_wrong_clocks_keep_the_order(tmp_path: Path) -> None:
    """A link that becomes a file is put, a file that becomes a link deleted; times never run back."""
    made = Repository(tmp_path / "site")
    made.commit(START, {"a.png": "a"})
    (made.folder / "b.png").symlink_to("a.png")
    made.commit(START - 5 * DAY, {"c.png": "c"})
    (made.folder / "b.png").unlink()
    made.commit(START + DAY, {"b.png": "b", "a.png": None})
    (made.folder / "a.png").symlink_to("b.png")
    (made.folder / "c.png").unlink()
    (made.folder / "c.png").symlink_to("b.png")
    made.commit(START + 2 * DAY, {})
    assert make(tmp_path, made.folder)[1] == [
        {"t": START, "put": ["a.png"], "delete": []},
        {"t": START, "put": ["c.png"], "delete": []},
        {"t": START + DAY, "put": ["b.png"], "delete": ["a.png"]},
        {"t": START + 2 * DAY, "put": [], "delete": ["c.png"]},
    ]


def test_what_is_made_can_be_simulated(
    tmp_path: Path, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a repository to the purges of a month in two commands."""
    make(tmp_path, repository.folder, "--months", "1")
    capsys.readouterr()
    assert simulate([str(tmp_path / "out" / "site.jsonl.gz"), "--policy", "ours", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["changes_needing_purge"], row["purges"], row["stale_at_month_end"]) == (3, 3, 0)


def record(second: int, operation: str, key: str, status: str = "200", version: str = "-") -> str:
    """A line of a server access log, as S3 writes it."""
    return (
        f"79a5 shop [06/Feb/2030:00:00:{second:02} +0000] 192.0.2.3 - REQ{second} {operation} {key} "
        f'"GET /shop/x?\\"y HTTP/1.1" {status} - 113 - 7 - "-" "S3 [Console]/0.4" {version} s9lz= SigV4\n'
    )


LOG = [
    record(9, "REST.DELETE.OBJECT", "img/late.png", "204"),
    record(1, "REST.GET.OBJECT", "img/read.png"),
    record(1, "REST.GET.OBJECT", "img/missing.png", "404"),
    record(2, "REST.PUT.OBJECT", "img/my%2520photo%252B1.png"),
    record(2, "REST.PUT.OBJECT", "img/my%2520photo%252B1.png"),
    record(2, "REST.PUT.OBJECT", "img/refused.png", "403"),
    record(3, "REST.POST.UPLOADS", "img/movie.mp4"),
    record(4, "REST.POST.UPLOAD", "img/movie.mp4"),
    record(4, "REST.COPY.OBJECT", "img/read.png"),
    record(5, "BATCH.DELETE.OBJECT", "img/one.png", "204"),
    record(5, "BATCH.DELETE.OBJECT", "img/two.png", "204"),
    record(6, "REST.DELETE.OBJECT", "img/read.png", "204", version="oldVersion1"),
    record(6, "S3.EXPIRE.OBJECT", "img/expired.png", "-"),
    record(7, "S3.CREATE.DELETEMARKER", "img/gr%25C3%25B6%25C3%259Fe.png", "-"),
    record(8, "REST.PUT.ACL", "img/acl.png"),
    record(8, "REST.GET.VERSIONING", "-"),
]


def test_access_logs_become_a_trace(tmp_path: Path) -> None:
    """Successful changes alone, in order, without repeats, decoded; read or deleted before means existing."""
    (tmp_path / "one.log").write_text("".join(LOG[::2]))
    (tmp_path / "two.log.gz").write_bytes(gzip.compress("".join(LOG[1::2]).encode()))
    keys, lines = make(tmp_path, "--s3-log", tmp_path / "one.log", tmp_path / "two.log.gz")
    midnight = 1_896_566_400
    assert [(line["t"] - midnight, line["put"], line["delete"]) for line in lines] == [
        (2, ["img/my photo+1.png"], []),
        (4, ["img/read.png", "img/movie.mp4"], []),
        (5, [], ["img/two.png", "img/one.png"]),
        (6, [], ["img/expired.png"]),
        (7, [], ["img/größe.png"]),
        (9, [], ["img/late.png"]),
    ]
    assert keys == ["img/expired.png", "img/größe.png"] + [
        f"img/{name}.png" for name in ("late", "one", "read", "two")
    ]


def test_a_listing_says_what_the_bucket_held(tmp_path: Path) -> None:
    """With --keys nothing is guessed."""
    (tmp_path / "log").write_text("".join(LOG))
    (tmp_path / "keys").write_text("img/unchanged.png\nimg/one.png\n")
    keys, _ = make(tmp_path, "--s3-log", tmp_path / "log", "--keys", tmp_path / "keys")
    assert keys == ["img/one.png", "img/unchanged.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{folder}/nowhere"], "nowhere"),
        (["{folder}/empty"], "HEAD"),
        (["{folder}/empty", "--s3-log", "{folder}/log"], "either"),
        ([], "either"),
        (["--s3-log", "{folder}/nowhere"], "No such file"),
        (["--s3-log", "{folder}/log"], "log:1: no record"),
        (["--s3-log", "{folder}/reads"], "no successful put"),
        (["--s3-log", "{folder}/reads", "--months", "0"], "--months"),
    ],
)
def test_what_makes_no_trace_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """In one line (after the usage, if it is the usage that is wrong); status 2, and nothing is written."""
    Repository(tmp_path / "empty")
    (tmp_path / "log").write_text("what is this\n")
    (tmp_path / "reads").write_text(record(1, "REST.GET.OBJECT", "a.png"))
    given = [argument.format(folder=tmp_path) for argument in arguments]
    try:
        status = make_trace([*given, "--out", str(tmp_path / "out")])
    except SystemExit as stopped:
        status = stopped.code
    assert status == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith(("trace: ", "python -m benchmarks.trace: error: "))
    assert said in last
    assert not (tmp_path / "out").exists()
