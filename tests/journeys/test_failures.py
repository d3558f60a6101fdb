"""What goes wrong on a terminal: one plain sentence in both languages, a non-zero exit, no loss."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo.pages import PageError
from sync_server.domain.errors import CODES
from tests.journeys.people import ISSUE, MET, GridWorker
from tests.journeys.programs import (
    CentreProgram,
    LaptopProgram,
    ServedCentre,
    ServedLaptop,
    command,
    free_port,
    laptop_command,
)
from tests.journeys.world import PERSONA, Said, World, centre_command

pytestmark = pytest.mark.journey

CHINESE = re.compile(r"[\u3400-\u9fff]{4,}")
ENGLISH = re.compile(r"[A-Za-z]{2,} [a-z]{2,}")
LAPTOP_COMMANDS = ["status", "sync", "backup", "restore", "show-batch", "health"]
LAPTOP_COMMANDS += ["change-passphrase", "relay-out", "relay-in", "receipt"]
CENTRE_COMMANDS = ["init", "add-user", "join-code", "demo-world", "backup", "export", "partition"]
CENTRE_COMMANDS += ["move-to", "retention", "audit-check", "reset-second-factor", "compile"]
CENTRE_COMMANDS += ["split-grid", "merge-grids", "set-password", "deactivate-user", "activate-user"]
CENTRE_COMMANDS += ["reassign", "replay", "relay", "restore", "run-due", "import", "undo-import"]


def check_refused(said: Said, *parts: str, status: int = 1) -> None:
    """A command ended with a sentence in each language, and with no trace of its insides."""
    assert said.status == status, said
    assert CHINESE.search(said.err), said.err
    assert ENGLISH.search(said.err), said.err
    assert "Traceback" not in said.err
    assert len(said.err.strip().splitlines()) <= 4
    assert [part for part in parts if part not in said.err] == []


@pytest.mark.parametrize(
    ("run", "name"),
    [(laptop_command, name) for name in ("", *LAPTOP_COMMANDS)]
    + [(centre_command, name) for name in ("", *CENTRE_COMMANDS)],
)
def test_every_command_explains_itself_in_both_languages(run, name):
    said = run(*filter(None, [name, "--help"]))
    assert said.status == 0
    assert CHINESE.search(said.out)
    assert ENGLISH.search(said.out)
    if not name:
        offered = re.findall(r"^    ([a-z][a-z-]+)\b", said.out, re.MULTILINE)
        known = LAPTOP_COMMANDS if run is laptop_command else CENTRE_COMMANDS
        assert set(offered) == set(known)


@pytest.mark.parametrize("program", ["field_app", "sync_server"])
def test_help_and_nonsense_end_as_processes_should(program):
    said = command(program, "--help")
    assert (said.status, said.err) == (0, "")
    assert CHINESE.search(said.out)
    nonsense = laptop_command("nonsense") if program == "field_app" else centre_command("nonsense")
    assert nonsense.status == 2
    assert "nonsense" in nonsense.err


# Ports and addresses ---------------------------------------------------------------------------


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port another program listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_in_use_is_named(tmp_path: Path, taken_port: int, world: World) -> None:
    data = ("--data", str(tmp_path / "data"), "--port", str(taken_port))
    check_refused(command("field_app", *data, "--no-browser"), str(taken_port), "--port")
    check_refused(command("sync_server", *data), str(taken_port), "--port")
    assert list((tmp_path / "data" / "workers").iterdir()) == []
    assert not (tmp_path / "data" / "centre.db").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_a_laptop_listens_on_no_address_but_loopback(tmp_path, host):
    said = laptop_command("--data", str(tmp_path / "data"), "--host", host, "--no-browser")
    check_refused(said, host, "127.0.0.1")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
def test_the_centre_is_not_opened_to_other_machines_by_accident(tmp_path, host):
    said = centre_command("--data", str(tmp_path / "data"), "--host", host, "--port", "0")
    check_refused(said, host, "--listen-remotely")
    assert not (tmp_path / "data").exists()


def test_a_second_laptop_program_on_the_same_data_is_refused(laptop_process: LaptopProgram) -> None:
    laptop_process.start()
    data = ("--data", str(laptop_process.data), "--port", str(free_port()), "--no-browser")
    check_refused(command("field_app", *data))
    assert laptop_process.answers()


# Passphrases -----------------------------------------------------------------------------------


@pytest.fixture
def worker(new_worker: Callable[..., GridWorker]) -> GridWorker:
    """A worker with two unsent changes, who has closed the laptop."""
    worker = new_worker()
    worker.visit_found("502", MET)
    worker.edit("household", worker.households("502")[0], {"phone": "13800001111"})
    worker.laptop.stop()
    return worker


def unsent(worker: GridWorker) -> int:
    """Return what is unsent, opening the laptop anew."""
    worker.come_back()
    found = worker.unsent()
    worker.laptop.stop()
    return found


def test_commands_without_a_passphrase_or_with_a_wrong_one_do_nothing(
    worker: GridWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ("--data", str(worker.laptop.data))
    for name in ("sync", "backup", "show-batch", "health", "change-passphrase"):
        check_refused(laptop_command(name, *data), "GRIDROUNDS_PASSPHRASE")
    check_refused(
        command("field_app", "sync", *data, GRIDROUNDS_PASSPHRASE=""), "GRIDROUNDS_PASSPHRASE"
    )
    monkeypatch.setenv("GRIDROUNDS_PASSPHRASE", "not the passphrase")
    check_refused(laptop_command("health", *data))
    check_refused(laptop_command("status", *data, "--worker", "nobody"))
    monkeypatch.undo()
    check_refused(worker.laptop.command("restore"))  # there is no copy
    check_refused(worker.laptop.command("show-batch", "--last"))  # nothing was sent
    monkeypatch.setenv("GRIDROUNDS_NEW_PASSPHRASE", "short")
    check_refused(worker.laptop.command("change-passphrase"))
    assert unsent(worker) == 2


def test_commands_on_a_laptop_nobody_has_joined_say_so(tmp_path):
    for name in LAPTOP_COMMANDS:
        file = ["stick.gridbatch"] if name.startswith("relay") else []
        check_refused(laptop_command(name, "--data", str(tmp_path / "none"), *file), "field_app")
    assert not (tmp_path / "none").exists()


def test_a_data_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("something else", encoding="utf-8")
    data = ("--data", str(tmp_path / "file"))
    check_refused(laptop_command(*data, "--no-browser", "--port", str(free_port())), "file")
    check_refused(centre_command("init", *data), "file")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "something else"


# The road --------------------------------------------------------------------------------------


def test_an_unreachable_centre_costs_nothing(centre: ServedCentre, worker: GridWorker) -> None:
    centre.stop()
    said = worker.laptop.command("sync")
    check_refused(said, "连不上服务器", "cannot be reached", "2")
    assert unsent(worker) == 2
    centre.start()
    said = worker.laptop.command("sync")
    assert said.status == 0, said
    assert "done: 2/2" in said.out
    assert unsent(worker) == 0


def test_an_unreachable_database_is_told_without_its_password(tmp_path):
    url = f"postgresql+psycopg://grid:secret-word@127.0.0.1:{free_port()}/grid"
    said = centre_command("init", "--data", str(tmp_path), "--database-url", url)
    check_refused(said, "--database-url")
    assert "secret-word" not in said.err + said.out
    check_refused(centre_command("init", "--data", str(tmp_path), "--database-url", "nonsense"))


# Damage ----------------------------------------------------------------------------------------


def spoil(path: Path, first: int = 0) -> bytes:
    """Overwrite the middle of every page from ``first`` on; return what the file holds now."""
    content = bytearray(path.read_bytes())
    for place in range(first * 4096 + 2048, len(content), 4096):
        content[place : place + 16] = b"\xff" * 16
    path.write_bytes(content)
    return bytes(content)


def test_a_damaged_store_is_told_and_left_alone_and_its_copy_brings_it_back(worker):
    assert worker.laptop.command("backup").status == 0
    (store,) = worker.laptop.data.glob("workers/*/store.db")
    for extra in store.parent.glob("store.db-wal"):
        assert extra.stat().st_size == 0
    damaged = spoil(store)
    for name in ("health", "sync", "show-batch", "backup"):
        check_refused(worker.laptop.command(name), "损坏", "damaged")
    assert store.read_bytes() == damaged
    worker.laptop.start()
    page = worker.open("/unlock")
    with pytest.raises(Exception, match="500"):
        worker.visitor.submit(page, page.form("passphrase"), {"passphrase": "正确的马 battery 42"})
    worker.laptop.stop()
    said = worker.laptop.command("restore")
    assert said.status == 0, said
    files = (path for path in store.parent.rglob("*") if path.is_file())
    assert any(path.read_bytes() == damaged for path in files), "the damaged file is kept"
    assert worker.laptop.command("health").status == 0
    assert unsent(worker) == 2
    assert worker.laptop.command("sync").status == 0


@pytest.mark.parametrize("how", ["everywhere", "nonsense", "cut"])
def test_a_damaged_database_is_told_and_left_alone(world: World, tmp_path: Path, how: str) -> None:
    centre = CentreProgram(tmp_path, world)
    database = centre.data / "centre.db"
    if how == "everywhere":
        damaged = spoil(database)
    else:
        damaged = b"nonsense" * 9000 if how == "nonsense" else database.read_bytes()[:50_000]
        database.write_bytes(damaged)
    for arguments in ([], ["join-code", "--no", PERSONA], ["backup"]):
        said = centre_command(*arguments, "--data", str(centre.data), *port_of(arguments))
        check_refused(said, "损坏", "damaged")
    assert database.read_bytes() == damaged


def test_a_database_damaged_in_its_middle_gives_no_backup(world: World, tmp_path: Path) -> None:
    centre = CentreProgram(tmp_path, world)
    spoil(centre.data / "centre.db", first=8)
    check_refused(centre_command("backup", "--data", str(centre.data)))
    assert list(centre.data.glob("backups/*")) == []


def port_of(arguments: list[str]) -> list[str]:
    """Give a served centre a free port; sub-commands take none."""
    return [] if arguments else ["--port", "0"]


def test_a_database_of_a_newer_program_is_left_alone(world: World, tmp_path: Path) -> None:
    centre = CentreProgram(tmp_path, world)
    centre.books.alter("UPDATE alembic_version SET version_num = 'step_9999'")
    before = (centre.data / "centre.db").read_bytes()
    said = centre_command("init", "--data", str(centre.data))
    check_refused(said, "step_9999")
    assert (centre.data / "centre.db").read_bytes() == before


# A full disk -----------------------------------------------------------------------------------


class Disk:
    """A small disk of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Use up all room."""
        with self._ballast.open("wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"\0" * size)

    def free(self) -> None:
        """Make room again."""
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Disk]]:
    """Mount a small disk of so many MB; only root can."""
    mounted: list[Path] = []

    def mount(megabytes: int) -> Disk:
        path = tmp_path / f"disk-{len(mounted)}"
        path.mkdir()
        order = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path)]
        if os.name == "nt" or subprocess.run(order, capture_output=True, check=False).returncode:
            pytest.skip("only root can mount a small disk")
        mounted.append(path)
        return Disk(path)

    yield mount
    for path in mounted:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def test_a_full_disk_on_the_laptop_refuses_the_save_and_loses_nothing(
    centre: ServedCentre, disk: Callable[[int], Disk]
) -> None:
    small = disk(24)
    with ServedLaptop(small.path, "laptop") as laptop:
        laptop.start()
        worker = GridWorker(laptop)
        worker.move_in(centre.address, centre.join_code(PERSONA))
        worker.visit_found("502", MET)
        household = worker.households("502")[0]
        before = worker.outbox()
        small.fill()
        confirmed = save_until_refused(worker)
        assert len(worker.outbox()) == len(before) + confirmed
        before = worker.outbox()
        laptop.stop()
        check_refused(worker.laptop.command("backup"), "磁盘已满", "disk is full")
        small.free()
        worker.come_back()
        assert worker.outbox() == before
        worker.edit("household", household, {"remarks": "腾出空间以后"})
        assert worker.sync().stage == "done"
        assert set(worker.states().values()) == {"stored"}
    assert len(centre.books.device_changes()) == len(before) + 1


def save_until_refused(worker: GridWorker) -> int:
    """Save until the page says that the disk is full; return how many saves it confirmed."""
    for confirmed in range(100):  # the file may have some room inside
        try:
            worker.report(ISSUE | {"text": f"第{confirmed}次" * 950})
        except PageError as error:
            if "507" in str(error):
                return confirmed
            raise
    raise AssertionError("the disk never was full")


def test_a_full_disk_at_the_centre_refuses_politely_and_loses_nothing(
    world: World, disk: Callable[[int], Disk], tmp_path: Path
) -> None:
    small = disk(80)
    with ServedCentre(small.path, world) as centre:
        centre.start()
        with ServedLaptop(tmp_path) as laptop:
            laptop.start()
            worker = GridWorker(laptop)
            worker.move_in(centre.address, centre.join_code(PERSONA))
            worker.visit_found("502", MET)
            small.fill()
            data = ("--data", str(centre.data))
            check_refused(centre_command("join-code", *data, "--no", PERSONA), "磁盘已满", "full")
            check_refused(centre_command("backup", *data), "磁盘已满", "full")
            assert not list(centre.data.glob("backups/*"))
            end = worker.sync()
            assert end.stage == "failed"
            assert "服务器繁忙" in end.words
            assert worker.unsent() == 1
            assert centre.books.device_changes() == []
            small.free()
            assert worker.sync().stage == "done"
            assert centre.books.outcomes() == {"applied": 1}
            assert centre_command("backup", *data).status == 0


def test_a_demo_world_that_does_not_fit_on_the_disk_leaves_an_empty_database(disk):
    small = disk(6)
    data = ("--data", str(small.path / "centre"))
    check_refused(centre_command("demo-world", *data), "磁盘已满", "full")
    said = centre_command("join-code", *data, "--no", PERSONA)
    assert said.status == 1
    assert PERSONA in said.err


@pytest.mark.skipif(os.name == "nt", reason="needs a limit on file sizes")
def test_a_copy_larger_than_a_file_may_be_is_told_and_leaves_nothing(worker: GridWorker) -> None:
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        "from field_app.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, "backup", "--data", str(worker.laptop.data)],
        env={**os.environ, "GRIDROUNDS_PASSPHRASE": "正确的马 battery 42", "PYTHONUTF8": "1"},
        capture_output=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    check_refused(Said(done.returncode, done.stdout, done.stderr), "磁盘已满", "disk is full")
    assert list(worker.laptop.data.glob("workers/*/backups/*.db")) == []
    assert unsent(worker) == 2


# People ----------------------------------------------------------------------------------------


@pytest.fixture
def empty(tmp_path: Path) -> tuple[str, ...]:
    """The data option of a fresh centre."""
    data = ("--data", str(tmp_path / "fresh"))
    assert centre_command("init", *data).status == 0
    return data


def test_what_an_operator_mistypes_is_told_and_changes_nothing(empty):
    worker = ("--no", "W1", "--name", "王小样", "--role", "worker", "--scope", "990101100009003")
    staff = ("--no", "S1", "--name", "陈小样", "--role", "community")
    assert centre_command("add-user", *empty, *worker).status == 0
    mistakes = [
        ("add-user", *worker),  # the number is taken
        ("add-user", *staff),  # no password, no terminal
        ("add-user", *worker[:2], *worker[4:], "--name", " "),
        ("add-user", "--no", "W2", "--name", "王", "--role", "worker", "--scope", "110101"),
        ("add-user", "--no", "W 3", *worker[2:]),
        ("join-code", "--no", "nobody"),
        ("demo-world", "--district", "99"),
        ("backup", "--to", str(Path(empty[1]) / "centre.db")),
    ]
    for arguments in mistakes:
        check_refused(centre_command(*arguments, *empty))
    check_refused(centre_command("add-user", *empty, *staff, "--password-stdin", typed="short\n"))
    said = centre_command(
        "add-user", *empty, *staff, "--password-stdin", typed="长一点的密码 2026\n"
    )
    assert said.status == 0
    check_refused(centre_command("join-code", *empty, "--no", "S1"))  # staff have no laptop
    assert centre_command("join-code", *empty, "--no", "W1").status == 0


def test_a_backup_needs_a_database(tmp_path):
    said = centre_command("backup", "--data", str(tmp_path / "none"))
    check_refused(said, "centre.db")
    assert not (tmp_path / "none").exists()


def test_every_failure_of_the_centre_that_a_terminal_meets_has_its_sentences():
    from sync_server.cli.sentences import SENTENCES

    assert set(SENTENCES) <= set(CODES)
    for code, label in SENTENCES.items():
        assert CHINESE.search(label.zh), code
        assert ENGLISH.search(label.en), code
