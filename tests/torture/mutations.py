"""Bending requests: bytes, JSON values, names and shapes, headers, compressions."""

from __future__ import annotations

import copy
import gzip
import json
import random
import zlib
from collections.abc import Callable
from typing import Any

DEEP: Any = "x"
for _ in range(60):
    DEEP = [DEEP] if _ % 2 else {"a": DEEP}

JUNK: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**53, 2**53 + 1, -(2**63), 2**64, 10**40, 0.5, -0.0, 1e308,
    5e-324, "", " ", "\0", "0", "a" * 41, "0" * 64, "f" * 64, "\ud800", "x\udfff", "﷽" * 20,
    "e\u0301", "\u202e反", "𠮷" * 300, "990101100009003", "990101", "2026-11-22T17:31:04+08:00",
    "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00-14:00", "2026-02-30T00:00:00Z",
    "00000000-0000-0000-0000-000000000000", "create", "void", "step", "household", "constructor",
    "__proto__", "'; DROP TABLE changes; --", "%s%n", "../../etc/passwd", [], {}, [[]], [None],
    {"": ""}, {"add": {}, "remove": []}, {"add": {"x": {"y": 1}}}, [{}] * 3,
    {"a": {"b": {"c": []}}}, DEEP, ["x"] * 600,
)  # fmt: skip
NAMES = ("fields", "hash", "prev", "seq", "__class__", "", "\0", "acked_seq", "用", "constructor")
BYTES = (b"\0", b"{", b"}", b"[", b'"', b"\\", b"\\u0000", b"\\ud800", b"\xff", b"\xc3\x28", b",",
         b"1e999", b"NaN", b"-Infinity", b"\xef\xbb\xbf", b"null", b"9" * 400)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values inside a JSON value, the whole first."""
    found = [path]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += places(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            found += places(inner, (*path, number))
    return found


def bent(body: Any, rng: random.Random, times: int = 1) -> Any:
    """A copy with some values, names or shapes changed."""
    body = copy.deepcopy(body)
    for _ in range(times):
        path = rng.choice(places(body))
        if not path:
            return rng.choice(JUNK) if rng.random() < 0.1 else body
        at = body
        for step in path[:-1]:
            at = at[step]
        _SHAPES[rng.randrange(len(_SHAPES))](at, path[-1], rng)
    return body


def _junk(at: Any, key: Any, rng: random.Random) -> None:
    at[key] = copy.deepcopy(rng.choice(JUNK))


def _near(at: Any, key: Any, rng: random.Random) -> None:
    """A value of the same type, a little off."""
    value = at[key]
    if isinstance(value, bool) or value is None:
        at[key] = not value
    elif isinstance(value, int):
        at[key] = value + rng.choice((-1, 1, 2, 1000, 2**40))
    elif isinstance(value, str) and value:
        place = rng.randrange(len(value))
        at[key] = value[:place] + rng.choice("0af-日 ") + value[place + rng.randrange(2) :]
    else:
        _junk(at, key, rng)


def _drop(at: Any, key: Any, rng: random.Random) -> None:
    del at[key]


def _add(at: Any, key: Any, rng: random.Random) -> None:
    value = copy.deepcopy(rng.choice(JUNK))
    if isinstance(at, dict):
        at[rng.choice(NAMES)] = value
    else:
        at.insert(key, value)


def _again(at: Any, key: Any, rng: random.Random) -> None:
    """The same thing once more, or elsewhere."""
    if isinstance(at, list):
        at.append(copy.deepcopy(at[key]))
    else:
        at[rng.choice(list(at))] = copy.deepcopy(at[key])


def _wrap(at: Any, key: Any, rng: random.Random) -> None:
    at[key] = rng.choice(([at[key]], {"value": at[key]}, str(at[key]), json.dumps(at[key])))


_SHAPES: tuple[Callable[[Any, Any, random.Random], None], ...] = (
    _junk, _junk, _near, _near, _drop, _add, _again, _wrap,
)  # fmt: skip


def torn(data: bytes, rng: random.Random) -> bytes:
    """The bytes with a few of them changed, lost, doubled, moved or added."""
    content = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5, 30))):
        if not content:
            break
        at = rng.randrange(len(content))
        match rng.randrange(6):
            case 0:
                content[at] ^= 1 << rng.randrange(8)
            case 1:
                del content[at : at + rng.choice((1, 1, 8, 200))]
            case 2:
                content[at:at] = rng.choice(BYTES)
            case 3:
                content[at:at] = content[at : at + rng.randrange(1, 300)]
            case 4:
                del content[at:]
            case _:
                content[at : at + 4] = rng.randbytes(4)
    return bytes(content)


def written(body: Any) -> bytes:
    """JSON as a careless client writes it, lone surrogates and all."""
    return json.dumps(body).encode()


def _gzip_twice(data: bytes) -> bytes:
    return gzip.compress(gzip.compress(data, 1), 1)


_BOMB = gzip.compress(bytes(8 * 1024 * 1024), 9)
_BOMBS = (_BOMB, gzip.compress(_BOMB * 40, 9), gzip.compress(b"[" * 900_000, 9),
          gzip.compress(b'{"a":' * 180_000, 9))  # fmt: skip


def disguised(data: bytes, rng: random.Random) -> tuple[bytes, dict[str, str]]:
    """The same bytes in other clothes: compressed, a bomb, another type, a wrong length."""
    match rng.randrange(10):
        case 0:
            return gzip.compress(data, 1), {"Content-Encoding": "gzip"}
        case 1:
            return torn(gzip.compress(data, 1), rng), {"Content-Encoding": "gzip"}
        case 2:
            return rng.choice(_BOMBS), {"Content-Encoding": "gzip"}
        case 3:
            return _gzip_twice(data), {"Content-Encoding": rng.choice(("gzip", "gzip, gzip"))}
        case 4:
            return zlib.compress(data), {"Content-Encoding": rng.choice(("deflate", "gzip", "br"))}
        case 5:
            kinds = ("text/plain", "", "application/xml", "multipart/form-data; boundary=x",
                     "application/x-www-form-urlencoded", "application/json; charset=utf-16",
                     "application/json;;;", "\xff")  # fmt: skip
            return data, {"Content-Type": rng.choice(kinds)}
        case 6:
            lengths = ("0", "", "-1", "x", str(len(data) - 7), str(len(data) + 99), "9" * 30)
            return data, {"Content-Length": rng.choice(lengths)}
        case 7:
            tokens = ("", "Bearer", "Bearer x", "Basic eDp4", "Bearer " + "a" * 9000, "bearer \xff",
                      f"Bearer 990101.{'A' * 43}")  # fmt: skip
            return data, {"Authorization": rng.choice(tokens)}
        case 8:
            hosts = ("evil.example", "", "127.0.0.1:x", "[::1", "localhost\0")
            return data, {"Host": rng.choice(hosts)}
        case _:
            return data, {"Transfer-Encoding": "chunked", "Content-Length": ""}
