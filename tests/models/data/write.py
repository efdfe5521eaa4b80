"""Write the files that newer releases must read: `python -m tests.models.data.write`.

Run it from the root of the project, in an environment of the release whose files are to be kept. It
writes one archive, named by the release of Keras, beside this script.
"""

import contextlib
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.harness.probes.processes.whole_models import model_case, save
from tests.harness.target.releases import KERAS

FOLDER = Path(__file__).parent
WAYS = ("keras", "h5", "weights")
MODELS = ("embedding", "custom-cell")

CASE = model_case(seed=0, number=0, batch=4, time=4, features=2, units=3)
"""The weights of every file, and the inputs that it is read with. Not to be changed: the files
hold these weights."""


def write() -> Path:
    """Save each model in each way, and return the archive of what was saved."""
    archive = FOLDER / f"keras-{KERAS}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as files:
        for way in WAYS:
            for model in MODELS:
                with tempfile.TemporaryDirectory() as folder:
                    save(way, model, CASE, folder)
                    (file,) = Path(folder).iterdir()
                    files.write(file, f"{way}/{model}/{file.name}")
    return archive


def releases() -> list[str]:
    """Return the releases of Keras that have an archive."""
    return [file.stem.removeprefix("keras-") for file in sorted(FOLDER.glob("keras-*.zip"))]


@contextlib.contextmanager
def unpacked(release: str, way: str, model: str) -> Iterator[str]:
    """Give a folder with what that release saved of a model."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(FOLDER / f"keras-{release}.zip") as files:
            for name in files.namelist():
                if name.startswith(f"{way}/{model}/"):
                    Path(folder, Path(name).name).write_bytes(files.read(name))
        yield folder


if __name__ == "__main__":
    print(write())
