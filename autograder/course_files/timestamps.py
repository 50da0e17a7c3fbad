"""When something was handed in, by the `timestamp.txt` beside it: a date and time as in ISO 8601,
or nothing.

    2027-03-02 08:15:00 UTC            as nbgrader's exchange writes it
    2027-03-02T08:15+01:00             or with a difference to UTC, or Z
    2027-03-02 08:15 America/New_York  or with a zone's name
    2027-03-02 08:15                   UTC

Anything else is a question for a person: `02.03.2027` is two different days in two countries.
"""

import os
import re
import stat
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder.assignments import CourseError

NAME = "timestamp.txt"
LONGEST = 200  # bytes
DATE = r"\d{4}-\d\d-\d\d|\d{8}|\d{4}-?W\d\d-?\d"
TIME = r"\d\d(?::?\d\d(?::?\d\d(?:[.,]\d{1,9})?)?)?"
WRITTEN = re.compile(rf"({DATE})(?:[Tt ]\s*({TIME})\s*(\S+)?)?")
DIFFERENCE = re.compile(r"([+-])(\d\d):?(\d\d)?")
HOW = "Write it as `2027-03-02 08:15:00 UTC`, with the year first, or delete the file."


def handed_in_at(folder: Path) -> datetime | None:
    """The time in a folder's `timestamp.txt`, in UTC and without a zone; None if there is none.

    Raises CourseError, with how to write it, for what is no such time.
    """
    text = written_in(folder)
    return parsed(text, str(folder / NAME)) if text else None


def written_in(folder: Path) -> str:
    """The text of a folder's `timestamp.txt`; empty if there is no such file, or nothing in it.

    Raises CourseError for what is no plain file: a pipe would be waited for, a link leads
    elsewhere.
    """
    path = folder / NAME
    try:
        # Not waiting for whoever might write to a pipe
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    except OSError as error:
        why = (
            "it is a link or no file" if path.is_symlink() or not path.is_file() else error.strerror
        )
        raise CourseError(
            f"{path} is not read ({why}). Put a plain file there, or delete it."
        ) from None
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise CourseError(
                f"{path} is not read (it is no plain file). Put one there, or delete it."
            )
        content = os.read(number, LONGEST + 1)
    finally:
        os.close(number)
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise CourseError(f"{path} is not in UTF-8. {HOW}") from None
    if len(content) > LONGEST:
        raise CourseError(f"{path} says more than a date and a time. {HOW}")
    return text


def parsed(text: str, where: str) -> datetime:
    """A time as UTC, without a zone. Raises CourseError, which says where it stands and how to
    write it.
    """
    found = WRITTEN.fullmatch(text)
    try:
        if not found:
            raise ValueError
        date, time, zone = found.groups()
        local = datetime.fromisoformat(f"{date}T{(time or '00').replace(',', '.')}")
        return local.replace(tzinfo=_zone(zone or "UTC")).astimezone(UTC).replace(tzinfo=None)
    except (
        ValueError,
        OverflowError,
        OSError,
    ):  # OSError: some names are folders of the zones' files
        said = "".join(sign if sign.isprintable() else "?" for sign in text[:60])
        raise CourseError(
            f"{where} has no date in it that is ISO 8601, but `{said}`. {HOW}"
        ) from None


def _zone(name: str) -> tzinfo:
    """A time zone. Raises ValueError or OSError for one that is not known, as abbreviations mostly
    are.
    """
    if name.upper() in ("Z", "UTC", "GMT"):
        return UTC
    if difference := DIFFERENCE.fullmatch(name):
        sign, hours, minutes = difference.groups()
        if int(hours) > 23 or int(minutes or 0) > 59:
            raise ValueError(name)
        apart = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(apart if sign == "+" else -apart)
    try:
        return ZoneInfo(name)
    except KeyError as error:  # ZoneInfoNotFoundError
        raise ValueError(name) from error
