"""The formgrader's page on a submission: the rubric by each written answer, and no script from
elsewhere.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import DictLoader
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

RUBRIC = "> **Rubric.** "  # as the builder begins one
# For nbconvert's, which has the page wait for a server that may not be reached; formulas are MathML
# in ours. The formgrader's own script waits for MathJax before it takes keys: it is told at once
# that all is set.
NO_MATHJAX = """{%- macro mathjax(url="") -%}
<script>
var MathJax = {Hub: {Startup: {signal: {Interest: function (tell) { setTimeout(tell, 0, "End"); }}}}};
</script>
{%- endmacro %}"""


class FormgraderPage(Preprocessor):
    """For the exporter that nbgrader shows submissions with. It changes the page only, never the
    notebook.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        exporter: Any = self.parent
        exporter.extra_loaders = [DictLoader({"mathjax.html.j2": NO_MATHJAX})]

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Put the rubrics of the course directory's solution below the written answers."""
        autograded = Path(resources["metadata"]["path"])  # COURSE/autograded/STUDENT/ASSIGNMENT
        rubrics = rubrics_of(autograded.parents[2] / "solution" / f"{autograded.name}.ipynb")
        nb.cells = [
            shown for cell in nb.cells for shown in (cell, *rubrics.get(cell.get("id"), ()))
        ]
        return nb, resources


def rubrics_of(solution: Path) -> dict[str, list[NotebookNode]]:
    """The rubric of each written answer as a cell, by the answer's id; none where there is no
    solution.
    """
    if not solution.is_file():
        return {}
    cells = nbformat.read(solution, as_version=4).cells
    return {
        answer.id: [_unfolded(rubric)]
        for answer, rubric in pairwise(cells)
        if answer.id.startswith("written-") and rubric.source.startswith(RUBRIC)
    }


def _unfolded(rubric: NotebookNode) -> NotebookNode:
    says = rubric.source.removeprefix(RUBRIC)
    box = (
        f'<details open class="alert alert-info"><summary>Rubric</summary>\n\n{says}\n\n</details>'
    )
    return nbformat.v4.new_markdown_cell(box, id=rubric.id)
