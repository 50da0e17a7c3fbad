"""What a student wrote, as HTML in which nothing can run, and which nothing can break.

nbconvert's own sanitizing leaves out the cells that nbgrader's templates render themselves (a
student's Markdown), and allows no headings, paragraphs or table heads. The filters here replace its
filters of the same names. Formulas become MathML, so that the pages need no script and no network
for them.

Each filter has a limit on its input, because the parsers behind it need time that grows with the
square of the length, and each returns escaped text when a parser fails. So a page always arrives.
"""

import html as entities
import re
import secrets
from collections.abc import Callable
from functools import lru_cache, partial
from html import escape
from typing import Any
from urllib.parse import unquote

import bleach
from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert.filters import Highlight2HTML
from nbconvert.filters import ansi2html as ansi_to_html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.token import STANDARD_TYPES  # type: ignore[import-untyped]  # has no annotations

from autograder.feedback.mathml import as_mathml, as_source

TEXT = {
    "a",
    "abbr",
    "b",
    "br",
    "code",
    "del",
    "em",
    "i",
    "kbd",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strong",
}
BLOCKS = {
    "blockquote",
    "details",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "p",
    "pre",
    "summary",
}
LISTS = {"dd", "dl", "dt", "li", "ol", "ul"}
TABLES = {"caption", "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
TAGS = TEXT | BLOCKS | LISTS | TABLES | {"figcaption", "figure", "img", "sub", "sup"}
# No id: the formgrader finds its fields by theirs.
ATTRIBUTES = {
    "title",
    "alt",
    "width",
    "height",
    "align",
    "colspan",
    "rowspan",
    "open",
    "role",
    "aria-label",
}
# Pasted pictures only: one from elsewhere would tell that server who looks at the page, and when.
PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*$", re.IGNORECASE)
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+")
PICTURE_KINDS = ("image/png", "image/jpeg", "image/gif", "image/webp")
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
LINKS = ("http", "https", "mailto")
IGNORED_IN_LINKS = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\ufeff]")
# The colours of code. Any other class could be one of the page's own, such as a table of points.
CODE_CLASSES = {name for name in STANDARD_TYPES.values() if name} | {"highlight", "hll"}
CHECKBOX = re.compile(
    r"""<input\b([^<>]{0,200}?\btype\s*=\s*["']?checkbox\b[^<>]{0,200})>""", re.IGNORECASE
)
CHECKED = re.compile(r"\bchecked\b", re.IGNORECASE)
BOXES = {
    True: '<span role="img" aria-label="done" title="done">☑</span>',
    False: '<span role="img" aria-label="to do" title="to do">☐</span>',
}

# A tag as it is after cleaning: what is in quotes may hold anything.
TAG = r"""<(?:[^<>"']|"[^"]*"|'[^']*')*>"""

REMEMBERED = 20_000  # characters: no student's megabytes stay in memory
# Characters that one cell may have
FORMATTED = 20_000  # as Markdown, or as code in colour; more is shown as plain text,
SHOWN = 100_000  # up to this,
HTML = 200_000  # and as HTML.
ON_ONE_PAGE = 1_000_000  # characters of Markdown are formatted
WORD = 2_000  # characters without a space: no code, and slow to colour


class Clean(str):
    """HTML that has been cleaned, and has formulas in it since."""

    __slots__ = ()


def never_failing(as_html: Callable[[str], str], text: str) -> str:
    """`text` as HTML, or as escaped plain text where that fails."""
    try:
        return as_html(text)
    except Exception:  # a parser's, on what no one foresaw: also RecursionError
        return plain(text, "This could not be formatted.")


def plain(text: str, note: str = "", limit: int = SHOWN) -> Clean:
    """Text as it was written, escaped, up to a limit; with a note above it."""
    said = f'<p class="cut">{escape(note)}</p>' if note else ""
    return Clean(f"{said}<pre>{escape(text[:limit])}</pre>{cut_note(len(text), limit)}")


def cut_note(length: int, limit: int) -> str:
    """A paragraph that says that a text was cut; empty if it was not."""
    if length <= limit:
        return ""
    return f'<p class="cut">[Cut here: {limit:,} of {length:,} characters are shown.]</p>'


# --------------------------------------------------------------------------------------------- HTML


