"""What neither a web page, nor a stray option, nor a stolen laptop gets out of the programs."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.pages import PageError, Visitor
from sync_server.domain.errors import Refusal
from sync_server.services import accounts
from sync_server.services.centre import open_centre
from sync_server.settings import Settings
from tests.journeys.people import ISSUE, MET, GridWorker, Staff
from tests.journeys.programs import PASSPHRASE, LaptopProgram, ServedCentre
from tests.journeys.test_failures import check_refused
from tests.journeys.world import DISTRICT, NAME, PERSONA, centre_command

pytestmark = pytest.mark.journey

FORM = "application/x-www-form-urlencoded"


# Other sites, other machines -------------------------------------------------------------------


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LaptopProgram]:
    """A laptop as it is started by everybody, nobody joined."""
    with LaptopProgram(tmp_path_factory.mktemp("laptop")) as program:
        program.start()
        yield program


def ask(laptop: LaptopProgram, method: str, path: str, body: str = "", **headers: str) -> Any:
    """Send a request with exactly these headers; return status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", laptop.port, timeout=20)
    sent = {"Host": f"127.0.0.1:{laptop.port}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body or None, sent)
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    return answer.status, content


def token(laptop: LaptopProgram) -> tuple[str, str]:
    """Return a session's cookie and form token, as an honest page has them."""
    connection = http.client.HTTPConnection("127.0.0.1", laptop.port, timeout=20)
    connection.request("GET", "/join")
    answer = connection.getresponse()
    cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
    found = re.search(r'name="csrf-token" content="([^"]+)"', answer.read().decode())
    connection.close()
    assert found
    return cookie, found[1]


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "localhost:1", "127.0.0.1.evil.example:{port}", "[::2]"]
)
def test_a_request_by_another_name_is_refused(laptop, method, host):
    status, body = ask(laptop, method, "/join", Host=host.format(port=laptop.port))
    assert status == 400
    assert "passphrase" not in body


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_its_own_names_are_answered(laptop, host):
    status, body = ask(laptop, "GET", "/join", Host=f"{host}:{laptop.port}")
    assert status == 200
    assert "passphrase" in body


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8000"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Origin": "http://127.0.0.1:{port}"},
    ],
)
@pytest.mark.parametrize("path", ["/language", "/unlock", "/sync", "/lock"])
def test_a_post_from_another_site_is_refused_even_with_a_token(laptop, path, headers):
    cookie, csrf = token(laptop)
    given = {name: value.format(port=laptop.port) for name, value in headers.items()}
    status, _ = ask(
        laptop,
        "POST",
        path,
        f"csrf_token={csrf}&lang=en",
        Content_Type=FORM,
        Cookie=cookie,
        **given,
    )
    assert status == 403


def test_a_post_without_its_forms_token_is_refused(laptop):
    cookie, csrf = token(laptop)
    honest = {"Content_Type": FORM, "Cookie": cookie, "Origin": f"http://127.0.0.1:{laptop.port}"}
    for body in ("lang=en", "lang=en&csrf_token=made-up"):
        assert ask(laptop, "POST", "/language", body, **honest)[0] == 400
    honest.pop("Cookie")  # a token without its session
    assert ask(laptop, "POST", "/language", f"lang=en&csrf_token={csrf}", **honest)[0] == 400
    honest["Cookie"] = cookie
    assert ask(laptop, "POST", "/language", f"lang=en&csrf_token={csrf}", **honest)[0] == 302


def test_other_machines_cannot_connect(laptop):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            own = probe.getsockname()[0]
        except OSError:
            pytest.skip("this machine has no address but loopback")
    if own.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
        socket.create_connection((own, laptop.port), timeout=3)


# Demo accounts ---------------------------------------------------------------------------------


def test_demo_accounts_cannot_sign_in_once_the_database_is_no_demo(centre: ServedCentre) -> None:
    Staff(centre)
    centre.books.alter("UPDATE districts SET synthetic = 0")
    visitor = Visitor(centre.address)
    page = visitor.open("/sign-in")
    typed = {"no": "demo-community", "password": centre.world.password("demo-community")}
    with pytest.raises(PageError, match="403"):
        visitor.submit(page, page.form("no", "password"), typed)
    centre.stop()
    check_refused(centre_command("--data", str(centre.data), "--port", "0"), "演示账号", DISTRICT)
    check_refused(centre_command("join-code", "--data", str(centre.data), "--no", PERSONA))


def test_a_database_with_people_of_its_own_takes_no_demo_accounts(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "real"))
    worker = ("--no", "W1", "--name", "王小样", "--role", "worker", "--scope", "990101100009003")
    assert centre_command("add-user", *data, *worker).status == 0
    opened = open_centre(Settings(tmp_path / "real"))
    with opened.store.writing() as connection:
        made = [user.demo for user in [accounts.user_by_no(connection, opened.code, "W1")]]
    assert made == [False]
    with pytest.raises(Refusal, match="demo_outside"), opened.store.writing() as connection:
        accounts.add_user(
            connection, opened.code, no="demo-admin", name="周演练", role="admin",
            scope_codes=[opened.code], now=opened.clock(), password="long enough 2026", demo=True,
        )  # fmt: skip
    opened.store.close()
    check_refused(centre_command("demo-world", *data), DISTRICT)
    opened = open_centre(Settings(tmp_path / "real"))
    with opened.store.reading() as connection, pytest.raises(Refusal, match="unknown_user"):
        accounts.user_by_no(connection, opened.code, "demo-admin")
    opened.store.close()


