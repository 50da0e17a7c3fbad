"""The formgrader's page of a submission: rubrics beside written answers, and no remote scripts."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import DictLoader
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

RUBRIC = "> **Rubric.** "  # the beginning of every rubric in a solution notebook
# nbconvert's template loads MathJax from a server, and the page hangs if that can't be reached. Our
# formulas are MathML, so MathJax is not needed. But the formgrader's script ignores the keyboard
# until MathJax has started, so this replacement reports at once that it has.
NO_MATHJAX = """{%- macro mathjax(url="") -%}
<script>
var MathJax = {Hub: {Startup: {signal: {
  Interest: function (callback) { setTimeout(callback, 0, "End"); }
}}}};
</script>
{%- endmacro %}"""


class FormgraderPage(Preprocessor):
    """Changes how the formgrader shows a submission; the notebook's file is not changed."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        exporter: Any = self.parent
        exporter.extra_loaders = [DictLoader({"mathjax.html.j2": NO_MATHJAX})]

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Insert the rubrics from the course directory's solution below the written answers."""
        autograded = Path(resources["metadata"]["path"])  # COURSE/autograded/STUDENT/ASSIGNMENT
        rubrics = rubrics_of(autograded.parents[2] / "solution" / f"{autograded.name}.ipynb")
        with_rubrics = []
        for cell in nb.cells:
            with_rubrics += [cell, *rubrics.get(cell.get("id"), [])]
        nb.cells = with_rubrics
        return nb, resources


def rubrics_of(solution: Path) -> dict[str, list[NotebookNode]]:
    """The rubric of each written answer as a cell, by the answer's id; empty without a solution."""
    if not solution.is_file():
        return {}
    boxes = {}
    for answer, rubric in pairwise(nbformat.read(solution, as_version=4).cells):
        if answer.id.startswith("written-") and rubric.source.startswith(RUBRIC):
            boxes[answer.id] = [_make_box(rubric)]
    return boxes


def _make_box(rubric: NotebookNode) -> NotebookNode:
    opening = '<details open class="alert alert-info"><summary>Rubric</summary>'
    text = rubric.source.removeprefix(RUBRIC)
    box = f"{opening}\n\n{text}\n\n</details>"
    return nbformat.v4.new_markdown_cell(box, id=rubric.id)
