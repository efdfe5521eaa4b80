"""`python -m tests.docs`: write the generated pages."""

from tests.docs.pages import pages


def main() -> None:
    """Write each page; print its file."""
    for file, text in pages().items():
        file.write_text(text, encoding="utf-8")
        print(f"wrote {file}")


if __name__ == "__main__":
    main()
