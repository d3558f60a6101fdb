"""What the README and the operator's page tell people to type exists, in both languages."""

from __future__ import annotations

import re
import shlex
from functools import cache
from urllib.parse import urlsplit

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map

from field_app.app import create_app as laptop_app
from field_app.cli import parser as laptop_parser
from field_app.services.desk import open_desk
from field_app.settings import DEFAULT_PORT
from field_app.settings import Settings as LaptopSettings
from schemas.exchange import API
from sync_server.app import create_app as centre_app
from sync_server.cli.main import parser as centre_parser
from sync_server.settings import DEFAULT_DATA, from_environment
from sync_server.settings import Settings as CentreSettings
from sync_server.web.large_bodies import IMPORT_BYTES, PATHS
from tests.test_architecture import ROOT, tracked

READMES = ["README.md", "README.zh-CN.md"]
COMMANDS = [*READMES, "docs/operations.md"]
PAGES = [*COMMANDS, "docs/architecture.md", "docs/PROTOCOL.md", "docs/decisions/README.md"]
PARSERS = {"field_app": laptop_parser, "sync_server": centre_parser}
MADE = (".demo/", ".venv/")
"""What the commands themselves make."""
OTHERS = {
    "ALTER", "DAILY", "FROM", "LIST", "MAINPID", "ONSTART", "PASSWORD", "RANDOM", "RESET", "SELECT",
    "SET", "SYSTEM",
}  # fmt: skip
"""Words of SQL, of systemd, of Windows' prompt, and what the reader fills in."""
FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TICKED = re.compile(r"`([^`\n]+)`")
ENDINGS = {"md", "py", "txt", "json", "toml", "csv", "png", "jpg", "svg", "in", "cfg"}


@cache
def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@cache
def files() -> set[str]:
    """Every file of the checkout and every folder, folders with a slash at the end."""
    names = {path.as_posix() for path in tracked()}
    folders = {f"{parent.as_posix()}/" for path in tracked() for parent in path.parents}
    return names | folders


def blocks(page: str) -> list[str]:
    """Return the lines of every fenced block, continued lines joined."""
    joined = (block.replace("\\\n", " ") for block in FENCE.findall(text_of(page)))
    return [line.strip() for block in joined for line in block.splitlines() if line.strip()]


def spans(page: str) -> list[str]:
    """Return what stands in back-ticks outside of blocks."""
    return TICKED.findall(FENCE.sub("", text_of(page)))


def typed(page: str) -> list[str]:
    """Return everything a reader may type."""
    return blocks(page) + spans(page)


# make ------------------------------------------------------------------------------------------


@cache
def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", text_of("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_named_exists(page):
    named = {word for line in typed(page) for word in re.findall(r"\bmake ([a-z][a-z-]*)", line)}
    assert named <= targets()


def test_the_readme_names_the_two_commands():
    for page in READMES:
        assert {"make demo", "make test"} <= set(blocks(page))


@pytest.mark.parametrize("page", COMMANDS)
def test_every_variable_named_is_read_somewhere(page):
    code = "".join(
        (ROOT / path).read_text(encoding="utf-8")
        for path in tracked("*.py", "Makefile", ".ci/*")
        if not path.as_posix().startswith("tests/")
    )
    named = {
        word for line in typed(page) for word in re.findall(r"\b[A-Z]{2,}_?[A-Z_]{2,}\b", line)
    }
    set_here = {word for line in blocks(page) for word in re.findall(r"^([A-Z_]+)=", line)}
    words = {"POST", "TOKEN", "JSON"} | OTHERS | set_here
    assert {name for name in named - words if name not in code} == set()


# python -m -------------------------------------------------------------------------------------


def program_lines(page: str) -> list[tuple[str, list[str]]]:
    """Return (module, arguments) of every ``python -m`` line, placeholders filled in."""
    found = []
    for line in typed(page):
        match = re.search(r"python -m (\w+)(.*?)( >> .*)?$", line)
        if match:
            filled = re.sub(r"://…", "://u@h/d", match[2]).replace("…", "990101100009003")
            filled = filled.replace("--role 990101100009003", "--role worker")
            found.append((match[1], shlex.split(filled)))
    return found


