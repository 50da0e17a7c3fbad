"""Nothing in a notebook costs its student the feedback page: what can't be shown is a few words."""

import json
import re
import signal
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from jinja2 import Environment
from judged_class import PNG, course_of, keep, record, scores_of, submit
from nbconvert.exporters import HTMLExporter
from nbgrader.server_extensions.formgrader.handlers import template_path

from autograder.assignments import find_assignment
from autograder.authoring.notebooks import student_notebook
from autograder.feedback import cell_process, safe_html
from autograder.feedback.cell_html import (
    MOST_OUTPUTS,
    PICTURE_SIZE,
    cell_html,
    plain_cell,
    request_for,
)
from autograder.feedback.cell_process import TOO_MUCH, CellProcess, cells_as_html
from autograder.feedback.safe_html import (
    FORMATTED,
    ON_ONE_PAGE,
    SHOWN,
    clean_html,
    highlight_code,
    is_link,
    markdown2html,
    markdown_html,
)
from autograder.gradebook import page
from autograder.gradebook.store import StoredVerdict
from autograder.judge.judge import Judgement

ASSIGNMENT = find_assignment("data_driven_graphics")
NAME = ASSIGNMENT.name
DEEP = json.loads("[" * 100 + "]" * 100)


@pytest.fixture(scope="module")
def course(warm_up, tmp_path_factory):
    return course_of(warm_up, tmp_path_factory.mktemp("course"))


def markdown(source: str, attachments: object = None) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": source, "attachments": attachments}


def code(source: object, outputs: object = ()) -> dict:
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": outputs}


def displayed(data: object, **more: object) -> dict:
    return {"output_type": "display_data", "data": data, "metadata": {}} | more


def soup(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


# ------------------------------------------------------------------------------------------- a cell

PASTED = "before ![it](attachment:a.png) after"
ATTACHMENTS = [
    *(
        {},
        [],
        None,
        "text",
        7,
        {"a.png": []},
        {"a.png": None},
        {"a.png": {}},
        {"a.png": {"image/png": None}},
    ),
    *(
        {"a.png": {"image/png": {}}},
        {"a.png": {"image/png": [1, 2]}},
        {"a.png": {"image/png": "<script>"}},
    ),
    *(
        {"a.png": {"image/svg+xml": "PHN2Zz4="}},
        {"a.png": {"text/html": "x"}},
        {"b.png": {"image/png": PNG}},
    ),
    *({"a.png": {"image/png": ""}}, {"a.png": DEEP}, {7: {"image/png": PNG}}),
]


@pytest.mark.parametrize("attachments", ATTACHMENTS, ids=range(len(ATTACHMENTS)))
def test_an_attachment_that_cannot_be_shown_is_a_few_words(attachments):
    shown = soup(cell_html(request_for(markdown(PASTED, attachments))).body)
    assert (
        shown.text.strip()
        == "before [The picture “a.png” is missing, or is no PNG, JPEG or GIF.] after"
    )
    assert shown.select("img") == []


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "image/gif", "image/webp"])
@pytest.mark.parametrize("data", [PNG, [PNG[:20], PNG[20:]], PNG[:20] + "\n" + PNG[20:]])
def test_a_pasted_picture_is_shown(kind, data):
    body = cell_html(request_for(markdown(PASTED, {"a.png": {kind: data}}))).body
    (picture,) = soup(body).select("img")
    assert picture["src"] == f"data:{kind};base64,{PNG}"
    named = markdown("![it](attachment:my%20plot.png)", {"my plot.png": {kind: data}})
    assert len(soup(cell_html(request_for(named)).body).select("img")) == 1


