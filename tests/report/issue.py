"""`python -m tests.report issue ID`: a deviation in the form of an upstream bug report."""

import platform
from importlib import metadata

from tests.harness.knowledge.deviations import Deviation, load

PACKAGES = ("tensorflow", "tensorflow-cpu", "tf-nightly", "keras", "tf-keras", "numpy")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages that matter, by name."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def find(name: str) -> Deviation:
    """Return the deviation of that id; raise LookupError, naming similar ids, if there is none."""
    known = {deviation.id: deviation for deviation in load()}
    if name in known:
        return known[name]
    similar = [other for other in known if set(name.split("-")) & set(other.split("-"))]
    hint = f"; similar ids: {', '.join(sorted(similar)[:5])}" if similar else ""
    raise LookupError(f"no deviation has the id {name}{hint}; see tests/docs/DEVIATIONS.md")


def text(deviation: Deviation) -> str:
    """Return the report as Markdown, with the versions of this environment."""
    lines = [
        f"**Title**: {deviation.departs[:1].upper()}{deviation.departs[1:]}",
        "",
        "**Versions**: " + ", ".join(f"{name} {v}" for name, v in versions().items()),
        "",
        "**What the documentation says**",
        "",
        f"> {deviation.sentence}",
        "",
        "**Script**",
        "",
        "```python",
        deviation.script.strip(),
        "```",
        "",
        "**Expected output**",
        "",
        "```",
        deviation.documented.strip(),
        "```",
        "",
        "**Actual output**",
        "",
        "```",
        deviation.shows.strip(),
        "```",
        "",
        f"**Releases**: {deviation.bounds}. **Known upstream**: {deviation.upstream}.",
    ]
    if not deviation.promised:
        lines += ["", f"**Note**: {deviation.reading}"]
    return "\n".join(lines)
