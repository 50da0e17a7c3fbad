"""Nothing that a student wrote is lost: wherever it was written, it is in the graded notebook."""

import json
import subprocess
import sys
import unicodedata

import nbformat
import pytest

from autograder.assignments import COURSE
from autograder.authoring.notebooks import student_notebook
from autograder.authoring.release import student_files
from autograder.judge.intake import read_notebook as judges
from course_utils.notebook import grafting, submitted_cells
from course_utils.notebook.cell_parts import (
    added_text,
    missing_imports,
    parts_of,
    resembles,
    same_text,
)
from course_utils.notebook.grafting import (
    ELSEWHERE,
    GONE,
    Reading,
    graft,
    graft_submission,
    released_notebook,
)
from course_utils.notebook.saved_notebook import ANSWER, NotebookError, digest
from course_utils.notebook.submitted_cells import MAX_CELLS, cells_of

STUB = 'def vote(labels):\n    """The most frequent."""\n    raise NotImplementedError("vote")'
VOTE = 'def vote(labels):\n    """The most frequent."""\n    return labels.mode().values'
BLEND = "def blend(images):\n    return images.mean(0)"
CHECK = (
    'with visible_checks.of("vote"):\n'
    "    assert vote(torch.tensor([1, 1, 2])) == 1\n"
    "    weights = torch.tensor([4.0, 1.0])  # é\n"
    "    assert vote(weights) == 4"
)
PICTURE = '@picture("vote")\ndef _():\n    return plots.votes(vote)'
GRADE = '# 5 points.\nvisible_checks.required("vote")'
IMPORTS = "import torch\nimport numpy as np\nfrom torch import Tensor, nn\n\nfigures = {}"
SETUP = (
    "try:\n    from course_utils.setup_check import required\nexcept ImportError:\n"
    "    raise\nrequired()"
)
TRAINING = "STEPS = 100\nmodel = trained(STEPS)\nfor step in range(STEPS):\n    step_of(model)"
PROMPT = "Why do grey pictures win?\n\n*2 points, graded by a person.*"


def locked(name, **roles):
    return {
        "nbgrader": {"grade_id": name, "grade": False, "solution": False, "locked": True} | roles
    }


@pytest.fixture
def released():
    code, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    task = {"solution": True, "locked": False}
    cells = [
        text("# Title", id="markdown-title"),
        code(SETUP, id="setup", metadata=locked("setup")),
        code(IMPORTS, id="code-imports"),
        text("## Task: vote", id="markdown-vote"),
        code(STUB, id="task-vote", metadata=locked("task-vote", **task)),
        code(CHECK, id="check-vote", metadata=locked("check-vote")),
        code(PICTURE, id="picture-vote", metadata=locked("picture-vote")),
        code(GRADE, id="grade-vote", metadata=locked("grade-vote", grade=True)),
        text(PROMPT, id="markdown-prompt"),
        text(ANSWER, id="written-why", metadata=locked("written-why", grade=True, **task)),
        text("## Task: blend", id="markdown-blend"),
        code(
            BLEND.replace("return images.mean(0)", 'raise NotImplementedError("blend")'),
            id="task-blend",
            metadata=locked("task-blend", **task),
        ),
        code(TRAINING, id="code-training", metadata={"tags": ["training"]}),
        text("# Before you hand in", id="hand-in", metadata=locked("hand-in")),
    ]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture
def handed_in(released):
    """What a student may hand in: both tasks solved, the question not answered."""
    copy = nbformat.from_dict(released)
    cell(copy, "task-vote").source, cell(copy, "task-blend").source = VOTE, BLEND
    return copy


@pytest.fixture
def grafted(released):
    """The reading of a notebook: every released cell is there, in order, locked ones unchanged."""

    def grafted(notebook) -> Reading:
        reading = graft(cells_of(json.loads(json.dumps(notebook))), released)
        nbformat.validate(reading.notebook)
        names = [cell.id for cell in released.cells]
        assert [cell.id for cell in reading.notebook.cells if cell.id in names] == names
        for name in (
            "setup",
            "check-vote",
            "picture-vote",
            "grade-vote",
            "code-training",
            "markdown-prompt",
        ):
            assert cell(reading.notebook, name).source == cell(released, name).source
        return reading

    return grafted


