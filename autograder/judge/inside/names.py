"""What the names of a notebook stand for, and which of them a task uses."""

from collections.abc import Iterator
from types import CodeType, FunctionType

Names = dict[str, object]


def restore(names: Names, then: Names) -> None:
    """Make names stand for what they stood for then.

    The dictionary is never empty meanwhile, as a thread may be looking into it.
    """
    for name in names.keys() - then.keys():
        del names[name]
    names.update(then)


def names_used(value: object, found: set[str], names: Names) -> set[str]:
    """The names in the notebook that a function or class uses, also through others; `found` grows.

    names  what each name of the notebook stands for
    """
    for code in _codes_of(value):
        for name in {*code.co_names} - found:
            if name in names:
                found.add(name)
                names_used(names[name], found, names)
    return found


def is_stub(value: object) -> bool:
    """Whether a task, or a method of it, does nothing but raise NotImplementedError."""
    return any({"NotImplementedError"} == {*code.co_names} for code in _codes_of(value))


def _codes_of(value: object) -> Iterator[CodeType]:
    """The code of a function, of the methods of a class, and of what is defined inside of them."""
    todo = [value]
    if isinstance(value, type):
        todo += vars(value).values()
    while todo:
        one = todo.pop()
        if not isinstance(one, (type, CodeType)):
            one = getattr(one, "__wrapped__", one)
        code = one.__code__ if isinstance(one, FunctionType) else one
        if isinstance(code, CodeType):
            yield code
            todo += code.co_consts