OUTPUTS = [
    *(None, "text", 7, {}, [None], [7], ["x"], [[]], [{}], [{"output_type": "unheard of"}]),
    *([{"output_type": "stream"}], [{"output_type": "stream", "name": 7, "text": {"a": 1}}]),
    *(
        [{"output_type": "error"}],
        [{"output_type": "error", "traceback": 7, "ename": [], "evalue": None}],
    ),
    *([{"output_type": "error", "traceback": [None, 7, {}]}], [displayed(None)], [displayed([])]),
    *([displayed({})], [displayed({"text/plain": None})], [displayed({"text/html": {"a": 1}})]),
    *(
        [displayed({"image/png": []})],
        [displayed({"image/png": "<script>"})],
        [displayed({"a": DEEP})],
    ),
    [displayed({"application/vnd.jupyter.widget-view+json": {"model_id": "a"}})],
    [displayed({"application/javascript": "alert(1)"})],
    [displayed({"image/png": PNG}, metadata=[])],
    [
        displayed(
            {"image/png": PNG}, metadata={"image/png": {"width": "9e9", "height": [], "alt": {}}}
        )
    ],
    [
        displayed(
            {"image/png": PNG},
            metadata={"image/png": {"width": float("inf"), "height": float("nan")}},
        )
    ],
    [displayed({"text/html": "<table><tr><td>1", "text/plain": 7})],
    [
        {
            "output_type": "stream",
            "name": "stdout",
            "text": "\x1b[38;5;999m\x1b[38m\x1b[38;2mx\x1b[9999999999m",
        }
    ],
    [{"output_type": "stream", "name": "stdout", "text": "\ud800\x00\x1b"}],
]


@pytest.mark.parametrize("outputs", OUTPUTS, ids=range(len(OUTPUTS)))
def test_outputs_of_odd_shapes_cost_nothing_else(outputs):
    cell = code("x = 1  # mine", outputs)
    shown = cell_html(request_for(cell)).body
    assert "x = 1  # mine" in soup(shown).text
    assert soup(shown).select("script, iframe") == []
    assert "x = 1  # mine" in plain_cell(request_for(cell), "").body


def test_what_an_output_is_instead_is_named():
    kind = "application/vnd.jupyter.widget-view+json"
    widget = displayed({kind: {"model_id": "a"}})
    said = soup(cell_html(request_for(code("", [widget]))).body).text
    assert f"[An output that can't be shown here ({kind}).]" in said
    widget["data"]["text/plain"] = "Slider()"
    assert "<pre>Slider()</pre>" in cell_html(request_for(code("", [widget]))).body


@pytest.mark.parametrize(
    "cell",
    [
        {},
        {"cell_type": "unheard of", "source": "text <b>"},
        {"cell_type": "raw", "metadata": {"raw_mimetype": 7}, "source": "text <b>"},
        {"cell_type": "markdown", "metadata": None, "source": ["a\n", 7]},
        {"cell_type": "markdown", "metadata": {"nbgrader": []}, "source": None},
        {"cell_type": "code", "metadata": {"nbgrader": {"comment": 7}}, "source": 7, "outputs": {}},
    ],
)
def test_broken_cells(cell):
    assert "<b>" not in cells_as_html.page([cell])[0].body


def test_what_is_long_is_cut_and_says_so():
    body = cell_html(
        request_for(code("x" * (SHOWN + 1), [{"output_type": "stream", "text": "y" * 10**6}]))
    ).body
    assert f"[Cut here: {SHOWN:,} of {SHOWN + 1:,} characters are shown.]" in body
    assert f"[Cut here: {FORMATTED:,} of 1,000,000 characters are shown.]" in body
    body = cell_html(request_for(code("", [{"output_type": "stream", "text": "z"}] * 300))).body
    assert f"{MOST_OUTPUTS} of 300 outputs are shown." in body
    assert body.count("<pre>z</pre>") == MOST_OUTPUTS
    picture = displayed({"image/png": "A" * (PICTURE_SIZE + 1)})
    assert (
        "A picture of 4.0 MB, which is too large"
        in cell_html(request_for(code("", [picture]))).body
    )


def test_of_a_long_answer_nothing_is_lost():
    said = "\n\n".join(f"Paragraph *{number}*." for number in range(3000))
    body = markdown_html(said)
    assert "<em>0</em>" in body
    assert "*2999*" in body
    assert "The rest is long, and shown as it was written." in body


# ----------------------------------------------------------------------------------------- harmless


@pytest.mark.parametrize(
    "address",
    [
        *(
            "data:text/html,x",
            "&#100;ata:x",
            "&#x64;ata&#58;x",
            "da\tta:x",
            "da&#9;ta:x",
            " \x01data:x",
        ),
        *(
            "da&NewLine;ta:x",
            "data&colon;x",
            "DATA:x",
            "javascript:x",
            "java\nscript:x",
            "vbscript:x",
        ),
        *("file:///etc/passwd", "blob:x", "data%3Atext/html,x", "\u200bdata:x", "&#8203;data:x"),
    ],
)
def test_no_link_leads_elsewhere_than_to_a_page(address):
    assert not is_link(address)
    for html in (clean_html(f'<a href="{address}">x</a>'), markdown_html(f"[x](<{address}>)")):
        found = [link["href"] for link in soup(html).select("a[href]")]
        assert all(not re.match(r"\s*[a-z]+:", link, re.IGNORECASE) for link in found)


