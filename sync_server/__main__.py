"""``python -m sync_server``: joins the command line and the app."""

import sys

from sync_server.app import create_serving_app
from sync_server.cli.main import run

if __name__ == "__main__":
    sys.exit(run(None, create_serving_app))
