"""The limits of a submission: generous defaults, which an assignment's front matter can change."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

MB, GB = 2**20, 2**30


@dataclass(frozen=True)
class Limits:
    """Limits in seconds (s), bytes (B) or counts; the reason shown to students is in brackets.

    Time counts while the submission runs or sleeps, not while it waits for a core (own_time.py).

    cell        s    one cell [time]
    call        s    one call of a task [time]
    submission  s    all cells and calls of one worker, without its start-up [time]
    cpu         s    processor time of each process, without its start-up [time]
    start_up    s    until the worker answers. Exceeding it is the machine's fault, not the
                     student's (SandboxError)
    memory      B    growth of each process after the imports [MemoryError, or memory]
    tree        B    resident memory of all processes together, including imports [memory]
    processes        processes and threads together
    files            open files of each process
    file_size   B    one file
    tmp         B    /tmp, which contains the home and the working directory
    shm         B    /dev/shm
    output      B    text and pictures that one cell outputs; the rest is cut off
    header      B    the JSON part of a message [output]
    reply       B    a whole message [output]
    """

    cell: float = 10.0
    call: float = 5.0
    submission: float = 100.0
    cpu: float = 20.0
    start_up: float = 60.0
    memory: int = 2 * GB
    tree: int = 3 * GB
    processes: int = 64
    files: int = 256
    file_size: int = 64 * MB
    tmp: int = 128 * MB
    shm: int = 64 * MB
    output: int = 8 * MB
    header: int = 4 * MB
    reply: int = 64 * MB

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, float]) -> "Limits":
        """The defaults, updated with `mapping`.

        Raises ValueError for an unknown limit, and for a value that is not a positive number.
        """
        defaults = asdict(cls())
        for name, value in mapping.items():
            if name not in defaults:
                raise ValueError(f"There is no limit {name!r}. Limits: {', '.join(defaults)}.")
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not is_number or not 0 < value < 2**53:
                raise ValueError(f"The limit {name!r} must be a positive number, not {value!r}.")
        given = {name: type(defaults[name])(value) for name, value in mapping.items()}
        return replace(cls(), **given)