@pytest.mark.parametrize(
    "address", ["https://a.b/c?d=e:f", "http://a.b", "mailto:a@b.c", "#top", "a/b", "?a=b"]
)
def test_links_that_stay(address):
    assert soup(markdown_html(f"[x]({address})")).select("a")[0]["href"] == address


def test_a_student_has_none_of_the_page_s_own_classes():
    style = (Path(safe_html.__file__).parent / "template" / "feedback.css").read_text()
    own = set(re.findall(r"\.([a-z][a-z-]*)", re.sub(r"\{[^}]*\}", "", style)))
    assert {"total", "verdict", "passed", "hint", "scores"} <= own
    for html in (
        f'<div class="{" ".join(own)}">x</div>',
        *(f'<p class="{name}">x</p>' for name in own - {"n"}),
    ):
        for shown in (clean_html(html), markdown_html(html)):
            assert soup(shown).select("[class]") == []
    coloured = soup(markdown_html("```python\nx = 1\n```"))
    assert coloured.select(".highlight .mi")


def test_in_the_formgrader_the_judge_s_table_keeps_its_looks_and_a_student_s_does_not():
    table = '<table class="table checks"><tr class="failed"><td>x</td></tr></table>'

    def shown(told: dict) -> str:
        environment = Environment()
        environment.filters["clean"] = safe_html.clean_output
        cell = {"metadata": {"nbgrader": told}}
        return environment.from_string("{{ html | clean }}").render(html=table, cell=cell)

    assert soup(shown({"grade": True, "solution": False})).select(".failed")
    assert soup(shown({"grade": True, "solution": True})).select("[class]") == []
    assert soup(shown({})).select("[class]") == []


def test_a_to_do_list_has_boxes():
    shown = soup(
        markdown_html("- [ ] one\n- [x] two\n  1. [X] three\n\n     more\n* [ ] $x$\n- [y] no\n")
    )
    boxes = [(box.text, box["role"], box["aria-label"]) for box in shown.select("span[role]")]
    assert boxes == [
        ("☐", "img", "to do"),
        ("☑", "img", "done"),
        ("☑", "img", "done"),
        ("☐", "img", "to do"),
    ]
    assert "<input" not in shown.text
    assert "[y] no" in shown.text
    typed = soup(
        markdown_html('<input type="checkbox" checked> a <INPUT disabled type=checkbox> b')
    )
    assert typed.text.split() == ["☑", "a", "☐", "b"]


# ----------------------------------------------------------------------------- slow, deep and fatal

SLOW = {
    "spaces": " " * 120_000,
    "spaces in text": "x" + " " * 120_000 + "x",
    "brackets": "\\\\[ x " * 20_000,
    "environments": "\\begin{a}" * 14_000,
    "nested": "<div>" * 24_000,
    "misnested": "<b><p>" * 20_000,
    "quotes": ">" * 120_000,
    "backticks": "`a" * 60_000,
    "emphasis": "*a" * 60_000,
    "lists": "".join(f"{'  ' * depth}- a\n" for depth in range(300)),
    "formulas": "$x$ " * 30_000,
    "a formula": f"${'{' * 60_000}{'}' * 60_000}$",
    "code": f"```python\n{'a.' * 60_000}\n```",
}


@pytest.mark.parametrize("name", SLOW)
def test_what_is_slow_is_cut_before_it_is_parsed(name, monkeypatch):
    """No clock: the parsers are given a bounded length, and its square is what they take."""
    given = []
    real = safe_html._render
    monkeypatch.setattr(safe_html, "FORMATTED", 3_000)
    monkeypatch.setattr(
        safe_html, "_render", lambda head, pictures: given.append(len(head)) or real(head, pictures)
    )
    safe_html._rendered.cache_clear()
    said = SLOW[name]
    shown = soup(markdown_html(said))
    assert sum(given) <= 3_000
    assert len(said) < 3_000 or "shown as it was written" in shown.text


@pytest.mark.parametrize(
    "source", ["a." * 32_000, "a." * 9_000, "(" * 15_000, "x" * 10**6, "a b " * 10**5]
)
def test_long_words_and_long_code_are_not_coloured(source):
    shown = soup(highlight_code(source))
    assert shown.select("span") == []
    assert shown.pre.text == source[:SHOWN]
    assert soup(highlight_code("x = 1")).select("span.mi")