def clean_html(html: object) -> str:
    """HTML with the tags of prose, tables and pictures; everything else is shown as text."""
    if isinstance(html, Clean):
        return html
    text = html.decode(errors="replace") if isinstance(html, bytes) else str(html)
    if len(text) > HTML:
        return plain(text, "This is too long to be shown as HTML.")
    return never_failing(_clean if len(text) < REMEMBERED else _clean.__wrapped__, text)


# Most of a page is the same for every student of a class, and cleaning is the slowest part of
# making it.
@lru_cache(maxsize=2048)
def _clean(text: str) -> str:
    return _bleached(text, _is_harmless)


def clean_ours(html: str) -> str:
    """The same for the judge's own tables, which keep the classes that give them their looks."""
    return _bleached(
        html, lambda tag, name, value: name == "class" or _is_harmless(tag, name, value)
    )


def _bleached(text: str, attributes: Callable[[str, str, str], bool]) -> str:
    return bleach.clean(text, tags=TAGS, attributes=attributes, protocols=[*LINKS, "data"])


@pass_context
def clean_output(context: Context, html: object) -> str:
    """`clean_html` as a template filter. The HTML of a task's checks is the judge's and stays."""
    told = context.get("cell", {}).get("metadata", {}).get("nbgrader", {})
    if (
        told.get("grade")
        and not told.get("solution")
        and isinstance(html, str)
        and len(html) <= HTML
    ):
        return never_failing(clean_ours, html)
    return clean_html(html)


def _is_harmless(tag: str, name: str, value: str) -> bool:
    if name == "src":
        return tag == "img" and PICTURE.match(value.strip()) is not None
    if name == "href":
        return tag == "a" and is_link(value)
    if name == "class":
        return set(value.split()) <= CODE_CLASSES
    return name in ATTRIBUTES


def is_link(value: str) -> bool:
    """Whether an address in HTML leads to a web page, a mailbox or a place in the page."""
    address = IGNORED_IN_LINKS.sub("", entities.unescape(value))  # as browsers read it
    schemes = (SCHEME.match(written) for written in (address, unquote(address)))
    return all(scheme is None or scheme[1].lower() in LINKS for scheme in schemes)


# ----------------------------------------------------------------------------------------- Markdown


@pass_context
def markdown2html(context: Context, markdown: str) -> str:
    """Markdown, with its mathematics and pasted pictures, as harmless HTML."""
    cell = context.get("cell", {})
    page = context.get("resources", {})
    done = page.get("formatted", 0)
    if isinstance(page, dict):
        page["formatted"] = done + len(markdown)
    if done > ON_ONE_PAGE:
        return plain(markdown)
    return markdown_html(markdown, cell.get("attachments", {}) if hasattr(cell, "get") else {})


def markdown_html(markdown: str, attachments: object = None) -> str:
    """Markdown as harmless HTML. What is too long for that follows as plain text.

    attachments  a cell's pasted pictures, as nbformat has them; anything else is ignored
    """
    head, rest = _parted(str(markdown))
    pictures = pictures_of(attachments)
    if pictures or len(head) > REMEMBERED:
        html = never_failing(partial(_render, pictures=pictures), head)
    else:
        html = never_failing(_rendered, head)
    return (
        Clean(html + plain(rest, "The rest is long, and shown as it was written."))
        if rest
        else html
    )


