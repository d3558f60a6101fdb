"""Rounds in which contenders take turns, and what is made of them: medians, ratios, one last line.

Shared machines change their speed by the minute. So nobody is measured alone: every round gives
each contender a short turn, in an order that moves on, and only figures of one run are compared.
"""

from __future__ import annotations

import json
import math
import os
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROUNDS, QUICK_ROUNDS = 5, 2
RESULTS = Path(__file__).resolve().parent / "results"
"""Where a run leaves its last line and its plot."""
Figures = dict[str, float]


def quick() -> bool:
    """Whether the caller asked for a short run (QUICK=1)."""
    return os.environ.get("QUICK") == "1"


def rounds_asked(asked: int | None = None) -> int:
    """Return how many rounds to run."""
    return asked or (QUICK_ROUNDS if quick() else ROUNDS)


def turns(names: Sequence[str], rounds: int) -> Iterable[tuple[int, str]]:
    """Yield (round, contender); whoever began the last round ends the next one."""
    for number in range(rounds):
        shift = number % len(names) if names else 0
        for name in (*names[shift:], *names[:shift]):
            yield number, name


def interleaved(
    names: Sequence[str], rounds: int, turn: Callable[[str], Figures]
) -> dict[str, Figures]:
    """Let every contender take its turn in each round; return the medians of its figures."""
    told: dict[str, list[Figures]] = {name: [] for name in names}
    for _, name in turns(names, rounds):
        told[name].append(turn(name))
    return {name: medians(all_) for name, all_ in told.items()}


def medians(rounds: Sequence[Mapping[str, float]]) -> Figures:
    """Return the median of each figure over the rounds that have it, and how far they spread.

    ``spread`` is the largest over the smallest of the first figure.
    """
    names = list(dict.fromkeys(name for figures in rounds for name in figures))
    found = {name: statistics.median(one[name] for one in rounds if name in one) for name in names}
    first = [one[names[0]] for one in rounds if names[0] in one]
    if min(first) > 0:
        found["spread"] = max(first) / min(first)
    found["rounds"] = len(rounds)
    return found


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which ``percent`` of them lie (nearest rank); NaN of none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def ratio(part: float | None, whole: float | None) -> float | None:
    """Return part / whole; None where either was not measured."""
    if part is None or not whole:
        return None
    return part / whole


def rounded(value: Any) -> Any:
    """Return figures with the digits that mean something, documents through and through."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return round(value, 3) if abs(value) < 100 else round(value)
    if isinstance(value, dict):
        return {str(name): rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return value


def judged(limits: Mapping[str, tuple[float | None, str, float]]) -> dict[str, Any]:
    """Judge figures against limits, ``{name: (figure, ">=" or "<=", limit)}``, and print them.

    A figure that could not be measured (None) is told and fails nothing.
    """
    told = {}
    for name, (figure, sense, limit) in limits.items():
        kept = None
        if figure is not None:
            kept = figure >= limit if sense == ">=" else figure <= limit
        word = {True: "kept", False: "MISSED", None: "not measured"}[kept]
        shown = "-" if figure is None else f"{figure:,.3g}"
        print(f"  {name:58} {shown:>9}  ({sense} {limit:g})  {word}")
        told[name] = {"figure": figure, "limit": f"{sense} {limit:g}", "kept": kept}
    return told


def last_line(bench: str, told: Mapping[str, Any], limits: Mapping[str, Any]) -> int:
    """Print the one JSON object a run ends with; return 1 when a limit was missed."""
    missed = [name for name, one in limits.items() if one["kept"] is False]
    figures = {"bench": bench, "ok": not missed, **told, "limits": dict(limits), "missed": missed}
    text = json.dumps(rounded(figures), ensure_ascii=False)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{bench}.json").write_text(text + "\n", encoding="utf-8")
    print(text, flush=True)
    return 1 if missed else 0