def test_the_formgrader_formats_so_much_of_a_page_and_no_more(monkeypatch):
    monkeypatch.setattr(safe_html, "markdown_html", lambda markdown, attachments: "formatted")
    resources = {}
    shown = [markdown2html({"cell": {}, "resources": resources}, "x" * 10_000) for _ in range(200)]
    assert shown.count("formatted") == ON_ONE_PAGE // 10_000 + 1
    assert soup(shown[-1]).pre.text == "x" * 10_000


def test_a_parser_that_fails_costs_the_looks_only(monkeypatch):
    def fails(*args: object) -> str:
        raise RecursionError

    for name in ("_render", "_clean", "_highlighted", "ansi_to_html"):
        monkeypatch.setattr(safe_html, name, fails)
    safe_html._rendered.cache_clear()
    cells = (
        markdown("an <b>answer</b>"),
        code("x < 1", [{"output_type": "stream", "text": "y < 1"}]),
    )
    shown = "".join(cell_html(request_for(cell)).body for cell in cells)
    assert all(part in shown for part in ("an &lt;b&gt;answer&lt;/b&gt;", "x &lt; 1", "y &lt; 1"))


# What the process does, without what it takes a second to import.
STAND_IN = """
import json, os, signal, sys
print("ready", flush=True)
for line in sys.stdin:
    source = json.loads(line)["cell"]["source"]
    if "bad" in source:
        BODY
    print(json.dumps({"body": f"<em>{source}</em>", "comment": "", "seconds": 0}), flush=True)
"""


def standing_in(monkeypatch, body: str = "pass") -> CellProcess:
    """A process that does this when a cell has the word `bad` in it."""
    monkeypatch.setattr(cell_process, "COMMAND", ["-c", STAND_IN.replace("BODY", body)])
    return CellProcess()


@pytest.mark.parametrize(
    "body", ["os.kill(os.getpid(), signal.SIGSEGV)", "1 / 0", "os._exit(0)", "print('[')"]
)
def test_a_cell_that_kills_the_process_is_plain_text_and_the_rest_is_not(monkeypatch, body):
    process = standing_in(monkeypatch, body)
    one, two, three = process.page([markdown("one"), markdown("bad *two* <b>"), markdown("three")])
    process.close()
    assert (one.body, three.body) == ("<em>one</em>", "<em>three</em>")
    assert soup(two.body).text == f"{TOO_MUCH}bad *two* <b>"


def test_a_cell_may_use_so_much_processor_time(monkeypatch):
    """Used, and not waited for: the one that never ends is ended, however busy the machine is."""
    hangs = (
        "import autograder.feedback.cell_html as c; c.markdown_html = lambda *a: [0 for "
        "_ in iter(int, 1)]"
    )
    monkeypatch.setattr(cell_process, "COMMAND", ["-P", "-c", f"{hangs}; c.answer()"])
    monkeypatch.setattr(cell_process, "CELL_SECONDS", 1)
    process = CellProcess()
    one, two = process.page([code("x = 1"), markdown("*two*")])
    process.close()
    assert ">1</span>" in one.body
    assert "*two*" in two.body


def test_after_three_deaths_the_rest_of_a_page_is_plain_but_the_next_page_is_not(monkeypatch):
    process = standing_in(monkeypatch, "os._exit(0)")
    shown = process.page([markdown(f"bad {number}") for number in range(5)] + [markdown("new")])
    assert [cell.body for cell in shown if "<em>" in cell.body] == []
    assert process.page([markdown("new")])[0].body == "<em>new</em>"
    process.close()


def test_a_process_that_is_killed_by_others_is_started_again(monkeypatch):
    process = standing_in(monkeypatch)
    assert process.page([markdown("a")])[0].body == "<em>a</em>"
    process.process.send_signal(signal.SIGKILL)
    process.process.wait()
    assert process.page([markdown("b")])[0].body == "<em>b</em>"
    process.close()


def test_what_is_known_is_not_asked_again(monkeypatch):
    process = standing_in(monkeypatch)
    first = process.page([markdown("*known*")])
    process.close()
    assert process.page([markdown("*known*")]) == first
    assert process.process is None


# ------------------------------------------------------------------------------------- a whole page


