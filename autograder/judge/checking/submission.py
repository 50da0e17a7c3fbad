"""The object `submission` of a hidden check: it calls the student's functions by their names.

`submission.soft_encode(ab, bins)` calls the student's `soft_encode`;
`submission.gradient_of("l2_loss", prediction, target)` differentiates it. An object that can't be
sent, such as a network, stays where it is and is called there: `network = submission.ConvNet(3,
10)`, then `network(images)`, `network.state_dict()`.

The functions may be in this process (`LocalSubmission`: the reference, misconceptions,
alternatives) or in a sandbox (`RemoteSubmission`). To a check there is no difference.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from autograder.assignments import COURSE
from autograder.checks import Failure
from autograder.judge.inside import calls, codec, vocabulary
from autograder.judge.inside.codec import Handle
from autograder.judge.intake.weights_file import saved_tensors

REFERENCE_FILES = {
    path.name: path for path in (COURSE / "course_utils/reference").glob("*.safetensors")
}


@dataclass
class Call:
    """One call of a task, or of an object that a task has returned, and its result.

    of       the call that returned the object; None if the task itself is called
    method   the name of the object's method that is called; empty for the object itself
    wrt      position of the argument that the call is differentiated by, or None for the value
             itself
    result   the value or the gradient, or the Failure
    changed  the call wrote into one of its arguments
    """

    task: str
    args: tuple
    kwargs: dict[str, Any]
    wrt: int | None = None
    cotangent: Tensor | Sequence[Tensor] | None = None
    of: "Call | None" = None
    method: str = ""
    result: object = None
    changed: bool = False


@dataclass
class Answer:
    """The result of a call: its value or gradient, and whether it wrote into an argument."""

    value: object
    changed: bool = False


class RemoteObject:
    """An object that a call has returned and that can't be sent, such as a network.

    It stays where it is. It and its methods are called there.

    kind  what it is called in a sentence
    """

    def __init__(self, submission: "Submission", origin: Call, kind: str) -> None:
        self._submission, self._origin, self.kind = submission, origin, kind

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Call it."""
        return self._call("", *args, **kwargs)

    def __getattr__(self, method: str) -> partial:
        if method.startswith("_"):
            raise AttributeError(method)
        return partial(self._call, method)

    def _call(self, method: str, *args: object, **kwargs: object) -> object:
        call = Call(self._origin.task, args, kwargs, of=self._origin, method=method)
        return self._submission._record(call)


class Submission(ABC):
    """Calls tasks by name, and records the calls, so that a failure can be explained.

    files  by name, the files that are handed in with the notebook
    """

    def __init__(self, files: Mapping[str, Path] | None = None) -> None:
        self.calls: list[Call] = []
        self._files = dict(files or {})

    def __getattr__(self, task: str) -> partial:
        if task.startswith("_"):
            raise AttributeError(task)
        return partial(self._value_of, task)

    def gradient_of(
        self,
        task: str | RemoteObject,
        *args: object,
        wrt: int = 0,
        cotangent: Tensor | Sequence[Tensor] | None = None,
        **kwargs: object,
    ) -> Tensor:
        """The gradient of task(*args, **kwargs) by its argument number `wrt`.

        task       its name, or an object that a task has returned
        cotangent  the gradient that arrives at the result, in its shape; a list of them for a pair;
                   None for a scalar
        Raises Failure when no gradient flows.
        """
        of = None
        if isinstance(task, RemoteObject):
            of, task = task._origin, task._origin.task
        return self._record(Call(task, args, kwargs, wrt=wrt, cotangent=cotangent, of=of))

    def saved(self, name: str) -> dict[str, Tensor]:
        """The tensors of a file that is handed in with the notebook.

        name  as in the assignment's front matter
        Raises Failure if the file is missing or is no safetensors file, and KeyError if the front
        matter does not name it.
        """
        return saved_tensors(self._files[name])

    def _value_of(self, task: str, *args: object, **kwargs: object) -> object:
        return self._record(Call(task, args, kwargs))

    def _record(self, call: Call) -> Any:
        self.calls.append(call)
        try:
            answer = self.answer(call)
        except Failure as failure:
            call.result = failure
            raise
        call.result, call.changed = answer.value, answer.changed
        if isinstance(answer.value, Handle):
            call.result = RemoteObject(self, call, answer.value.kind)
        return call.result

    @abstractmethod
    def answer(self, call: Call) -> Answer:
        """Make the call. Raises Failure for whatever is the submission's fault."""


class LocalSubmission(Submission):
    """Functions of this process, trusted: the reference, or the reference with one task replaced.

    files  the files handed in with them; by default those that the reference has saved
    """

    def __init__(
        self, functions: Mapping[str, object], files: Mapping[str, Path] | None = None
    ) -> None:
        super().__init__(REFERENCE_FILES if files is None else files)
        self._functions = functions
        self._made: dict[int, tuple[Call, object]] = {}  # what can't be sent, by its call
        self._unsent = codec.Kept()  # arguments that can't be sent

    def answer(self, call: Call) -> Answer:
        """Call the function, here, with copies of the arguments. Raises Failure."""
        function = self._function(call)
        args = [calls.copied(value, self._unsent) for value in call.args]
        kwargs = {name: calls.copied(value, self._unsent) for name, value in call.kwargs.items()}
        arguments = calls.Arguments(args, kwargs, self._unsent.keep)
        try:
            value = _evaluate(function, arguments, call)
        except Failure:
            raise
        except NotImplementedError:
            raise Failure("not solved", f"`{call.task}` is not written yet") from None
        except Exception as error:  # a wrong answer may raise anything
            raise Failure("error", f"`{call.task}` raised {type(error).__name__}") from None
        value = codec.plain(value)
        if type(value) not in codec.SENT:
            self._made[id(call)] = call, value
            value = Handle(len(self._made), vocabulary.describe(value))
        return Answer(value, bool(arguments.changed()))

    def _function(self, call: Call) -> object:
        if call.of is None:
            function = self._functions.get(call.task)
        else:
            _, made = self._made.get(id(call.of), (None, None))
            function = getattr(made, call.method, None) if call.method else made
        if function is None:
            raise Failure("not defined", f"there is no {called(call)}")
        return function


def called(call: Call) -> str:
    """The name of what is called, for a sentence."""
    if call.of is None:
        return f"`{call.task}`"
    given = f"what `{call.task}` gives"
    return f"`{call.method}` of {given}" if call.method else given


def _evaluate(function: object, arguments: calls.Arguments, call: Call) -> object:
    if call.wrt is None:
        return calls.evaluate(function, arguments)
    (gradient,) = calls.gradients(function, arguments, [call.wrt], call.cotangent)
    if gradient is None:
        raise no_gradient()
    return gradient


def no_gradient() -> Failure:
    """The failure of a result that can't be differentiated."""
    return Failure("no gradient", "no gradient flows from the result back to its input")