def cell(notebook, name):
    return next(cell for cell in notebook.cells if cell.id == name)


def place(notebook, name):
    return next(place for place, cell in enumerate(notebook.cells) if cell.id == name)


def own(reading, kind="code"):
    """The cells of the student's own, with the id of the cell after each."""
    cells = [*reading.notebook.cells, nbformat.v4.new_raw_cell(id="end")]
    return [
        (one.source, after.id)
        for one, after in zip(cells, cells[1:], strict=False)
        if one.id.startswith("own-") and one.cell_type == kind
    ]


def join(notebook, names, under):
    """The cells joined as an editor does, with the metadata of one of them."""
    cells = [cell(notebook, name) for name in names]
    joined = nbformat.from_dict(cell(notebook, under))
    joined.source = "\n\n".join(one.source for one in cells)
    notebook.cells[place(notebook, names[0])] = joined
    notebook.cells = [one for one in notebook.cells if one not in cells[1:]]
    return notebook


def without_ids(notebook):
    for one in notebook.cells:
        one.id, one.metadata = f"x{id(one)}", {}
    return notebook


KEPT = "; what you added is kept as a cell of your own"
JOINED = [
    ["task-vote", "check-vote"],
    ["task-vote", "check-vote", "picture-vote"],
    ["task-vote", "check-vote", "picture-vote", "grade-vote"],
    ["task-vote", "picture-vote"],
    ["task-vote", "grade-vote"],
    ["setup", "task-vote"],
]


@pytest.mark.parametrize("names", JOINED, ids="+".join)
def test_a_task_joined_with_locked_cells_is_kept_under_whatever_id(grafted, handed_in, names):
    for under in [*names, ""]:
        notebook = nbformat.from_dict(handed_in)
        notebook = join(notebook, names, under or names[0])
        if not under:
            without_ids(notebook)
        reading = grafted(notebook)
        if under == "task-vote":
            assert cell(reading.notebook, under).source == VOTE
            assert own(reading) == []
        else:
            assert [source for source, _ in own(reading) if source != BLEND] == [VOTE]
            assert cell(reading.notebook, "task-vote").source == GONE


def test_what_was_joined_stands_in_front_of_the_locked_cell(grafted, handed_in):
    reading = grafted(join(handed_in, ["task-vote", "check-vote"], "check-vote"))
    assert own(reading) == [(VOTE, "check-vote")]
    assert reading.repairs == [
        "task-vote: the cell is missing.",
        f"check-vote: a locked cell was changed, and is put back{KEPT}.",
    ]


@pytest.mark.parametrize("keep", ["task-blend", "code-training"])
def test_a_training_joined_with_a_task_is_not_run(grafted, handed_in, keep):
    reading = grafted(join(handed_in, ["task-blend", "code-training"], keep))
    code = [one.source for one in reading.notebook.cells if one.cell_type == "code"]
    assert code.count(BLEND) == 1
    assert [source for source in code if "trained" in source] == [TRAINING]


def test_locked_cells_joined_with_each_other_add_nothing(grafted, handed_in):
    for under in ("check-vote", "picture-vote", "grade-vote"):
        names = ["check-vote", "picture-vote", "grade-vote"]
        assert own(grafted(join(nbformat.from_dict(handed_in), names, under))) == []


@pytest.mark.parametrize(
    "name", ["setup", "check-vote", "picture-vote", "grade-vote", "code-training"]
)
@pytest.mark.parametrize("write", ["{answer}\n\n{given}", "{given}\n\n{answer}", "{answer}"])
def test_an_answer_typed_into_a_locked_cell_wins_over_the_stub(grafted, handed_in, name, write):
    cell(handed_in, "task-vote").source = STUB
    cell(handed_in, name).source = write.format(answer=VOTE, given=cell(handed_in, name).source)
    reading = grafted(handed_in)
    [(source, before)] = own(reading)
    assert source == VOTE
    assert before == name or name == "setup"
    assert cell(reading.notebook, "task-vote").source == ELSEWHERE


