"""A cell's outputs in a form that nbformat can write; a short note replaces anything else."""

from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.judge.intake.read_notebook import writable

CANNOT = "[An output that can't be shown.]\n"


def well_formed(outputs: object) -> list[NotebookNode]:
    """The outputs that are valid, in order, with a placeholder for each that is not."""
    found = outputs if isinstance(outputs, list) else [outputs] if outputs else []
    return [nbformat.from_dict(output) if _is_valid(output) else _placeholder() for output in found]


def _placeholder() -> NotebookNode:
    return nbformat.v4.new_output("stream", name="stdout", text=CANNOT)


def _is_valid(output: Any) -> bool:
    if not isinstance(output, dict):
        return False
    kind = output.get("output_type")
    if kind == "stream":
        return _is_text(output.get("name")) and _is_text(output.get("text"))
    if kind == "error":
        traceback = output.get("traceback")
        said = isinstance(traceback, list) and all(map(_is_text, traceback))
        return said and _is_text(output.get("ename")) and _is_text(output.get("evalue"))
    if kind not in ("display_data", "execute_result"):
        return False
    data, metadata = output.get("data"), output.get("metadata")
    return (
        isinstance(data, dict)
        and isinstance(metadata, dict)
        and all(map(_is_bundled, data.items()))
    )


def _is_bundled(item: tuple[Any, Any]) -> bool:
    """Whether it is data of a kind: text, or a list of lines; JSON only where the kind says so."""
    kind, value = item
    if not isinstance(kind, str):
        return False
    is_lines = isinstance(value, list) and all(map(_is_text, value))
    return _is_text(value) or is_lines or (kind.endswith("json") and _is_shallow(value))


def _is_shallow(value: object, depth: int = 50) -> bool:
    """Whether JSON is shallow enough for the writer's recursion."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > 0 and all(_is_shallow(one, depth - 1) for one in inner)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and writable(value) == value
