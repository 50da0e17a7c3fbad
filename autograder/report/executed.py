"""Single cells of an executed notebook, without parsing the megabytes of pictures in the others."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# The store writes with an indent of one. No string in JSON holds a line break, so what stands on
# lines of its own here is the file's structure, whatever a student has written.
START, BETWEEN, END = '\n "cells": [\n  {\n', "\n  },\n  {\n", "\n  }\n ]"
Cell = dict[str, Any]


def cells_of(path: Path, wanted: Callable[[str], bool]) -> list[Cell]:
    """The code cells whose id is wanted; none where the file is missing or broken."""
    try:
        return [
            cell
            for cell in _cells(path.read_text(encoding="utf-8"), wanted)
            if _is_code(cell, wanted)
        ]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def _cells(text: str, wanted: Callable[[str], bool]) -> Iterator[Cell]:
    start = text.find(START)
    end = text.find(END, start)
    if start < 0 or end < 0:
        yield from json.loads(text)["cells"]  # may be any JSON
        return
    for piece in text[start + len(START) : end].split(BETWEEN):
        if wanted(_id(piece)):
            yield json.loads("{" + piece + "}")


def _id(piece: str) -> str:
    """A cell's id, from the line that holds it."""
    line = (
        piece.partition('"id": "')[2]
        if piece.startswith('   "id"')
        else piece.partition('\n   "id": "')[2]
    )
    return line.partition('"')[0]


def _is_code(cell: object, wanted: Callable[[str], bool]) -> bool:
    return (
        isinstance(cell, dict)
        and cell.get("cell_type") == "code"
        and isinstance(cell.get("source"), str)
        and wanted(str(cell.get("id")))
    )