@pytest.mark.parametrize("name", ["code-imports", "task-blend"])
def test_an_answer_typed_into_another_cell_of_the_students_wins_over_the_stub(
    grafted, handed_in, name
):
    cell(handed_in, "task-vote").source = STUB
    cell(handed_in, name).source += f"\n\n{VOTE}"
    reading = grafted(handed_in)
    assert VOTE in cell(reading.notebook, name).source
    assert cell(reading.notebook, "task-vote").source == ELSEWHERE


@pytest.mark.parametrize(
    "code",
    [
        "vote = lambda labels: labels",
        "from mine import vote",
        "vote = partial(mode)",
        "vote = mode",
    ],
)
def test_a_task_may_be_named_otherwise_than_by_def(grafted, handed_in, code):
    cell(handed_in, "task-vote").source = f"# to do\n{STUB}"
    handed_in.cells.insert(0, nbformat.v4.new_code_cell(code))
    assert cell(grafted(handed_in).notebook, "task-vote").source == "# to do"


def test_a_number_of_the_tasks_name_is_no_answer(grafted, handed_in):
    cell(handed_in, "task-vote").source = STUB
    handed_in.cells.append(nbformat.v4.new_code_cell("vote = 3"))
    assert cell(grafted(handed_in).notebook, "task-vote").source == STUB


def test_a_stub_left_under_the_answer_in_one_cell_does_not_hide_it(grafted, handed_in):
    cell(handed_in, "task-vote").source = f"{VOTE}\n\n\n{STUB}"
    assert cell(grafted(handed_in).notebook, "task-vote").source == VOTE


def test_an_answer_typed_in_front_of_the_imports_is_run_behind_them(grafted, handed_in):
    typed = "def helper(x: Tensor):\n    return x"
    cell(handed_in, "setup").source += f"\n{typed}"
    assert own(grafted(handed_in)) == [(typed, "markdown-vote")]


@pytest.mark.parametrize("has_name", [True, False])
def test_a_check_split_in_two_with_an_answer_between(grafted, handed_in, has_name):
    cell(handed_in, "task-vote").source = STUB
    check, lines = cell(handed_in, "check-vote"), CHECK.split("\n")
    rest = nbformat.v4.new_code_cell(
        "\n".join(lines[2:]), id="rest", metadata=check.metadata if has_name else {}
    )
    check.source = "\n".join(lines[:2])
    at = place(handed_in, "check-vote") + 1
    handed_in.cells[at:at] = [nbformat.v4.new_code_cell(VOTE), rest]
    reading = grafted(handed_in)
    assert own(reading) == [(VOTE, "check-vote")]


def test_what_was_added_is_kept_with_what_it_needs_and_apart_from_what_may_fail(grafted, handed_in):
    added = "# a try\nprint(vote(weights))\ndoubled = weights * 2\n!pip install x\nimport math\n"
    added += "def mine(x):\n    return x  # my own"
    check = cell(handed_in, "check-vote")
    check.source = CHECK.replace("== 1", "== 2") + "\n" + added
    assert [source for source, _ in own(grafted(handed_in))] == [
        "assert vote(torch.tensor([1, 1, 2])) == 2",
        "weights = torch.tensor([4.0, 1.0])",
        "# a try\nprint(vote(weights))",
        added[added.index("doubled") :],
    ]


def test_a_helper_of_the_students_is_not_replaced_by_a_checks_name(grafted, handed_in):
    handed_in.cells.insert(3, nbformat.v4.new_code_cell("weights = 7"))
    cell(handed_in, "check-vote").source += "\ntwice = weights * 2"
    assert [source for source, _ in own(grafted(handed_in))] == [
        "weights = 7",
        "twice = weights * 2",
    ]


def test_of_an_edited_training_what_takes_time_is_not_kept(grafted, handed_in):
    training = cell(handed_in, "code-training")
    training.source = (
        TRAINING.replace("100", "900") + "\nbest = trained(7)\ndef mine():\n    return RATE"
    )
    training.source = "RATE = float('0.1')\n" + training.source
    [(source, before)] = own(grafted(handed_in))
    assert before == "code-training"
    assert source == "RATE = float('0.1')\nSTEPS = 900\n\n\ndef mine():\n    return RATE"


