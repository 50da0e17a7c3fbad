"""Notebook pages for a browser, in which nothing that a student wrote can run.

nbconvert's own sanitizing leaves out the cells that nbgrader's templates render themselves (a student's
Markdown), and allows no headings, paragraphs or table heads. These two take the places of its filters of
the same names.
"""

import re
from functools import lru_cache

import bleach
from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

TEXT = {"a", "abbr", "b", "br", "code", "del", "em", "i", "kbd", "q", "s", "samp", "small", "span", "strong"}
BLOCKS = {"blockquote", "details", "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "p", "pre", "summary"}
LISTS = {"dd", "dl", "dt", "li", "ol", "ul"}
TABLES = {"caption", "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
TAGS = TEXT | BLOCKS | LISTS | TABLES | {"figcaption", "figure", "img", "sub", "sup"}
# Pasted pictures only: one from elsewhere would tell that server who looks at the page, and when.
PICTURE = re.compile(r"data:image/(png|jpeg|gif);base64,[A-Za-z0-9+/=\s]*$", re.IGNORECASE)

REMEMBERED = 20_000  # characters: no student's megabytes stay in memory


def clean_html(html: object) -> str:
    """HTML with the tags of prose, tables and pictures; everything else is shown as text."""
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
    return name in ("class", "id", "title", "alt", "width", "height", "align", "colspan", "rowspan", "open")


@pass_context
def markdown2html(context: Context, source: str) -> str:
    """Markdown, with its mathematics and pasted pictures, as harmless HTML."""
    attachments = context.get("cell", {}).get("attachments", {})
    if attachments or len(source) > REMEMBERED:
        return clean_html(_render(source, attachments))
    return _rendered(source)


@lru_cache(maxsize=2048)
def _rendered(source: str) -> str:
    return clean_html(_render(source, {}))


def _render(source: str, attachments: dict) -> str:
    renderer = IPythonRenderer(escape=False, attachments=attachments, exclude_anchor_links=True)
    return MarkdownWithMath(renderer=renderer).render(source)
