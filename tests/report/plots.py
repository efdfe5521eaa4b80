"""Plots as SVG (bytes). Their lines are told apart by marks and dashes, not by colour alone."""

import base64
import io

import matplotlib
import numpy as np

from tests.report.ledger import Curves, Series
from tests.report.table import Column

matplotlib.use("svg")
from matplotlib import pyplot

MARKERS = "os^vD<>pX*P"
DASHES = ("-", "--", ":", "-.")


def plot(columns: list[Column], series: Series, unit: str) -> bytes:
    """One numbered line for each series over the columns, on a logarithmic scale."""
    names = [c.name for c in columns if any(c.name in values for values in series.values())]
    legend_columns = 1 + len(series) // 12
    with pyplot.rc_context({"svg.fonttype": "none", "svg.hashsalt": unit}):
        figure, axes = pyplot.subplots(
            figsize=(max(4, 1 + 0.34 * len(names)) + 0.6 * legend_columns, 3.6),
            layout="constrained",
        )
        for i, values in enumerate(series.values()):
            at = [x for x, name in enumerate(names) if name in values]
            axes.plot(
                at,
                [values[names[x]] for x in at],
                marker=MARKERS[i % len(MARKERS)],
                linestyle=DASHES[i % len(DASHES)],
                label=str(i + 1),
            )
        axes.set_yscale("log")
        axes.set_ylabel(unit)
        axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", ncols=legend_columns, loc="upper left", bbox_to_anchor=(1, 1))
        return _svg(figure)


def time_against_length(found: Curves) -> bytes:
    """The points and the fit a + b T (seconds) of each, on logarithmic scales."""

    def line(x, fit):
        T = np.geomspace(x[0], x[-1])
        return T, (fit[0] + fit[1] * T) * 1e6

    return _curves(found, "steps", "microseconds", line)


def step_against_units(found: Curves) -> bytes:
    """The cost of a step of each, and the floor: what its two matrix products take at the rate of a
    large one."""
    curves = {name: [x, y, y] for name, (x, y, _) in found.items()}
    x, _, floor = max(found.values(), key=lambda curve: len(curve[0]))
    curves["floor"] = [x, floor, floor]
    return _curves(curves, "units", "microseconds a step", lambda x, y: (x, y))


def _curves(found: Curves, across: str, up: str, line) -> bytes:
    with pyplot.rc_context({"svg.fonttype": "none", "svg.hashsalt": across}):
        figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
        for i, (name, (x, y, more)) in enumerate(found.items()):
            axes.plot(x, y, MARKERS[i % len(MARKERS)], color=f"C{i}", label=name)
            axes.plot(*line(x, more), color=f"C{i}", linestyle=DASHES[i % len(DASHES)])
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
        return _svg(figure)


def data_url(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()


def _svg(figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    return out.getvalue()