@pytest.mark.parametrize("page", COMMANDS)
def test_every_command_named_is_understood_by_its_program(page):
    lines = program_lines(page)
    assert lines
    for module, arguments in lines:
        if module in PARSERS:
            try:
                PARSERS[module]().parse_args(arguments)
            except SystemExit as end:
                pytest.fail(f"{module} {arguments}: {end}")
        else:
            assert module in {"demo", "mypy", "pytest", "ruff"}, module


@cache
def options() -> set[str]:
    """Every option and sub-command of both programs."""
    found: set[str] = set()
    for parser in PARSERS.values():
        top = parser()
        parsers = [top]
        for action in top._actions:
            if isinstance(action.choices, dict):
                found |= set(action.choices)
                parsers += action.choices.values()
        found |= {
            one for each in parsers for action in each._actions for one in action.option_strings
        }
    return found


@pytest.mark.parametrize("page", COMMANDS)
def test_every_option_named_in_passing_exists(page):
    named = {word for span in spans(page) for word in re.findall(r"(?<!\S)--[a-z][a-z-]*", span)}
    assert named <= options()


def test_every_command_of_both_programs_is_told_to_somebody():
    told = " ".join(line for page in (*COMMANDS, "docs/PROTOCOL.md") for line in typed(page))
    commands = {one for one in options() if not one.startswith("-")} - {"init"}
    silent = {one for one in commands if not re.search(rf"\b{one}\b", told)}
    # What is found by --help alone.
    assert silent <= {"change-passphrase", "demo-world"}


def test_every_locked_set_that_is_installed_exists():
    for page in READMES:
        named = re.findall(r"-r (\S+)", "\n".join(blocks(page)))
        assert named
        for name in named:
            assert name.replace("\\", "/") in files()


# Files -----------------------------------------------------------------------------------------


def looks_like_a_path(span: str) -> bool:
    if re.search(r"[\s<>*{}=…]|://|NNNN", span) or span.startswith(("/", "-", "@")):
        return False
    ending = span.rpartition(".")[2]
    return span.endswith("/") or ("/" in span and "." in span) or ending in ENDINGS


@pytest.mark.parametrize("page", PAGES)
def test_every_path_in_back_ticks_exists(page):
    paths = {span for span in spans(page) if looks_like_a_path(span)}
    known = files() | {name.rpartition("/")[2] for name in files()}
    suffixes = {"/".join(name.split("/")[start:]) for name in files() for start in range(4)}
    missing = {
        path
        for path in paths
        if path not in known | suffixes and not path.startswith(MADE) and path not in GIVEN
    }
    assert missing == set()


GIVEN = {"backups/", "batch.json", "demo.json", "epochs.json", "photos/"}
"""What the programs write beside the checkout."""


@pytest.mark.parametrize("page", READMES)
def test_the_folders_of_the_layout_exist(page):
    layout = re.findall(r"^    ([a-z_]+/) ", text_of(page), re.MULTILINE)
    assert {f"{name}/" for name in ("schemas", "field_app", "sync_server", "demo")} <= set(layout)
    assert set(layout) <= files()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    home = (ROOT / page).parent
    links = re.findall(r"\]\(([^)#]+)", text_of(page))
    targets_of_page = [(home / link).resolve() for link in links if "://" not in link]
    assert [str(target) for target in targets_of_page if not target.exists()] == []


