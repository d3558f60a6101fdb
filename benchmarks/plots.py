"""Plots of cost against work done, as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.rounds import RESULTS as RESULTS

Points = Sequence[tuple[float, float]]
MARKS = "os^Dv*Px"


def pictures(count: int, title: str) -> tuple[plt.Figure, list[Axes]]:
    """Return a figure with so many axes side by side."""
    figure, axes = plt.subplots(1, count, figsize=(6.2 * count, 4.4), layout="constrained")
    figure.suptitle(title, fontsize=11)
    return figure, list(axes) if count > 1 else [axes]


def lines(
    axes: Axes,
    told: Mapping[str, Points],
    *,
    x: str,
    y: str,
    title: str,
    log_x: bool = True,
    log_y: bool = False,
) -> None:
    """Draw a line for each name through its (work, cost) points."""
    for mark, (name, points) in zip(MARKS * 3, told.items(), strict=False):
        if points:
            across, up = zip(*sorted(points), strict=True)
            axes.plot(across, up, marker=mark, markersize=5, linewidth=1.4, label=name)
    if log_x:
        axes.set_xscale("log")
    if log_y:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title, fontsize=10)
    axes.grid(True, which="major", alpha=0.3)
    if told:
        axes.legend(fontsize=8)


def bars(axes: Axes, told: Mapping[str, Mapping[str, float]], *, x: str, title: str) -> None:
    """Draw a bar for each name, its parts one after the other."""
    names = list(told)
    left = [0.0] * len(names)
    for part in dict.fromkeys(part for parts in told.values() for part in parts):
        widths = [told[name].get(part, 0.0) for name in names]
        axes.barh(names, widths, left=left, label=part)
        left = [one + wide for one, wide in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel(x)
    axes.set_title(title, fontsize=10)
    axes.grid(True, axis="x", alpha=0.3)
    axes.legend(fontsize=8)


def save(figure: plt.Figure, path: Path) -> None:
    """Write the figure and say where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
    print(f"plot: {shown(path)}")


def shown(path: Path) -> str:
    """Return a path as it is seen from where the command was given."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)
