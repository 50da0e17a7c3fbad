"""The feedback page: nbgrader's, made for a whole class at a time."""

from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

from jinja2 import BaseLoader, DictLoader
from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbformat import NotebookNode
from nbgrader.converters import GenerateFeedback
from traitlets import default
from traitlets.config import Config

from autograder.gradebook.class_gradebook import ClassGradebook
from autograder.gradebook.store import carry_on, write_whole

if TYPE_CHECKING:
    from autograder.catalogue import Assignment
    from autograder.gradebook.course import Course


# In the place of nbconvert's, whose page waits for a server that may not be reached, and takes no other one.
MATHJAX = """{%- macro mathjax(url="") -%}
<script async src="URL"></script>
<script type="text/x-mathjax-config">
MathJax.Hub.Config({
  messageStyle: "none",
  tex2jax: {inlineMath: [["$", "$"], ["\\\\(", "\\\\)"]], processEscapes: true}
});
</script>
{%- endmacro %}"""


class FeedbackPage(HTMLExporter):
    """nbconvert's page, which is not parsed and written again at the end to add what ours has anyway."""

    @default("extra_loaders")
    def _extra_loaders_default(self) -> list[BaseLoader]:
        return [DictLoader({"mathjax.html.j2": MATHJAX.replace("URL", escape(self.mathjax_url))})]

    def from_notebook_node(
        self,
        nb: NotebookNode,
        resources: dict | None = None,
        **kw: Any,  # noqa: ANN401
    ) -> tuple[str, dict]:
        """Convert an autograded notebook; the judge lets no widgets into it."""
        self.register_filter("highlight_code", highlight_code)
        return TemplateExporter.from_notebook_node(self, nb, self._init_resources(resources), **kw)


def highlight_code(source: str, **told: object) -> str:
    """Python in colour. Most cells are the same in every notebook of a class."""
    return _highlighted(source)


@lru_cache(maxsize=2048)
def _highlighted(source: str) -> str:
    return Highlight2HTML(pygments_lexer="ipython3")(source)


class ClassFeedback(GenerateFeedback):
    """nbgrader's GenerateFeedback for a class: one gradebook, one template, and no page twice."""

    def __init__(self, course: "Course", assignment: "Assignment", gradebook: ClassGradebook) -> None:
        super().__init__(coursedir=course.api.coursedir, parent=course.api)
        self.update_config(Config({"HTMLExporter": {"template_name": "feedback"}}))
        self.course, self.assignment, self.store = course, assignment, course.store
        self.gradebook = gradebook
        self.entries = gradebook.entries(assignment.name)
        self.exporter = self.exporter_class(parent=self, config=self.config, optimistic_validation=True)
        for step in self.preprocessors:
            self.exporter.register_preprocessor(step)

    def write_if_changed(self, student: str) -> bool:
        """Write a student's page, if what it says has changed. Raises what nbgrader raises."""
        name, entries = self.assignment.name, self.entries.get(student, "")
        mark = self.store.mark(name, student)
        notebook = self.course.autograded(self.assignment, student)
        page = self.course.feedback(self.assignment, student)
        if mark is None or not notebook.is_file() or (mark.page == entries and page.is_file()):
            return False
        source = f"{self._format_source(name, student)}/{name}.ipynb"
        resources = self.init_single_notebook_resources(source)
        html, _ = self.exporter.from_filename(source, resources=resources)
        self.gradebook.db.remove()
        page.parent.mkdir(parents=True, exist_ok=True)
        write_whole(page, html, alone=True)
        carry_on(notebook.parent, page.parent)
        self.set_permissions(name, student)
        self.store.set_mark(name, student, mark.with_page(entries))
        return True
