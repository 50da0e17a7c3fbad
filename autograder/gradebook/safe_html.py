"""Notebook pages for a browser, in which nothing that a student wrote can run.

nbconvert's own sanitizing leaves out the cells that nbgrader's templates render themselves (a student's
Markdown), and allows no headings, paragraphs or table heads. These two take the places of its filters of
the same names. Formulas become MathML, so that the pages need no script and no network for them.
"""

import re
import secrets
from collections.abc import Callable
from functools import lru_cache

import bleach
from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from autograder.gradebook.formulas import as_mathml, as_source

TEXT = {"a", "abbr", "b", "br", "code", "del", "em", "i", "kbd", "q", "s", "samp", "small", "span", "strong"}
BLOCKS = {"blockquote", "details", "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "p", "pre", "summary"}
LISTS = {"dd", "dl", "dt", "li", "ol", "ul"}
TABLES = {"caption", "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
TAGS = TEXT | BLOCKS | LISTS | TABLES | {"figcaption", "figure", "img", "sub", "sup"}
# Pasted pictures only: one from elsewhere would tell that server who looks at the page, and when.
PICTURE = re.compile(r"data:image/(png|jpeg|gif);base64,[A-Za-z0-9+/=\s]*$", re.IGNORECASE)

# A tag as it is after cleaning: what is in quotes may hold anything.
TAG = r"""<(?:[^<>"']|"[^"]*"|'[^']*')*>"""

REMEMBERED = 20_000  # characters: no student's megabytes stay in memory


class Clean(str):
    """HTML that has been cleaned, and has formulas in it since."""

    __slots__ = ()


def clean_html(html: object) -> str:
    """HTML with the tags of prose, tables and pictures; everything else is shown as text."""
    if isinstance(html, Clean):
        return html
    text = html.decode() if isinstance(html, bytes) else str(html)
    return _clean(text) if len(text) < REMEMBERED else _clean.__wrapped__(text)


# Most of a page is the same for every student of a class, and cleaning is the slowest part of making it.
@lru_cache(maxsize=2048)
def _clean(text: str) -> str:
    return bleach.clean(
        text, tags=TAGS, attributes=_is_harmless, protocols=["http", "https", "mailto", "data"]
    )


def _is_harmless(tag: str, name: str, value: str) -> bool:
    if name == "src":
        return tag == "img" and PICTURE.match(value.strip()) is not None
    if name == "href":
        return tag == "a" and not value.strip().lower().startswith("data:")
    # No id: the formgrader finds its fields by theirs.
    return name in ("class", "title", "alt", "width", "height", "align", "colspan", "rowspan", "open")


@pass_context
def markdown2html(context: Context, markdown: str) -> str:
    """Markdown, with its mathematics and pasted pictures, as harmless HTML."""
    attachments = context.get("cell", {}).get("attachments", {})
    if attachments or len(markdown) > REMEMBERED:
        return _render(markdown, attachments)
    return _rendered(markdown)


@lru_cache(maxsize=2048)
def _rendered(markdown: str) -> Clean:
    return _render(markdown, {})


def _render(markdown: str, attachments: dict) -> Clean:
    renderer = FormulasAside(attachments)
    html = clean_html(MarkdownWithMath(renderer=renderer).render(markdown))
    return Clean(renderer.with_formulas(html))


class FormulasAside(IPythonRenderer):
    """Keeps the formulas out of the HTML until it is clean: there is a mark in the place of each."""

    def __init__(self, attachments: dict) -> None:
        super().__init__(escape=False, attachments=attachments, exclude_anchor_links=True)
        self.mark = f"formula{secrets.token_hex(16)}n"  # nobody can write one
        self.formulas: list[tuple[str, bool]] = []

    def block_math(self, body: str) -> str:
        """A formula on a line of its own."""
        return self._aside(body, display=True)

    def inline_math(self, body: str) -> str:
        """A formula in the text."""
        return self._aside(body, display=False)

    def latex_environment(self, name: str, body: str) -> str:
        """An environment, as `align`."""
        return self._aside(f"\\begin{{{name}}}{body}\\end{{{name}}}", display=True)

    def _aside(self, latex: str, *, display: bool) -> str:
        self.formulas.append((latex, display))
        return f"{self.mark}{len(self.formulas) - 1}x"

    def with_formulas(self, html: str) -> str:
        """The clean HTML with MathML in the place of each mark; in an attribute, with the source."""
        mark = re.compile(f"{self.mark}(\\d+)x")

        def put_back(found: re.Match) -> str:
            if found[0].startswith("<"):
                return mark.sub(lambda inside: self._back(inside, as_source), found[0])
            return self._back(found, as_mathml)

        return re.sub(f"{TAG}|{mark.pattern}", put_back, html) if self.formulas else html

    def _back(self, found: re.Match, as_html: Callable[..., str]) -> str:
        latex, display = self.formulas[int(found[1])]
        return as_html(latex, display=display)
