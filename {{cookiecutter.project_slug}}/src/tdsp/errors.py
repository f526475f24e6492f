"""What ends a command: one line for the user, and an exit code that automation can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class TdspError(Exception):
    """A failure that the user can understand; `cli.main` prints it as one line and exits with `code`."""

    code = 1


class WrongInput(TdspError):
    """The user gave something that cannot work: a bad value, a missing file, an impossible combination."""

    code = 2


def shown(error: OSError) -> str:
    """Return what the operating system complains about in one line: the file, and why."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or str(error).strip() or type(error).__name__}".splitlines()[0]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?`, or the list of what there is, or nothing."""
    import difflib  # for mistakes only

    names = sorted(known)
    near = difflib.get_close_matches(str(word), names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there is {', '.join(names[:12])}{', …' if len(names) > 12 else ''}" if names else "; there is none"
