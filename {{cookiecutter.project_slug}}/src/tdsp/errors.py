"""What ends a command: one line for the user, and an exit code that automation can read."""


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
