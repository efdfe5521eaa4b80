"""The README's tables are those of the suite.

To write them anew: `python -m tests.selftest.test_readme`.
"""

from pathlib import Path

import pytest

from tests.harness import deviations
from tests.harness.properties import all_properties

README = Path(__file__).parents[2] / "README.md"


def properties_table() -> str:
    rows = ["| property | on | sentence of the documentation |", "|---|---|---|"]
    for name, prop in all_properties().items():
        words = name.removeprefix("test_").replace("_", " ")
        paths = ", ".join(map(str, prop.on))
        rows.append(
            f"| {words} | {paths} | {prop.source}: {prop.sentence.replace('|', '&#124;')} |"
        )
    return "\n".join(rows)


def deviations_table() -> str:
    rows = [
        "| id | releases | what the documentation says | instead | upstream |",
        "|---|---|---|---|---|",
    ]
    for d in deviations.load():
        rows.append(f"| {d.id} | {d.bounds} | {d.sentence} | {d.departs} | {d.upstream} |")
    return "\n".join(rows)


TABLES = {"properties": properties_table, "deviations": deviations_table}


def with_tables(text: str) -> str:
    for name, table in TABLES.items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, rest = text.split(start)
        text = f"{before}{start}\n{table()}\n{end}{rest.split(end)[1]}"
    return text


@pytest.mark.parametrize("name", TABLES)
def test_the_readme_has_the_table_of_today(name):
    assert TABLES[name]() in README.read_text(encoding="utf-8")


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