@pytest.mark.parametrize(
    "text", ["pass", "3.0", "", "%%time\n" + CHECK, PICTURE.replace("return", "print(1); return")]
)
def test_what_adds_nothing_leaves_no_cell(grafted, handed_in, text):
    name = "picture-vote" if text.startswith("@") else "check-vote"
    cell(handed_in, name).source = text
    assert own(grafted(handed_in)) == []


@pytest.mark.parametrize(
    "text",
    ["the check is wrong!", f"{VOTE}\n)", "%%writefile mine.py\nx = 1", "# a note", "%%bash\nls"],
)
def test_what_is_no_python_is_kept_too(grafted, handed_in, text):
    cell(handed_in, "check-vote").source = text
    assert own(grafted(handed_in)) == [(text, "check-vote")]


def test_an_answer_in_a_check_that_was_made_markdown(grafted, handed_in):
    cell(handed_in, "task-vote").source = STUB
    cell(handed_in, "check-vote").update(cell_type="markdown", source=VOTE)
    assert own(grafted(handed_in)) == [(VOTE, "check-vote")]


def test_a_check_of_an_older_release_adds_nothing(released, handed_in):
    older = "assert vote(3) == 3\nvisible_checks.passed('vote')"
    handed_in.metadata.assignment = {"tasks": {"vote": {"check": digest(older)}}}
    cell(handed_in, "check-vote").source = older.replace("\n", "\r\n")
    cell(handed_in, "picture-vote").source = "panel = draw(vote)\npanel"
    reading = graft(cells_of(json.loads(json.dumps(handed_in))), released)
    assert own(reading) == []
    assert reading.repairs == ["picture-vote: a locked cell was changed, and is put back."]


def crlf(text):
    return text.replace("\n", "\r\n")


@pytest.mark.parametrize(
    "write",
    [
        crlf,
        lambda text: text.replace("\n", "\r"),
        lambda text: text + "\n\n",
        lambda text: text.replace("\n", "  \n") + "\t",
        lambda text: text.replace("\n", "\u00a0\n"),
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: "\ufeff" + text,
    ],
)
def test_line_ends_and_spaces_are_no_change(grafted, handed_in, write):
    clean = grafted(handed_in)
    for one in handed_in.cells:
        one.source = (
            write(one.source) if one.id not in ("task-vote", "task-blend") else crlf(one.source)
        )
    reading = grafted(handed_in)
    assert reading.repairs == []
    assert len(reading.notebook.cells) == len(clean.notebook.cells)
    assert cell(reading.notebook, "task-vote").source == VOTE
    for one in handed_in.cells:
        one.id, one.metadata = f"x{id(one)}", {}
    assert "locked" not in "".join(grafted(handed_in).repairs)


WHY = "Because the mean is grey."


@pytest.mark.parametrize(
    "write",
    [
        lambda n: cell(n, "markdown-prompt").update(source=f"{PROMPT}\n\n{WHY}"),
        lambda n: cell(n, "markdown-prompt").update(source=f"{PROMPT} {WHY}"),
        lambda n: cell(n, "markdown-prompt").update(
            source=f"{PROMPT}\n\n{WHY}", id="y", metadata={}
        ),
        lambda n: cell(n, "markdown-prompt").update(source=f"{PROMPT[5:]}\n\n{WHY}", id="y"),
        lambda n: join(n, ["markdown-prompt", "written-why"], "markdown-prompt"),
        lambda n: join(n, ["markdown-prompt", "written-why"], "written-why"),
        lambda n: without_ids(join(n, ["markdown-prompt", "written-why"], "written-why")),
        lambda n: join(n, ["written-why", "markdown-blend"], "markdown-blend"),
        lambda n: join(n, ["written-why", "markdown-blend"], "written-why"),
        lambda n: n.cells.insert(place(n, "written-why"), nbformat.v4.new_markdown_cell(WHY)),
        lambda n: n.cells.insert(place(n, "written-why") + 1, nbformat.v4.new_markdown_cell(WHY)),
        lambda n: n.cells.__setitem__(place(n, "written-why"), nbformat.v4.new_markdown_cell(WHY)),
    ],
)
def test_a_written_answer_is_found_around_its_cell(grafted, handed_in, write):
    written = cell(handed_in, "written-why")
    write(handed_in)
    for one in handed_in.cells:  # for those that join the answer's cell
        one.source = (
            one.source.replace(ANSWER, WHY)
            if one.source != ANSWER or one is not written
            else ANSWER
        )
    reading = grafted(handed_in)
    assert WHY in cell(reading.notebook, "written-why").source
    assert len(cell(reading.notebook, "written-why").source) < len(WHY) + 30
    assert own(reading, "markdown") == []