def _parted(text: str) -> tuple[str, str]:
    """What is formatted of a text, up to the end of a paragraph or a line, and the rest."""
    if len(text) <= FORMATTED:
        return text, ""
    ends = (text.rfind(end, FORMATTED // 2, FORMATTED) for end in ("\n\n", "\n"))
    end = next((end for end in ends if end > 0), FORMATTED)
    return text[:end], text[end:]


def pictures_of(attachments: object) -> dict[str, str]:
    """The pasted pictures that can be shown, each as a data: address, by name."""
    found: dict[str, str] = {}
    for name, bundle in attachments.items() if isinstance(attachments, dict) else ():
        for kind in PICTURE_KINDS:
            if isinstance(bundle, dict) and (data := base64_of(bundle.get(kind))):
                found.setdefault(str(name), f"data:{kind};base64,{data}")
    return found


def base64_of(value: object) -> str:
    """A picture's base64 on one line; empty for anything else.

    nbformat allows a list of lines.
    """
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "".join(value)
    if not isinstance(value, str) or not BASE64.fullmatch(value):
        return ""
    return "".join(value.split())


@lru_cache(maxsize=2048)
def _rendered(markdown: str) -> Clean:
    return _render(markdown, {})


def _render(markdown: str, pictures: dict[str, str]) -> Clean:
    renderer = FormulasAside(pictures)
    html = MarkdownWithMath(renderer=renderer).render(markdown)
    return Clean(renderer.with_formulas(_bleached(CHECKBOX.sub(_box, html), _is_harmless)))


def _box(found: re.Match) -> str:
    return BOXES[CHECKED.search(found[1]) is not None]


class FormulasAside(IPythonRenderer):
    """Keeps the formulas out of the HTML until it is clean: there is a mark in the place of each.

    pictures  the data: address of each pasted picture, by name
    """

    def __init__(self, pictures: dict[str, str]) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self.pictures = pictures
        self.mark = f"formula{secrets.token_hex(16)}n"  # nobody can write one
        self.formulas: list[tuple[str, bool]] = []

    def block_math(self, body: str) -> str:
        """A formula on a separate line."""
        return self._aside(body, display=True)

    def inline_math(self, body: str) -> str:
        """A formula in the text."""
        return self._aside(body, display=False)

    def latex_environment(self, name: str, body: str) -> str:
        """An environment such as `align`."""
        return self._aside(f"\\begin{{{name}}}{body}\\end{{{name}}}", display=True)

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """A picture, or a few words where there is none to show."""
        if not url.lower().startswith("attachment:"):
            return super().image(text, url, title)
        name = entities.unescape(url.partition(":")[2])
        names = (name, unquote(name))
        if address := next((self.pictures[one] for one in names if one in self.pictures), ""):
            return super().image(text, address, title)
        said = f"[The picture “{name[:80]}” is missing, or is no PNG, JPEG or GIF.]"
        return f"<em>{escape(said)}</em>"

    def block_code(self, code: str, info: str | None = None) -> str:
        """A block of code, in colour unless it is too long or no code."""
        info = None if info and (info.startswith("mermaid") or is_slow_to_colour(code)) else info
        return super().block_code(code, info)

    def task_list_item(self, text: str, checked: bool = False) -> str:
        """An item of a to-do list, with a box."""
        box = f"{BOXES[checked]} "
        inner = text.replace("<p>", f"<p>{box}", 1) if text.startswith("<p>") else box + text
        return f"<li>{inner}</li>\n"

    def _aside(self, latex: str, *, display: bool) -> str:
        self.formulas.append((latex, display))
        return f"{self.mark}{len(self.formulas) - 1}x"

    def with_formulas(self, html: str) -> str:
        """The clean HTML with each mark replaced by MathML, or by its source in attributes."""
        mark = re.compile(f"{self.mark}(\\d+)x")

        def put_back(found: re.Match) -> str:
            if found[0].startswith("<"):
                return mark.sub(lambda inside: self._back(inside, as_source), found[0])
            return self._back(found, as_mathml)

        return re.sub(f"{TAG}|{mark.pattern}", put_back, html) if self.formulas else html

    def _back(self, found: re.Match, as_html: Callable[..., str]) -> str:
        latex, display = self.formulas[int(found[1])]
        return as_html(latex, display=display)


# ---------------------------------------------------------------------------------- code and output


def highlight_code(source: str, **told: Any) -> str:
    """Python in colour; plain text where it is too long for that, or no code."""
    if len(source) > FORMATTED or is_slow_to_colour(source):
        return plain(source)
    return never_failing(_highlighted, source)


def is_slow_to_colour(code: str) -> bool:
    """Whether code is long, or holds a word that no code has: `a.a.a.…`."""
    return len(code) > FORMATTED or any(len(word) > WORD for word in code.split())


@lru_cache(maxsize=2048)
def _highlighted(source: str) -> str:
    return Highlight2HTML(pygments_lexer="ipython3")(source)


def ansi2html(text: object, limit: int = FORMATTED) -> str:
    """A program's output with its ANSI colours, shortened if long, without a `<pre>`."""
    said = "".join(map(str, text)) if isinstance(text, list) else str(text)
    try:
        html = ansi_to_html(said[:limit])
    except Exception:  # as above: a filter never fails
        html = escape(said[:limit])
    cut = (
        f"\n[Cut here: {limit:,} of {len(said):,} characters are shown.]"
        if len(said) > limit
        else ""
    )
    return html + cut
