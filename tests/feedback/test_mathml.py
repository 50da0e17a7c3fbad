"""Formulas as MathML, in pages that run nothing of a student's."""

import pytest
from bs4 import BeautifulSoup
from nbconvert.filters.markdown_mistune import MarkdownWithMath
from shortened_masters import REAL

from autograder.authoring.master import read_master
from autograder.feedback.mathml import LONGEST, as_mathml
from autograder.feedback.safe_html import FormulasAside, clean_html, markdown2html


def html(markdown: str) -> str:
    return markdown2html({"cell": {}}, markdown)


def test_every_formula_of_the_course_is_understood():
    found = []
    for assignment in REAL:
        for cell in read_master(assignment).cells:  # with the rubrics
            if cell.kind == "markdown":
                aside = FormulasAside({})
                MarkdownWithMath(renderer=aside).render(cell.source)
                found += aside.formulas
    assert len(found) > 300
    assert [
        latex for latex, display in found if "<math" not in as_mathml(latex, display=display)
    ] == []


def test_a_formula_is_mathml_and_everything_round_it_is_text():
    assert (
        html("if $x<1$ then") == "<p>if <math><mi>x</mi><mo>&lt;</mo><mn>1</mn></math> then</p>\n"
    )
    assert '<math display="block"><munder>' in html("$$\\sum_i$$")
    assert "<mtable" in html("\\begin{align}a&=b\\\\[2ex]c&=d\\end{align}")
    assert "2ex" not in html("\\begin{align}a&=b\\\\[2ex]c&=d\\end{align}")
    assert html("\\$5 and \\$6, `$x$`") == "<p>$5 and $6, <code>$x$</code></p>\n"


@pytest.mark.parametrize(
    "latex",
    [
        r"\unknown{x} < 1",
        r"\frac{1}",
        r"\newcommand{\x}{y}\x",
        r"\def\x#1{\sqrt{#1}}\x{\x{y}}",
        r"\href{javascript:alert(1)}{x}",
        "x" * (LONGEST + 1),
    ],
)
def test_what_is_not_understood_stays_as_it_was_written(latex):
    assert as_mathml(latex) == f"${latex.replace('<', '&lt;')}$"


# The converter is a native module that calls itself: one level too many would end the process.
NESTED = [r"\sqrt{", "{", "x^{", r"\text{", r"\frac1{", r"\left(", r"\begin{matrix}"]
CLOSED = {r"\left(": r"\right)", r"\begin{matrix}": r"\end{matrix}"}


@pytest.mark.parametrize("opened", NESTED)
def test_nothing_is_nested_too_deep(opened):
    closed = CLOSED.get(opened, "}")
    depth = LONGEST // (len(opened) + len(closed))
    for latex in (
        opened * depth + closed * depth,
        opened * (LONGEST // len(opened)),
        "_" * LONGEST,
    ):
        assert as_mathml(latex)


HOSTILE = [
    r"$\text{</math><script>alert(1)</script>}$",
    r"$<img src=x onerror=alert(1)>$",
    r"""![$\text{" onerror=alert(1) x="}$](data:image/png;base64,aaaa)""",
    r"""![$\text{' onerror=alert(1) x='}$](data:image/png;base64,aaaa)""",
    r"""[a>$x$](http://a.b 'c">$\text{" onclick=alert(1) x="}$')""",
    r"""<a title='">$\text{" onclick=alert(1) x="}$'>k</a>""",
    r"""<img alt="$\text{<script>alert(1)</script>}$" src="http://a.b/c.png">""",
    r"<b $x$ onclick=alert(1)>$y$</b>",
    r"$\text{<style>*{display:none}</style>}$ <style>*{display:none}</style>",
    r"$\unknown{<script>alert(1)</script>}$",
    r"<div id='grade-gray' class='nbgrader_cell'>$x$</div>",
    "$$\n<script>\nalert(1)\n</script>\n$$",
]


@pytest.mark.parametrize("markdown", HOSTILE)
def test_a_formula_opens_no_way_for_a_script(markdown):
    page = html(markdown)
    for element in BeautifulSoup(page, "html.parser").find_all(True):
        assert element.name not in ("script", "style", "iframe", "object", "svg")
        assert not {name for name in element.attrs if name.startswith("on") or name == "id"}
        assert not element.get("src", "data:").startswith("http")
    assert clean_html(page) is page
    assert clean_html(str(page) + "<script>") != page