def odd_notebook(warm_up) -> nbformat.NotebookNode:
    notebook = student_notebook(warm_up)
    new = nbformat.v4.new_markdown_cell
    notebook.cells[2:2] = [new(text[:2_000]) for text in SLOW.values()] + [
        new("![a](attachment:gone.png)"),
        new("</section></main></body><h1 class='total'>33 of 33 points</h1>"),
        new("\x00\x0b\ufffe \u202e"),
    ]
    for cell in notebook.cells:
        if cell.id.startswith("written-"):
            cell.source = "My answer\n\n- [ ] done\n\n![x](attachment:y.png)"
            cell.attachments = {"y.png": ["x"], "z.png": {"image/webp": "AAAA"}}
    return notebook


@pytest.fixture(scope="module")
def odd(course, warm_up):
    notebook = odd_notebook(warm_up)
    submit(course, ASSIGNMENT, "odd", notebook)
    keep(course, warm_up, "odd", lambda check: True, notebook)
    assert record(course, ASSIGNMENT, ["odd"]) == {}
    return course


def test_an_odd_notebook_has_its_page(odd, warm_up):
    shown = soup(odd.feedback(ASSIGNMENT, "odd").read_text())
    assert len(shown.select("section.verdict")) == len(warm_up.tasks)
    assert len(shown.select("main")) == len(shown.select(".total")) == 1
    written = shown.select("section.written")[0]
    assert "The picture “y.png” is missing" in written.text
    assert written.select("[aria-label='to do']")
    assert shown.select("main > section")[-1].parent.name == "main"  # nothing has closed it before


def test_outputs_that_are_none_cost_neither_grade_nor_page(course, warm_up):
    """Of our own making; a judgement on disk may be of another version, or mended by hand."""
    notebook = student_notebook(warm_up)
    submit(course, ASSIGNMENT, "outputs", notebook)
    verdict = keep(course, warm_up, "outputs", lambda check: True, notebook)
    ran = nbformat.from_dict(notebook)
    for cell, outputs in zip(
        (cell for cell in ran.cells if cell.cell_type == "code"), OUTPUTS, strict=False
    ):
        cell.outputs = outputs
    StoredVerdict(course.verdict(ASSIGNMENT, "outputs")).write(Judgement(verdict, ran))
    assert record(course, ASSIGNMENT, ["outputs"]) == {}
    assert scores_of(course, ASSIGNMENT, "outputs") == {
        task.name: task.points for task in verdict.tasks
    }
    assert (
        len(soup(course.feedback(ASSIGNMENT, "outputs").read_text()).select("section.verdict")) > 3
    )


@pytest.mark.parametrize("broken", ["template", "process", "notebook"])
def test_where_all_else_fails_the_page_is_plain_text_with_the_points(
    course, warm_up, monkeypatch, broken
):
    notebook = student_notebook(warm_up)
    notebook.cells.insert(2, nbformat.v4.new_markdown_cell("mine <b>", id="mine"))
    submit(course, ASSIGNMENT, broken, notebook)
    verdict = keep(course, warm_up, broken, lambda check: True, notebook)
    if broken == "template":
        monkeypatch.setattr(page, "shown_cells", lambda notebook: 1 / 0)
    elif broken == "process":
        monkeypatch.setattr(cell_process, "COMMAND", ["-c", "raise SystemExit"])
        monkeypatch.setattr(page, "cells_as_html", CellProcess())
    else:
        monkeypatch.setattr(page.PageGrades, "preprocess", lambda *args: 1 / 0)
    problems = record(course, ASSIGNMENT, [broken])
    assert "The feedback page is incomplete: " in problems[broken][0]
    monkeypatch.undo()
    shown = soup(course.feedback(ASSIGNMENT, broken).read_text())
    rows = {row.td.text: row.select("td")[1].text for row in shown.select("table.scores tr")[1:]}
    first = verdict.tasks[0]
    assert f"{first.points:g} / {first.points:g}" in rows.values()
    assert broken == "notebook" or "mine <b>" in shown.text
    assert "is plain text" in shown.text
    assert record(course, ASSIGNMENT, [broken]) == {}  # it is tried again
    assert "is plain text" not in course.feedback(ASSIGNMENT, broken).read_text()


def test_the_formgrader_shows_an_odd_notebook_too(odd):
    config = odd.config.copy()
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [template_path]
    path = odd.autograded(ASSIGNMENT, "odd")
    html, _ = HTMLExporter(config=config).from_filename(
        str(path), {"base_url": "", "index": 0, "total": 1}
    )
    assert "The picture “y.png” is missing" in html
