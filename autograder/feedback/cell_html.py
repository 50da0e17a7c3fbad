"""One cell of a feedback page as HTML: what was written, what it gave out, and a person's comment.

    python -P -m autograder.feedback.cell_html

answers requests for it, one line of JSON each, until its input ends. It runs in a separate process,
with limits on processor time and memory, because a notebook can keep its parsers busy, or crash
them: see `cell_process.py`.
"""

import json
import resource
import signal
import sys
from base64 import b64encode
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

from autograder.feedback.safe_html import (
    HTML,
    PICTURE_KINDS,
    SHOWN,
    ansi2html,
    base64_of,
    clean_html,
    highlight_code,
    markdown_html,
    never_failing,
    plain,
)

PICTURE_SIZE = 4 * 2**20  # characters of base64 in one picture,
CELL_SIZE = 12 * 2**20  # and characters of HTML that all outputs of a cell may have
MOST_OUTPUTS = 100  # of one cell are shown
COMMENT = 20_000  # characters
MEMORY = 4 * 2**30  # bytes of addresses
READY = "ready"  # is the process's first line
KINDS = ("text/html", "text/markdown", "image/svg+xml", "text/latex", *PICTURE_KINDS, "text/plain")


@dataclass(frozen=True)
class CellHtml:
    """What a page shows of a cell.

    body     the source, and the outputs
    comment  what a person says of it; empty if there is nothing
    """

    body: str
    comment: str = ""


def request_for(cell: dict[str, Any]) -> dict[str, Any]:
    """What of a notebook's cell a page shows, without what it does not."""
    told = _mapping(_mapping(cell.get("metadata")).get("nbgrader"))
    source = cell.get("source", "")
    return {
        "kind": str(cell.get("cell_type")),
        "source": "".join(map(str, source)) if isinstance(source, list) else str(source),
        "role": "given" if told.get("solution") else "code",
        "attachments": cell.get("attachments"),
        "outputs": cell.get("outputs"),
        "comment": str(told.get("comment") or ""),
    }


def cell_html(request: dict[str, Any]) -> CellHtml:
    """A cell as HTML. What can't be shown of it is a few words, and the rest is shown."""
    source, kind = request["source"], request["kind"]
    if kind == "markdown":
        body = markdown_html(source, request["attachments"])
    elif kind == "code":
        coloured = highlight_code(source)
        role, outputs = escape(request["role"]), outputs_html(request["outputs"])
        body = f'<div class="{role}">{coloured}</div>{outputs}'
    else:
        body = plain(source)
    comment = request["comment"]
    return CellHtml(body, markdown_html(comment[:COMMENT]) if comment else "")


def plain_cell(request: dict[str, Any], note: str, limit: int = SHOWN) -> CellHtml:
    """The same as escaped text, with the reason; nothing that is in a cell can make this fail."""
    parts: list[str] = [plain(request["source"], note, limit)]
    for output in _shown(request["outputs"]):
        if text := _plain_text(output):
            parts.append(f'<div class="output">{plain(text, limit=limit)}</div>')
    comment = request["comment"]
    return CellHtml("".join(parts), plain(comment, limit=COMMENT) if comment else "")


def outputs_html(outputs: object) -> str:
    """The outputs of a cell, one below the other."""
    shown, size = [], 0
    for output in _shown(outputs):
        html = never_failing(partial(_output, output), _plain_text(output))
        size += len(html)
        if size > CELL_SIZE:
            shown.append(_words("More output is not shown: it is too large for this page."))
            break
        shown.append(html)
    if isinstance(outputs, list) and len(outputs) > MOST_OUTPUTS:
        shown.append(_words(f"{MOST_OUTPUTS} of {len(outputs):,} outputs are shown."))
    return "".join(f'<div class="output">{html}</div>' for html in shown)


def _shown(outputs: object) -> list[dict[str, Any]]:
    found = outputs[:MOST_OUTPUTS] if isinstance(outputs, list) else []
    return [output if isinstance(output, dict) else {} for output in found]


def _output(output: dict[str, Any], text: str) -> str:
    """An output as HTML.

    text  the same in plain text
    """
    kind = output.get("output_type")
    if kind == "stream":
        return f"<pre>{ansi2html(_text(output.get('text')))}</pre>"
    if kind == "error":
        return f"<pre>{ansi2html(text)}</pre>"
    data = _mapping(output.get("data"))
    for mime in (mime for mime in KINDS if mime in data):
        if html := _displayed(mime, data[mime], _mapping(output.get("metadata"))):
            return html
    kinds = ", ".join(str(mime)[:60] for mime in list(data)[:3])
    return _words(f"An output that can't be shown here{f' ({kinds})' if kinds else ''}.")


def _displayed(mime: str, value: object, metadata: dict[str, Any]) -> str:
    """One MIME type of an output as HTML; empty if it can't be shown and another may be tried."""
    if mime in PICTURE_KINDS:
        return _picture(mime, base64_of(value), _mapping(metadata.get(mime)) or metadata)
    text = _text(value)
    if mime == "image/svg+xml":
        return _picture(mime, b64encode(text.encode("utf-8", "replace")).decode(), {})
    if mime == "text/html":
        return clean_html(text) if text and len(text) <= HTML else ""
    if mime == "text/markdown":
        return markdown_html(text)
    if mime == "text/latex":
        return plain(text)
    return f"<pre>{ansi2html(text)}</pre>"


def _picture(mime: str, data: str, metadata: dict[str, Any]) -> str:
    if not data:
        return ""
    if len(data) > PICTURE_SIZE:
        return _words(f"A picture of {len(data) / 2**20:.1f} MB, which is too large for this page.")
    size = "".join(
        f' {name}="{number:.0f}"'
        for name in ("width", "height")
        if (number := _pixels(metadata.get(name)))
    )
    alt = metadata.get("alt")
    alt = (
        alt[:1000] if isinstance(alt, str) and alt else "No description of this picture was given."
    )
    return f'<img src="data:{mime};base64,{data}"{size} alt="{escape(alt)}">'


def _pixels(value: object) -> float:
    """A picture's width or height; 0 where that makes no sense."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    return value if 1 <= value <= 10_000 else 0


def _plain_text(output: dict[str, Any]) -> str:
    """An output of any type as plain text; may be empty."""
    if output.get("output_type") == "error":
        lines = output.get("traceback")
        text = "\n".join(map(str, lines)) if isinstance(lines, list) else _text(lines)
        return text or f"{output.get('ename')}: {output.get('evalue')}"
    return _text(output.get("text")) or _text(_mapping(output.get("data")).get("text/plain"))


def _text(value: object) -> str:
    """Text that nbformat may keep as a list of lines."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _words(sentence: str) -> str:
    return f'<p class="cut">[{escape(sentence)}]</p>'


# ------------------------------------------------------------------------------------- as a process


def answer() -> None:
    """Answer requests from stdin on stdout, a line of JSON each, until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent process
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, MEMORY)
    requests, answers = sys.stdin, sys.stdout
    sys.stdout = sys.stderr
    answers.write(f"{READY}\n")
    answers.flush()
    for line in requests:
        request = json.loads(line)
        _limit(resource.RLIMIT_CPU, int(processor_time() + request["seconds"]) + 1)
        before = processor_time()
        shown = cell_html(request["cell"])
        told = {"body": shown.body, "comment": shown.comment, "seconds": processor_time() - before}
        answers.write(json.dumps(told) + "\n")
        answers.flush()


def _limit(what: int, most: int) -> None:
    """Set one of this process's limits, as far as its hard limit allows."""
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def processor_time() -> float:
    """Seconds of processor time that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    answer()