def test_a_note_in_a_question_that_was_answered_is_the_students_own(grafted, handed_in):
    cell(handed_in, "written-why").source = "An answer."
    cell(handed_in, "markdown-prompt").source += "\n\nA note. ![](attachment:a.png)"
    cell(handed_in, "markdown-prompt").attachments = {
        "a.png": {"image/png": "aGk=", "text/html": "<b>"}
    }
    cell(handed_in, "hand-in").source += "\nThanks!"
    reading = grafted(handed_in)
    assert own(reading, "markdown") == [
        ("A note. ![](attachment:a.png)", "written-why"),
        ("Thanks!", "end"),
    ]
    note = reading.notebook.cells[place(reading.notebook, "written-why") - 1]
    assert note.attachments == {"a.png": {"image/png": "aGk="}}


def test_text_of_an_older_release_is_no_answer(grafted, handed_in):
    older = "Why do grey pictures not win?\n\n*1 point, graded by a person.*"
    prompt = cell(handed_in, "markdown-prompt")
    prompt.update(source=older, id=f"markdown-{grafting.content_hash(older)}")
    assert cell(grafted(handed_in).notebook, "written-why").source == ANSWER


@pytest.mark.parametrize(
    ("source", "restored"),
    [
        (IMPORTS.replace("import numpy as np\n", ""), "import numpy as np"),
        (IMPORTS.replace("Tensor, nn", "Tensor"), "from torch import nn"),
        ("def (", "import torch\nimport numpy as np\nfrom torch import Tensor, nn"),
        ("if torch:\n    import torch\n" + IMPORTS[13:], "import torch"),
        ("%%bash\nls", "import torch\nimport numpy as np\nfrom torch import Tensor, nn"),
        ("figures = {}", "import torch\nimport numpy as np\nfrom torch import Tensor, nn"),
    ],
)
def test_imports_that_were_given_out_hold(grafted, handed_in, source, restored):
    cell(handed_in, "code-imports").source = source
    reading = grafted(handed_in)
    at = place(reading.notebook, "code-imports")
    comment, _, code = reading.notebook.cells[at - 1].source.partition("\n")
    assert comment.startswith("# ")
    assert code == restored
    assert cell(reading.notebook, "code-imports").source == source
    assert "`; `".join(restored.split("\n")) in reading.repairs[0]


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib inline\nfrom google.colab import drive\n!pip install x\n" + IMPORTS,
        "import numpy as np, torch\nfrom torch import nn\nfrom torch import Tensor",
        "try:\n    "
        + IMPORTS.partition("\n\n")[0].replace("\n", "\n    ")
        + "\nexcept ImportError:\n    pass",
        IMPORTS.replace("figures = {}", "figures = {1: 2}"),
        crlf(IMPORTS),
    ],
)
def test_nothing_is_put_back_when_no_import_is_missing(grafted, handed_in, source):
    cell(handed_in, "code-imports").source = source
    reading = grafted(handed_in)
    assert own(reading) == []
    assert reading.repairs == []
    assert len(reading.notebook.cells) == len(handed_in.cells)


def test_an_imports_cell_that_was_split_or_moved_has_its_imports(grafted, handed_in):
    first, rest = IMPORTS[:13], IMPORTS[13:]
    cell(handed_in, "code-imports").source = first
    handed_in.cells.insert(3, nbformat.v4.new_code_cell(rest))
    assert grafted(handed_in).repairs == []


