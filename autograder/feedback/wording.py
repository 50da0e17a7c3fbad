"""A task's verdict in the words and the table that its student reads."""

import re
from html import escape

from autograder.judge.verdict import CheckVerdict, TaskVerdict, Verdict

NOTE = "note-from-the-grader"  # the id of the cell with `verdict_note`


def task_text(task: TaskVerdict) -> str:
    """The task's checks as plain text, a line each, and the misconception's hint."""
    lines = [f"{task.name}: {task.earned:g} of {task.points:g} points"]
    for check in task.checks:
        lines.append(f"  {'passed' if check.passed else 'FAILED'}  {check.points:g}  {check.says}")
        if not check.passed:
            lines.append(f"             {_why(check)}")
    if task.misconception:
        name, hint = task.misconception
        lines.append(f"  This is what “{name}” gives. {hint}")
    return "\n".join(lines)


def task_html(task: TaskVerdict) -> str:
    """The same as a table; nothing in it comes from the student unescaped."""
    rows = "".join(_row(check) for check in task.checks)
    hint = ""
    if task.misconception:
        name, advice = task.misconception
        title = f"<strong>This is what “{escape(name)}” gives.</strong>"
        hint = f'<p class="hint">{title} {_as_html(advice)}</p>'
    head = "<tr><th></th><th>Check</th><th>Points</th></tr>"
    return (
        f"<p><strong>{escape(task.name)}: {task.earned:g} of {task.points:g} points</strong></p>"
        f'{hint}<table class="table table-condensed checks">{head}{rows}</table>'
    )


def _row(check: CheckVerdict) -> str:
    mark, why = (
        ("✓", "") if check.passed else ("✗", f"<br><strong>{_as_html(_why(check))}</strong>")
    )
    result = "passed" if check.passed else "failed"
    return (
        f'<tr class="{result}"><td title="{result}">{mark}</td><td>{_as_html(check.says)}{why}</td>'
        f"<td>{check.earned:g}/{check.points:g}</td></tr>"
    )


def _as_html(text: str) -> str:
    """A sentence, escaped, in which `names` are set as code."""
    return re.sub("`([^`\n]+)`", r"<code>\1</code>", escape(text))


def _why(check: CheckVerdict) -> str:
    return f"{check.kind}: {check.message}" if check.message else check.kind


def task_comment(task: TaskVerdict) -> str:
    """One paragraph for the gradebook's comment on the task's cell."""
    failed = [check for check in task.checks if not check.passed]
    if not failed:
        return f"{task.earned:g}/{task.points:g}. All {len(task.checks)} checks pass."
    score = f"{task.earned:g}/{task.points:g}"
    text = f"{score}. {len(failed)} of {len(task.checks)} checks fail: {_why(failed[0])}."
    if task.misconception:
        text += f" This is what “{task.misconception[0]}” gives. {task.misconception[1]}"
    return text


def verdict_note(verdict: Verdict) -> str:
    """What a student should know of the submission as a whole; empty when there is nothing."""
    lines = [verdict.reason] if verdict.reason else []
    lines += verdict.repairs
    if verdict.level == "process":
        lines.append("Graded without a sandbox (level `process`).")
    return "\n".join(lines)