@pytest.mark.parametrize("page", READMES)
def test_its_pictures_are_pictures(page):
    pictures = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", text_of(page))
    assert len(pictures) >= 2
    for words, name in pictures:
        assert words
        assert (ROOT / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n"), name


# Addresses -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def apps(tmp_path_factory) -> dict[int, Flask]:
    """The two apps by the port they have unless told otherwise."""
    folder = tmp_path_factory.mktemp("apps")
    settings = LaptopSettings(folder / "laptop")
    centre = centre_app(CentreSettings(folder / "centre"))
    return {
        CentreSettings().port: centre,
        DEFAULT_PORT: laptop_app(settings, open_desk(settings)),
    }


@pytest.mark.parametrize("page", READMES)
def test_every_address_shown_is_answered_by_its_program(page, apps):
    shown = set(re.findall(r"http://127\.0\.0\.1:\d+[^\s>`，。]*", text_of(page)))
    posted = {
        url for line in blocks(page) if "-X POST" in line for url in re.findall(r"http\S+", line)
    }
    assert posted
    for url in shown:
        parts = urlsplit(url)
        routes: Map = apps[parts.port].url_map
        method = "POST" if url in posted else "GET"
        try:
            routes.bind("127.0.0.1").match(parts.path or "/", method)
        except HTTPException as error:
            pytest.fail(f"{method} {url}: {error}")


@pytest.mark.parametrize("page", READMES)
def test_what_curl_gets_is_there(page, apps):
    lines = [line for line in blocks(page) if line.startswith("curl") and "POST" not in line]
    assert lines
    for line in lines:
        parts = urlsplit(shlex.split(line)[-1])
        answer = apps[parts.port].test_client().get(parts.path, base_url=f"http://{parts.netloc}")
        assert answer.status_code == 200, line


# Both languages --------------------------------------------------------------------------------


def test_both_languages_give_the_same_commands():
    assert FENCE.findall(text_of("README.md")) == FENCE.findall(text_of("README.zh-CN.md"))


def test_both_languages_have_the_same_sections_and_names():
    shapes = []
    for page in READMES:
        headings = re.findall(r"^#+ ", text_of(page), re.MULTILINE)
        names = sorted(span for span in set(spans(page)) if span.isascii())
        shapes.append((headings, names))
    assert shapes[0] == shapes[1]


def test_the_operators_page_names_the_centres_data_folder():
    named = re.search(r"`--data`, default `([^`]+)`", text_of("docs/operations.md"))
    assert named
    assert named[1] == DEFAULT_DATA.as_posix()


# The system's own files ------------------------------------------------------------------------


def test_what_the_system_starts_is_started_in_the_checkout() -> None:
    lines = blocks("docs/operations.md")
    unit = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z]\w+=", line))
    assert unit["ExecStart"].startswith(f"{unit['WorkingDirectory']}/.venv/bin/python -m ")
    assert unit["User"]
    settings = f"cd {unit['WorkingDirectory']} && set -a && . {unit['EnvironmentFile']}"
    [cron] = [line for line in lines if line.startswith("30 2 ")]
    assert f" {settings} && .venv/bin/python -m " in cron
    assert settings in lines  # what is typed by hand meets the same centre
    given = {line.partition("=")[0]: "x" for line in lines if line.startswith("GRIDROUNDS_")}
    assert {"data", "database_url", "district"} <= from_environment(given).keys()


def test_the_server_in_front_lets_through_what_the_centre_takes() -> None:
    [front] = [one for one in FENCE.findall(text_of("docs/operations.md")) if "server {" in one]
    assert re.search(r"^    client_max_body_size (\w+);", front, re.MULTILINE)[1] == (
        f"{IMPORT_BYTES >> 20}m"
    )
    place = re.search(r"location ~ (\S+) \{\n        client_max_body_size (\w+);", front)
    assert all(re.match(place[1], path) for path in PATHS)
    assert place[2] == f"{CentreSettings.relay_bytes >> 20}m"
    assert f"location {API}/photos {{" in front
    assert set(re.findall(r"proxy_pass (\S+);", front)) == {
        f"http://127.0.0.1:{CentreSettings.port}"
    }
    assert {"Host", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} == set(
        re.findall(r"proxy_set_header (\S+) ", front)
    )
