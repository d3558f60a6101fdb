"""Serving with several processes, by gunicorn: started anew and ended without a request lost.

HUP starts the workers anew: the old ones go on serving until the new ones have opened the centre.
TERM ends them. Both let a worker answer what it has begun.
"""

from __future__ import annotations

import gc
import os
import select
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from flask import Flask

TIMEOUT_S, GRACE_S = 120, 30
OPENING_S = 60.0
"""So long new workers are waited for before the old ones are ended all the same."""
SWITCH_S = 0.001
"""So long a thread computes on while another wants to. Whoever has a district's turn asks the
database a dozen times; after each answer he would wait for up to five times as long as this."""
WORKER_FAILED = 255
"""The exit status of a worker that failed after it had begun to serve, as gunicorn's own."""
OPENED = "gridrounds_opened"
"""Under this name a worker has the pipe on which it tells that it can serve."""


def serve(
    make_app: Callable[[], Flask], listener: socket.socket, *, workers: int, threads: int
) -> None:
    """Serve on a bound socket until told to end; every worker makes an app of its own."""
    from gunicorn.app.base import BaseApplication
    from gunicorn.arbiter import Arbiter
    from gunicorn.glogging import Logger
    from gunicorn.workers.gthread import ThreadWorker

    sys.setswitchinterval(SWITCH_S)
    options: dict[str, Any] = {
        "bind": f"fd://{listener.detach()}",  # gunicorn closes it, in every process
        "workers": workers,
        "threads": threads,
        "timeout": TIMEOUT_S,
        "graceful_timeout": GRACE_S,
        "pre_fork": _before_fork,
        "post_worker_init": _tell_opened,
        "child_exit": _forget_figures,
        # Two servers of one user would share a control socket in his home.
        "control_socket_disable": True,
    }

    class Passing(Logger):  # type: ignore[misc]
        """Hands gunicorn's own lines to the program's log."""

        def setup(self, cfg: Any) -> None:
            """Keep no handler of its own."""
            self.error_log.propagate = True
            self.error_log.handlers = []

    class Worker(ThreadWorker):  # type: ignore[misc]
        """Ends with a line of the program's log, where gunicorn would print the error as it is: a
        database's may quote somebody's row."""

        def init_process(self) -> None:
            """Open the centre and serve."""
            try:
                super().init_process()
            except Exception:
                self.log.exception("a worker failed")
                sys.exit(WORKER_FAILED if self.booted else Arbiter.WORKER_BOOT_ERROR)

    class Rolling(Arbiter):  # type: ignore[misc]
        """Ends old workers only when as many new ones can serve."""

        def manage_workers(self) -> None:
            """Keep the number of workers."""
            if len(self.WORKERS) > self.num_workers:
                newest = sorted(self.WORKERS.values(), key=lambda one: one.age)
                _wait_until_opened(newest[-self.num_workers :])
            super().manage_workers()

    class Application(BaseApplication):  # type: ignore[misc]
        """gunicorn with our settings and nothing from its own files or the environment."""

        def load_config(self) -> None:
            """Set them."""
            classes = {"logger_class": Passing, "worker_class": Worker}
            for name, value in (options | classes).items():
                self.cfg.set(name, value)

        def load(self) -> Flask:
            """Make the app in the worker."""
            return make_app()

        def run(self) -> None:
            """Serve."""
            Rolling(self).run()

    Application().run()


def _before_fork(server: Any, worker: Any) -> None:
    setattr(worker, OPENED, os.pipe())


def _tell_opened(worker: Any) -> None:
    # What is there by now stays: looking through it again whenever a page has read many rows is a
    # good part of what such a page costs.
    gc.collect()
    gc.freeze()
    os.write(getattr(worker, OPENED)[1], b"1")


def _wait_until_opened(workers: list[Any]) -> None:
    """Wait for workers that were just started; for one that cannot open, as long as is sensible."""
    deadline = time.monotonic() + OPENING_S
    for worker in workers:
        left = max(deadline - time.monotonic(), 0)
        select.select([getattr(worker, OPENED)[0]], [], [], left)


def _forget_figures(server: Any, worker: Any) -> None:
    """Let go of what a worker that ended had open here, and of its part in the figures."""
    from prometheus_client.multiprocess import mark_process_dead

    for end in getattr(worker, OPENED):
        os.close(end)
    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
