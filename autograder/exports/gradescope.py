"""A verdict as Gradescope reads it, and the judge as Gradescope's container runs it.

    python -P -m autograder.exports.gradescope ASSIGNMENT LEVEL SUBMISSION RESULTS

SUBMISSION is the folder that was handed in, RESULTS the results.json to write. Whatever happens,
RESULTS is a whole file afterwards, with a sentence for its student; what only the instructor may
see goes to stdout.
"""

import json
import os
import re
import sys
import traceback
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from time import monotonic

from autograder.assignments import Assignment, CourseError, find_assignment
from autograder.course_files.files import write_whole
from autograder.feedback.wording import verdict_note
from autograder.judge.exam import exam_of
from autograder.judge.intake.read_notebook import RefusedError
from autograder.judge.judge import judge
from autograder.judge.verdict import CheckVerdict, TaskVerdict, Verdict
from autograder.judge.workers.bubblewrap import BUBBLEWRAP, PROCESS

BUG = (
    "The autograder's output, which only instructors see, says where. "
    "Mend it, and run it again for this one."
)
LONGEST = 10_000  # characters of one text
MOST_FILES = 10_000
# Control characters, which no database likes; turns of the direction of writing; halves of a
# letter.
UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
NO_CHECKPOINT = (".ipynb_checkpoints", "__MACOSX")
OUR_FAULT = (
    "This submission was not graded, and has no score. "
    "That is no fault of yours: tell your instructor."
)
STAMP = "Graded without a sandbox"
ALLOW = (
    "Some containers don't let bubblewrap make its namespaces. Instructors who trust their "
    "students can "
    "build the autograder with `--sandbox process`, which does not isolate, and is stamped on "
    "every result."
)


def results_of(verdict: Verdict) -> dict:
    """The content of results.json, a test for each check.

    A verdict of `not graded` claims no score. What only an instructor may see, as the flags, is not
    in it.
    """
    if verdict.status == "not graded":
        return fault(verdict.reason, ALLOW if verdict.level == BUBBLEWRAP else "")
    note = verdict_note(verdict)
    return {
        "score": verdict.earned,
        "output": _text("\n".join([f"{verdict.earned:g} of {verdict.points:g} points.", note])),
        "output_format": "text",
        "stdout_visibility": "hidden",
        "tests": [
            _test(task, check, f"{first}.{second}")
            for first, task in enumerate(verdict.tasks, 1)
            for second, check in enumerate(task.checks, 1)
        ],
    }


def _test(task: TaskVerdict, check: CheckVerdict, number: str) -> dict:
    return {
        "name": _text(task.name),
        "name_format": "text",
        "number": number,
        "score": check.earned,
        "max_score": check.points,
        "status": "passed" if check.passed else "failed",
        "output": _text("\n".join(_words(check))),
        "output_format": "text",  # Gradescope escapes it
        "visibility": "visible",
    }


def _words(check: CheckVerdict) -> Iterator[str]:
    yield check.says
    if not check.passed:
        yield f"{check.kind}: {check.message}" if check.message else check.kind
    if check.misconception:
        yield f"This is what “{check.misconception}” gives. {check.hint or ''}".rstrip()


def _text(text: str) -> str:
    """A text that every JSON reader and database accepts: of bounded length and valid Unicode."""
    return UNSEEN.sub("�", text[:LONGEST]).strip()


def fault(reason: str, remedy: str = "") -> dict:
    """The content of results.json after a fault of ours: no score, and a test that says why.

    remedy  what the instructor can do, a sentence
    The test has no points, which Gradescope takes for a piece of information; so nobody gets a
    zero.
    """
    failed = {
        "name": "Not graded: for the instructor",
        "name_format": "text",
        "status": "failed",
        "output": _text(f"{reason}\n{remedy}"),
        "output_format": "text",
        "visibility": "visible",
    }
    return _no_tests(f"{OUR_FAULT}\n{reason}") | {"tests": [failed]}


def refused(reason: str) -> dict:
    """The content of results.json of what is no submission: zero, with the reason."""
    return {"score": 0.0} | _no_tests(f"{reason}\nHand it in again.")


def _no_tests(said: str) -> dict:
    return {
        "output": _text(said),
        "output_format": "text",
        "stdout_visibility": "hidden",
        "tests": [],
    }


def find_notebook(submission: Path) -> Path:
    """The only notebook in a folder tree. Raises RefusedError for none and for several."""
    found = sorted(_notebooks(submission))
    if not found:
        raise RefusedError("There is no notebook in what was handed in: no file ends in .ipynb.")
    if len(found) > 1:
        names = ", ".join(_text(path.name)[:60] for path in found[:5])
        raise RefusedError(f"There are {len(found)} notebooks, and one can be graded: {names}.")
    return found[0]


def _notebooks(folder: Path) -> list[Path]:
    files = list(islice(_files(folder), MOST_FILES + 1))
    if len(files) > MOST_FILES:
        raise RefusedError(
            f"There are more than {MOST_FILES} files: hand in the notebook, and what it saves."
        )
    return [
        path for path in files if path.suffix.lower() == ".ipynb" and not path.name.startswith(".")
    ]


def _files(folder: Path) -> Iterator[Path]:
    """Every file below a folder, links left out, and copies that programs make for themselves."""
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in NO_CHECKPOINT]
        yield from (path for name in names if not (path := Path(here, name)).is_symlink())


def results_for(submission: Path, assignment: Assignment, level: str) -> dict:
    """Judge a folder, print the instructor's part, and return the content of results.json.

    Raises MasterError when the assignment itself can't be read, CourseError when there is no such
    folder.
    """
    if not submission.is_dir():
        raise CourseError(f"There is no folder {submission}.")
    try:
        notebook = find_notebook(submission)
    except RefusedError as error:
        return _stamped(refused(str(error)), level)
    verdict = judge(notebook, exam_of(assignment, level)).verdict
    for flag in verdict.flags:
        print(f"to look at: {_text(flag)}")
    results = results_of(verdict)
    if verdict.status == "not graded":
        print(results["tests"][0]["output"])
    return _stamped(results, level)


def _stamped(results: dict, level: str) -> dict:
    """Names the sandbox in the result if it was the weaker one, whatever the outcome."""
    if level == PROCESS and STAMP not in results["output"]:
        results["output"] += f"\n{STAMP} (level `{level}`)."
    return results


def write_results(path: Path, results: dict) -> None:
    """Write results.json, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(results, indent=1, allow_nan=False))


def main(name: str, level: str, submission: str, results: str) -> None:
    """Judge a folder and write results.json; errors go into it, and in full to stdout."""
    start = monotonic()
    try:
        found = results_for(Path(submission), find_assignment(name), level)
    except Exception as error:  # no bug of ours may become a student's zero, or an empty page
        traceback.print_exc(file=sys.stdout)
        found = _stamped(fault(f"The grader failed: {type(error).__name__}.", BUG), level)
    write_results(Path(results), found | {"execution_time": round(monotonic() - start, 1)})


if __name__ == "__main__":
    main(*sys.argv[1:])
