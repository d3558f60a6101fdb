"""What every test may ask for: a PostgreSQL database, a page in a browser, an app on a port."""

import os
import shutil
from pathlib import Path

import pytest

pytest_plugins = ["tests.browser", "tests.postgres", "tests.quick"]


MEMORY = Path("/dev/shm")
ROOM = 4 * 2**30
"""Bytes a run may need for its files, with much to spare."""


def pytest_configure(config: pytest.Config) -> None:
    """Keep the files of tests in memory where there is room: they wait for a disk all the time."""
    chosen = config.option.basetemp or "PYTEST_DEBUG_TEMPROOT" in os.environ
    if not chosen and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the fixtures they take, so that `-m "not browser"` needs no bookkeeping."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "browser_page" in fixtures:
            item.add_marker("browser")
            # One worker, one Chromium: a second would only compete for the same cores.
            item.add_marker(pytest.mark.xdist_group("browser"))
            # A browser on a busy machine may miss its moment once; the summary tells of it.
            item.add_marker(pytest.mark.flaky(reruns=1))
        if "postgres_url" in fixtures:
            item.add_marker("postgres")
