"""``python -m sync_server``: joins the command line and the app."""

import sys

from schemas.plain_logs import tell_uncaught
from sync_server.app import create_serving_app
from sync_server.cli.main import run

if __name__ == "__main__":
    tell_uncaught()
    sys.exit(run(None, create_serving_app))
