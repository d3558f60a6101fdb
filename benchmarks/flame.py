"""A flame graph of the exchange: where the centre's processes spend their time while they take in.

`python -m benchmarks.flame --to docs/images/exchange-flame.svg [--seconds 8]`

py-spy looks at gunicorn's workers from outside, fifty times a second, while eight clients send.
What runs compiled is not seen from there, so that the centre runs as it is written.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

from benchmarks.contenders import CLIENTS, our_centre
from benchmarks.servers import ROOT, workplace
from sync_server import compiled

RATE = 50
TITLE = "The exchange: the centre's workers taking in batches of 100 changes"


def main() -> int:
    """Record and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--to", type=Path, required=True, metavar="FILE.svg")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--folder", type=Path, help="where to work")
    asked = parser.parse_args()
    os.environ[compiled.VARIABLE] = "0"
    with (
        workplace("flame", asked.folder) as (folder, postgresql, _),
        our_centre("ours", folder, postgresql) as ours,
    ):
        ours.turn(100, 1.0)
        drawn = folder / "flame.svg"
        spy = Path(sys.executable).with_name("py-spy")
        command = [str(spy), "record", "--pid", str(ours.server.pid), "--subprocesses",
                   "--rate", str(RATE), "--duration", str(asked.seconds), "--format",
                   "flamegraph", "--output", str(drawn)]  # fmt: skip
        watch = threading.Thread(target=subprocess.run, args=(command,), kwargs={"check": False})
        # Preparing takes time of its own: the watch begins when the sending does.
        work = ours.prepare(100, max(1, round(ours.rate * asked.seconds / 100 / CLIENTS)))
        watch.start()
        _, figures = ours.measure(work, float(asked.seconds))
        watch.join()
        print(f"{figures['records_s']:,.0f} records/s while watched")
        asked.to.write_text(plain(drawn.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"flame graph: {asked.to}")
    return 0


def plain(svg: str) -> str:
    """Return the picture without the machine's own paths: modules are named from their package."""
    svg = re.sub(r">[^<>]*py-spy record [^<>]*<", f">{TITLE}<", svg)
    svg = svg.replace(f"{ROOT.as_posix()}/", "")
    svg = re.sub(r"/[^\s&<>\"():]*/site-packages/", "", svg)
    svg = re.sub(r"/[^\s&<>\"():]*/lib/python3\.\d+/", "", svg)
    # Drawn on a narrow bar it is cut short, without the quotation mark at its end.
    return re.sub(r"process \d+:&quot;[^&<]*(&quot;)?|process \d+:\"[^\"<]*\"?", "worker", svg)


if __name__ == "__main__":
    raise SystemExit(main())
