"""Sphinx's configuration of the documentation: `make docs` builds it into build/docs, offline."""

from pathlib import Path

from sphinx.application import Sphinx

project = "Image synthesis: assignments and autograder"
html_title = "Image synthesis"
copyright = "the course's authors. The code is under the MIT licence"  # noqa: A001  Sphinx's name

# No extension for mathematics: the pages write formulas as plain text, and MathJax would have to be
# fetched by every reader.
extensions = ["myst_parser"]
myst_heading_anchors = 3  # links to headings, as a code-hosting page makes them
highlight_language = "text"  # for a fence without a language: it holds a command
smartquotes = False  # it would turn `--to` into a dash
html_theme = "furo"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False

HERE = Path(__file__).parent
RECORDS = sorted(path.stem for path in (HERE / "decisions").glob("[0-9]*.md"))
# The pages below each page that has a table of contents.
CONTENTS = {
    "index": [
        "student",
        "instructor",
        "writing",
        "judge",
        "attacks",
        "map",
        "commands",
        "decisions/README",
    ],
    "decisions/README": RECORDS,
}


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """Append a page's table of contents. In the file itself, other readers would show it as text."""
    if page in CONTENTS:
        source[0] += "\n```{toctree}\n:hidden:\n\n" + "\n".join(CONTENTS[page]) + "\n```\n"


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", add_contents)
