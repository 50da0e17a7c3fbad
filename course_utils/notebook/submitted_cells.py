"""The cells of an untrusted notebook of any format: their text, and which cells they claim to be.

cells_of(json.load(file))[0].source
"""

import re
from dataclasses import dataclass, field
from typing import Any

from course_utils.notebook.cell_parts import with_newlines
from course_utils.notebook.saved_notebook import NotebookError, digest

MAX_CELLS = 5_000
KINDS = ("code", "markdown", "raw")


@dataclass
class Submitted:
    """What is believed of a submitted cell.

    claims       the released cells that it may be, by its metadata and its id
    attachments  pictures, by name
    given_out    it is a check, as its own release gave it out: another one than ours, perhaps
    """

    kind: str
    source: str
    claims: list[str] = field(default_factory=list)
    attachments: dict[str, Any] = field(default_factory=dict)
    given_out: bool = False


def cells_of(content: dict[str, Any]) -> list[Submitted]:
    """The cells of any nbformat: top-level in 4, in worksheets in 3 and 2. Raises NotebookError."""
    raw = content.get("cells")
    if not isinstance(raw, list):
        sheets = content.get("worksheets")
        sheets = sheets if isinstance(sheets, list) else []
        raw = [
            cell
            for sheet in sheets
            if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)
            for cell in sheet["cells"]
        ]
    if len(raw) > MAX_CELLS:  # before any is looked at: millions of them take minutes and gigabytes
        raise NotebookError(f"The notebook has {len(raw)} cells, and {MAX_CELLS} is the limit.")
    checks = _checks(content)
    cells = [_submitted(cell, checks) for cell in raw if isinstance(cell, dict)]
    if not cells:
        raise NotebookError("The notebook has no cells.")
    return cells


def _checks(content: dict[str, Any]) -> dict[str, object]:
    """What the notebook says that each check's digest was when it was given out."""
    tasks = _dict(_dict(_dict(content.get("metadata")).get("assignment")).get("tasks"))
    return {f"check-{task}": _dict(about).get("check") for task, about in tasks.items()}


def _submitted(raw: dict[str, Any], checks: dict[str, object]) -> Submitted:
    source, kind = raw.get("source", raw.get("input", "")), raw.get("cell_type")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    source = with_newlines(writable(source)) if isinstance(source, str) else ""
    names = (_dict(_dict(raw.get("metadata")).get("nbgrader")).get("grade_id"), raw.get("id"))
    claims = [name for name in names if isinstance(name, str)]
    given_out = any(checks.get(name) == digest(source) for name in claims)
    images = _images(raw.get("attachments"))
    return Submitted(kind if kind in KINDS else "markdown", source, claims, images, given_out)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def writable(text: str) -> str:
    """Replace lone surrogates, which JSON allows, so that a text can be written as UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _images(attachments: object) -> dict[str, Any]:
    """The pictures pasted into a written answer; anything else that is attached is left behind."""
    if not isinstance(attachments, dict):
        return {}
    found: dict[str, Any] = {}
    for name, bundle in attachments.items():
        kinds = bundle.items() if isinstance(bundle, dict) else ()
        kept = {k: v for k, v in kinds if k in ("image/png", "image/jpeg") and _is_base64(v)}
        found |= {writable(name): kept} if kept else {}
    return found


def _is_base64(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9+/=\s]*", value) is not None