def test_an_imports_cell_that_has_lost_its_id_is_run_after_the_one_that_was_given_out(
    grafted, handed_in
):
    edited = "from google.colab import drive\n" + IMPORTS
    cell(handed_in, "code-imports").update(source=edited, id="z")
    reading = grafted(handed_in)
    assert own(reading) == [(edited, "markdown-vote")]
    assert cell(reading.notebook, "code-imports").source == IMPORTS
    assert reading.repairs == []


def test_missing_imports_as_code():
    given = "import torch\nimport os.path as p\nfrom . import a as b, c\nx = 1"
    assert missing_imports(given, "import torch as t\nfrom . import c") == (
        "import torch\nimport os.path as p\nfrom . import a as b"
    )
    assert missing_imports("x = (1", "") == ""
    assert missing_imports(given, given + "\n!ls") == ""


@pytest.mark.parametrize(
    "source",
    [
        "x = (1",
        "\x00",
        "(" * 5000,
        "a" * 300_000,
        "def f(:\n  !ls",
        "\ud800".encode("utf-8", "replace").decode(),
    ],
)
def test_what_is_no_python_has_no_parts(source):
    assert parts_of(source) is None or parts_of(source)
    assert not missing_imports(source, source)


def test_parts_of_a_cell():
    lines = ["# why", "x = 1; y = 2", "files = !ls", "%time f()", "f?", "", "@one", "def f():"]
    parts = parts_of("\n".join(f"  {line}" for line in [*lines, "    %pwd", "    return 1"]))
    kinds = "comment assignment assignment magic magic magic definition"
    assert [part.kind for part in parts] == kinds.split()
    assert parts[3].binds == {"files"}
    assert parts[-1].text == "@one\ndef f():\n    %pwd\n    return 1"


def test_texts_are_compared_by_lines_and_words():
    assert added_text("a\nb x y\n\nnew\nc", "a\nb\nc") == "x y\n\nnew"
    assert added_text("a\na", "a") == "a"
    assert resembles("x = 4", "x = 3")
    assert not resembles("print(1)", "from torch import Tensor, nn")
    assert same_text("a  \r\nb\u00a0", "\na\nb\n")


def test_many_cells_are_refused_before_they_are_looked_at(monkeypatch, tmp_path, released):
    path = tmp_path / "n.ipynb"
    path.write_text('{"cells": [' + ",".join(["{}"] * (MAX_CELLS + 1)) + "]}")
    monkeypatch.setattr(submitted_cells, "_submitted", lambda *_: pytest.fail("looked at"))
    with pytest.raises(judges.RefusedError, match="has 5001 cells, and 5000 is the limit"):
        judges.read_submission(path, released)
    sheets = {"worksheets": [{"cells": [{}] * 3000}, {"cells": [None] * 3000}]}
    with pytest.raises(NotebookError, match="has 6000 cells"):
        cells_of(sheets)


def test_students_and_judge_graft_in_the_same_way(tmp_path, monkeypatch, master):
    assignment, released = master.assignment, student_notebook(master)
    monkeypatch.setattr("autograder.authoring.release.packs_of", lambda _: [])
    name = f"course_utils/released/{assignment.name}.json"
    monkeypatch.setattr(grafting, "RELEASED", tmp_path)
    assert released_notebook(assignment.name) is None
    (tmp_path / f"{assignment.name}.json").write_bytes(student_files(master, released)[name])
    assert released_notebook(assignment.name) == released
    assert released_notebook("../" + assignment.name) is None
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps(join(released, ["task-l2_loss", "check-l2_loss"], "check-l2_loss")))
    copy = released_notebook(assignment.name)
    assert graft_submission(path, copy) == judges.read_submission(path, copy)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"cells": []}', "[" * 100_000])
def test_a_file_that_is_no_notebook_is_said_so_in_a_sentence(tmp_path, released, content):
    path = tmp_path / "n.ipynb"
    path.write_text(content)
    with pytest.raises(NotebookError, match=r"\.$"):
        graft_submission(path, released)
    with pytest.raises(NotebookError, match="can't be read"):
        graft_submission(tmp_path, released)


def test_it_needs_no_torch():
    code = (
        "import sys, course_utils.notebook.grafting\n"
        "print('torch' in sys.modules, 'autograder' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=COURSE, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["False", "False"]
