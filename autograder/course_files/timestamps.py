"""Read when a notebook was handed in, from `timestamp.txt` beside it, in a form of ISO 8601.

    2027-03-02 08:15:00 UTC            as nbgrader's exchange writes it
    2027-03-02T08:15+01:00             with an offset from UTC, or Z
    2027-03-02 08:15 America/New_York  with the name of a time zone
    2027-03-02 08:15                   UTC

Everything else is an error that a person must fix: `02.03.2027` is a different day in Germany and
in the United States.
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
OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?")
REPLACE = "Replace it with a regular file, or delete it."
HOW = "Write it as `2027-03-02 08:15:00 UTC`, with the year first, or delete the file."


def handed_in_at(folder: Path) -> datetime | None:
    """The time in a folder's `timestamp.txt`, in UTC but without tzinfo; None if there is none.

    Raises CourseError, with the right format, for any other text.
    """
    text = written_in(folder)
    return parsed(text, str(folder / NAME)) if text else None


def written_in(folder: Path) -> str:
    """The text of a folder's `timestamp.txt`; empty if the file is missing or empty.

    Raises CourseError for anything but a regular file: pipes block, and links lead anywhere.
    """
    path = folder / NAME
    content = _read_regular(path)
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise CourseError(f"{path} is not in UTF-8. {HOW}") from None
    if len(content) > LONGEST:
        raise CourseError(f"{path} contains more than a date and a time. {HOW}")
    return text


def _read_regular(path: Path) -> bytes:
    try:
        # O_NONBLOCK: opening a pipe must not wait for a writer
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    except OSError as error:
        is_odd = path.is_symlink() or not path.is_file()
        why = "it is not a regular file" if is_odd else error.strerror
        raise CourseError(f"{path} can't be read ({why}). {REPLACE}") from None
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise CourseError(f"{path} can't be read (it is not a regular file). {REPLACE}")
        return os.read(number, LONGEST + 1)
    finally:
        os.close(number)


def parsed(text: str, where: str) -> datetime:
    """Convert a text to a time in UTC, without tzinfo.

    where  the text's file, for the message of the CourseError that this raises for a bad format
    """
    found = WRITTEN.fullmatch(text)
    try:
        if not found:
            raise ValueError
        date, time, zone = found.groups()
        local = datetime.fromisoformat(f"{date}T{(time or '00').replace(',', '.')}")
        return local.replace(tzinfo=_find_zone(zone or "UTC")).astimezone(UTC).replace(tzinfo=None)
    # OSError: ZoneInfo reads files, and some names are folders there
    except (ValueError, OverflowError, OSError):
        shown = "".join(letter if letter.isprintable() else "?" for letter in text[:60])
        raise CourseError(f"{where} contains no ISO 8601 date, but `{shown}`. {HOW}") from None


def _find_zone(name: str) -> tzinfo:
    """Find a time zone. Raises ValueError or OSError for unknown ones, e.g. most abbreviations."""
    if name.upper() in ("Z", "UTC", "GMT"):
        return UTC
    if offset := OFFSET.fullmatch(name):
        sign, hours, minutes = offset.groups()
        if int(hours) > 23 or int(minutes or 0) > 59:
            raise ValueError(name)
        distance = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(distance if sign == "+" else -distance)
    try:
        return ZoneInfo(name)
    except KeyError as error:  # ZoneInfoNotFoundError
        raise ValueError(name) from error
