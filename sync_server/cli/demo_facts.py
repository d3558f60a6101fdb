"""What the command says of a demo world it has built."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sync_server.services.demo_accounts import Account


def print_world(facts: dict[str, Any], accounts: Sequence[Account], *, as_json: bool) -> None:
    """Print the facts and who can sign in, for people or as one line of JSON."""
    if as_json:
        facts["accounts"] = [
            {"no": one.no, "name": one.name, "role": one.role, "password": one.password}
            for one in accounts
        ]
        print(json.dumps(facts, ensure_ascii=False))
        return
    for kind, count in facts["records"].items():
        print(f"{kind:22} {count:>8,}")
    for one in accounts:
        print(f"{one.role:12} {one.no}  {one.password}")
