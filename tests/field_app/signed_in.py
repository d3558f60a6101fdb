"""A laptop with the small grid whose worker is signed in at a browser."""

from __future__ import annotations

from collections.abc import Callable

from jinja2.bccache import Bucket, BytecodeCache

from tests.field_app.laptops import Laptop
from tests.field_app.small_grid import fill


class _Compiled(BytecodeCache):
    """Keeps compiled templates: every test makes an app of its own from the same ones."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


COMPILED = _Compiled()


def sign_in(laptop: Laptop, spell: Callable[[str], str] = str) -> Laptop:
    """Fill a laptop with the small grid and sign its worker in; ``spell`` writes the texts."""
    laptop.app.jinja_env.bytecode_cache = COMPILED
    fill(laptop.ws.db, spell)
    laptop.browser.unlock()
    return laptop
