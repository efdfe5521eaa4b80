"""Plots as SVG. Their lines are told apart by marks and dashes, not by colour alone."""

import base64
import io

import matplotlib

from tests.report.ledger import Series
from tests.report.table import Column

matplotlib.use("svg")
from matplotlib import pyplot

MARKERS = "os^vD<>pX*P"
DASHES = ("-", "--", ":", "-.")


def plot(columns: list[Column], series: Series, unit: str) -> str:
    """One numbered line for each series over the columns, on a logarithmic scale: a data URL."""
    names = [c.name for c in columns if any(c.name in values for values in series.values())]
    with pyplot.rc_context({"svg.fonttype": "none", "svg.hashsalt": unit}):
        figure, axes = pyplot.subplots(
            figsize=(max(5.5, 2.5 + 0.34 * len(names)), 3.6), layout="constrained"
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
        axes.legend(
            fontsize="small", ncols=1 + len(series) // 12, loc="upper left", bbox_to_anchor=(1, 1)
        )
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
        pyplot.close(figure)
    return "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()
