"""What the properties stand on; modules depend on each other in this one direction:

releases < layer < cases < deviations, paths < compare < properties < laws < record, documentation
releases, layer, deviations < subject < report

copies, cells, wrappers, upstream, stateful, gradients, training, probes, slots and timing stand on
paths, and the properties of their subjects on them.
"""

import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Unusable(Exception):
    """Something that the user gave or has cannot be used; the message is one line for them."""


def read_toml(file: Path) -> dict:
    """What a file of our data holds; Unusable if it cannot be read."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Unusable(f"{file} cannot be read: {error}") from None
