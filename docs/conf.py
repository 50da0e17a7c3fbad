"""Sphinx's configuration of the documentation: `make docs` builds it into build/docs, without a
network.
"""

from sphinx.application import Sphinx

project = "Image synthesis: assignments and autograder"
html_title = "Image synthesis"
copyright = "the course's authors. The code is under the MIT licence"  # noqa: A001  Sphinx's name for it

# No extension for mathematics: what the pages name of the lecture's formulas is plain text, and
# MathJax would be fetched by every reader.
extensions = ["myst_parser"]
myst_heading_anchors = 3  # links to headings, as a code-hosting page makes them
highlight_language = "text"  # of what is in a fence without a name: a command
smartquotes = False  # of `--to` it would make a dash
html_theme = "furo"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False

PAGES = ["student", "instructor", "writing", "judge", "attacks", "map", "commands"]


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """Put the table of contents below the first page; in its file, it would be shown as text
    elsewhere.
    """
    if page == "index":
        source[0] += "\n```{toctree}\n:hidden:\n\n" + "\n".join(PAGES) + "\n```\n"


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", add_contents)