# A stolen laptop -------------------------------------------------------------------------------

TYPED = {
    "findings": "老周的血压药只剩三天的量",
    "title": "车棚私拉电线充电",
    "text": "车棚北角有人用接线板给电动车充电",
    "place": "北门车棚最里面",
    "remarks": "钥匙在对门𠮷野家",
    "phone": "13866667777",
}


def test_a_stolen_laptops_files_tell_nothing_that_was_typed_or_fetched(
    centre: ServedCentre, new_worker: Callable[..., GridWorker]
) -> None:
    worker = new_worker()
    worker.visit_found("502", MET | {"findings": TYPED["findings"]})
    worker.report(ISSUE | {name: TYPED[name] for name in ("title", "text", "place")})
    household = worker.households("502")[1]
    worker.edit("household", household, {name: TYPED[name] for name in ("remarks", "phone")})
    page = worker.open("/visits")
    form = next(form for form in page.forms if ("purpose", "care") in form.fields)
    page = worker.visitor.submit(page, form, {})
    half = {"findings": "写到一半的草稿不能丢"}
    worker.visitor.submit(page, page.form("_revision", "_act"), half, "_act=keep")
    assert worker.sync().stage == "done"
    assert worker.sync().stage == "done"

    secrets = [*TYPED.values(), *half.values(), PASSPHRASE, "三号机", "W009003号机"]
    secrets += names_of(centre, "resident", 20) + names_of(centre, "compound", 3)
    check_nothing_told(worker.laptop.data, secrets)  # as it runs, with its WAL
    assert worker.laptop.data.joinpath("workers").exists()
    worker.laptop.stop()
    assert worker.laptop.command("backup").status == 0
    check_nothing_told(worker.laptop.data, secrets)
    # The name on the unlock page is the only thing that is told before unlocking.
    telling = [file for file in files(worker.laptop.data) if tells(file.read_bytes(), NAME)]
    assert {file.name for file in telling} == {"worker.json"}
    # The same search finds them where they are not encrypted.
    assert any(tells(file.read_bytes(), TYPED["findings"]) for file in files(centre.data))


def test_a_forgotten_passphrase_is_survived_and_a_guessed_one_is_slowed_down(
    new_worker: Callable[..., GridWorker],
) -> None:
    worker = new_worker()
    worker.report(ISSUE)
    before = worker.outbox()
    worker.laptop.stop()
    worker.laptop.start()

    page = worker.open("/unlock/recovery")
    form = page.form("recovery_key", "passphrase", "repeated")
    new = "新的口令 2026"
    typed = {"recovery_key": worker.recovery_key.lower(), "passphrase": new, "repeated": new}
    mistyped = typed | {"recovery_key": worker.recovery_key[:-1] + "?"}
    with pytest.raises(PageError, match="422"):
        worker.visitor.submit(page, form, mistyped)
    assert worker.visitor.submit(page, form, typed).path == "/"
    assert worker.outbox() == before

    worker.laptop.stop()
    worker.laptop.start()
    page = worker.open("/unlock")
    answers = []
    for guess in (PASSPHRASE, *(f"guess {number}" for number in range(6)), new):
        try:
            worker.visitor.submit(page, page.form("passphrase"), {"passphrase": guess})
        except PageError as error:
            answers.append(str(error)[-3:])
    assert len(answers) == 8  # while it waits, not even the right one opens
    assert answers[0] == "403"
    assert answers[-1] == "429"
    assert worker.open("/outbox").path == "/unlock"


def names_of(centre: ServedCentre, kind: str, count: int) -> list[str]:
    """Return names of records on the laptop."""
    rows = centre.books.rows(
        "SELECT fields FROM records WHERE kind = ? AND grid LIKE '990101100009003%' LIMIT ?",
        [kind, count],
    ) or centre.books.rows("SELECT fields FROM records WHERE kind = ? LIMIT ?", [kind, count])
    # Two characters may stand next to each other in encrypted bytes by chance.
    return [name for row in rows if len(name := json.loads(row["fields"])["name"]) > 2]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def check_nothing_told(folder: Path, secrets: list[str]) -> None:
    found = [
        (file.name, secret)
        for file in files(folder)
        for secret in secrets
        if tells(file.read_bytes(), secret)
    ]
    assert found == []


def tells(content: bytes, secret: str) -> bool:
    """Whether a file holds a text in any encoding somebody would try, or escaped as in JSON."""
    forms = [secret.encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be", "gb18030")]
    forms.append(json.dumps(secret)[1:-1].encode())
    return any(form in content for form in forms)
