"""Sphinx's configuration of the documentation: `make docs` builds it into build/docs, offline."""

from pathlib import Path

from sphinx.application import Sphinx

project = "Image synthesis: assignments and autograder"
html_title = "Image synthesis"
copyright = "the course's authors. The code is under the MIT licence"

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

PAGES = ["student", "instructor", "writing", "judge", "attacks", "benchmark", "map", "commands"]
RECORDS = sorted(path.stem for path in (Path(__file__).parent / "decisions").glob("[0-9]*.md"))
CONTENTS = {"index": [*PAGES, "decisions/README"], "decisions/README": RECORDS}


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """Append a page's table of contents, which would be shown as text outside of the site."""
    if page in CONTENTS:
        entries = "\n".join(CONTENTS[page])
        source[0] += f"\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", add_contents)
