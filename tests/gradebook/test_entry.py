"""One student's work: judged once, and again as soon as something has changed."""

import nbformat
import pytest
from judged_class import course_of, entry_of, keep, submit

from autograder.assignments import find_assignment
from autograder.authoring.notebooks import student_notebook
from autograder.gradebook import entry as entry_module
from autograder.judge.judge import Judgement
from autograder.judge.verdict import Verdict

ASSIGNMENT = find_assignment("data_driven_graphics")
NAME = ASSIGNMENT.name


@pytest.fixture(scope="module")
def course(warm_up, tmp_path_factory):
    return course_of(warm_up, tmp_path_factory.mktemp("course"))


@pytest.fixture
def student(request) -> str:
    """A student of this test only: the course directory is shared."""
    return request.node.name.removeprefix("test_")


@pytest.fixture
def judged(monkeypatch):
    """The files that the judge was asked to judge; it finds every one of them empty."""
    paths = []

    def judge(submission, exam):
        paths.append(submission)
        verdict = Verdict(NAME, "graded", exam.level, key=exam.key_of(submission))
        return Judgement(verdict, nbformat.v4.new_notebook())

    monkeypatch.setattr(entry_module, "judge", judge)
    return paths


def hand_in(course, student, text="1 + 1"):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text, id="own")])
    return submit(course, ASSIGNMENT, student, notebook)


def keep_verdict(course, warm_up, student, **fields):
    return keep(course, warm_up, student, lambda check: True, student_notebook(warm_up), **fields)


def test_an_entry_is_judged_once(course, student, judged):
    path = hand_in(course, student)
    assert not entry_of(course, ASSIGNMENT, student).is_judged
    first = entry_of(course, ASSIGNMENT, student).judge()
    entry = entry_of(course, ASSIGNMENT, student)
    assert entry.is_judged
    assert entry.judge() == entry.judgement() == first
    assert judged == [path]


def test_a_changed_file_has_another_key_and_no_verdict(course, student, judged):
    hand_in(course, student)
    before = entry_of(course, ASSIGNMENT, student).judge().verdict.key
    hand_in(course, student, "2 + 2")
    entry = entry_of(course, ASSIGNMENT, student)
    assert entry.key != before
    assert entry.verdict is entry.judgement() is None
    assert not entry.is_judged
    assert entry.stored.verdict().key == before  # the old one is still on disk
    entry.judge()
    assert entry_of(course, ASSIGNMENT, student).is_judged
    assert len(judged) == 2


def test_an_entry_reads_its_file_and_its_verdict_once(course, warm_up, student):
    hand_in(course, student)
    keep_verdict(course, warm_up, student)
    entry = entry_of(course, ASSIGNMENT, student)
    key, verdict = entry.key, entry.verdict
    hand_in(course, student, "2 + 2")
    assert entry.key == key
    assert entry.verdict is verdict


def test_what_could_not_be_graded_is_judged_again(course, warm_up, student, judged):
    path = hand_in(course, student)
    keep_verdict(course, warm_up, student, status="not graded", reason="The power went.")
    entry = entry_of(course, ASSIGNMENT, student)
    assert entry.verdict.reason == "The power went."
    assert not entry.is_judged
    assert entry.judge().verdict.status == "graded"
    assert judged == [path]


def test_without_the_executed_notebook_there_is_no_judgement(course, warm_up, student, judged):
    path = hand_in(course, student)
    keep_verdict(course, warm_up, student)
    (entry_of(course, ASSIGNMENT, student).stored.home / "executed.ipynb").unlink()
    entry = entry_of(course, ASSIGNMENT, student)
    assert entry.is_judged
    assert entry.judgement() is None
    entry.judge()
    assert judged == [path]
    assert entry_of(course, ASSIGNMENT, student).judgement() is not None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"assignment": "1"}', "not JSON"])
def test_a_verdict_that_cannot_be_read_is_none(course, warm_up, text):
    hand_in(course, "unreadable")
    keep_verdict(course, warm_up, "unreadable")
    entry = entry_of(course, ASSIGNMENT, "unreadable")
    (entry.stored.home / "verdict.json").write_text(text)
    assert entry.stored.is_there()
    assert entry.verdict is None
    assert not entry.is_judged


def test_two_notebooks_are_not_graded_with_a_sentence(course, student, judged):
    path = hand_in(course, student)
    path.rename(path.with_name("a.ipynb"))
    path.with_name("b.ipynb").write_text("{}")
    judgement = entry_of(course, ASSIGNMENT, student).judge()
    verdict = judgement.verdict
    assert verdict.status == "not graded"
    assert verdict.reason == (
        f"There are 2 notebooks: `a.ipynb`, `b.ipynb`. Rename the one to grade to {NAME}.ipynb."
    )
    assert verdict.earned == 0 < verdict.points
    assert entry_of(course, ASSIGNMENT, student).judgement() == judgement  # it was written
    assert not entry_of(course, ASSIGNMENT, student).is_judged
    assert judged == []  # nothing was run


def test_a_notebook_with_its_own_name_is_not_missing(course, student):
    hand_in(course, student)
    assert entry_of(course, ASSIGNMENT, student).judge_missing() is None


def test_a_renamed_lone_notebook_is_a_repair_and_a_flag(course, student, judged):
    path = hand_in(course, student)
    renamed = path.rename(path.with_name("final.ipynb"))
    entry = entry_of(course, ASSIGNMENT, student)
    assert entry.submission == renamed
    entry.judge()
    assert judged == [renamed]
    note = f"`final.ipynb` was graded: there is no {NAME}.ipynb, and no other notebook."
    verdict = entry_of(course, ASSIGNMENT, student).verdict
    assert verdict.repairs == verdict.flags == [note]
