"""What is said of an error that ended a command: one sentence, and the code of whose fault it is.

Errors of marey's tree say it themselves. Of the others, a full disk, exhausted memory and places
that may not be used are told apart; whatever is left is a mistake of ours.
"""

import errno

from marey.core.errors import EnvironmentFault, InputError, MareyError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG)
_MAX_LETTERS = 200


def explain_error(error: Exception) -> tuple[str, int]:
    """Return a sentence about an error and the exit code of the command it ended."""
    if isinstance(error, MareyError):
        return str(error), error.exit_code
    if isinstance(error, OSError):
        name = _shorten(str(error.filename or "a file"), _MAX_LETTERS // 2)
        place = f" of {name}" if error.filename else ""
        if error.errno in _FULL:
            sentence = f"the disk{place} is full; free some space and run the same command again"
            return sentence, EnvironmentFault.exit_code
        if error.errno in _FORBIDDEN:
            sentence = f"cannot use {name}: {error.strerror}; choose another"
            return sentence, InputError.exit_code
    if isinstance(error, MemoryError):
        sentence = (
            "the memory of this machine is not enough; close other programs, or give a shorter or "
            "smaller recording"
        )
        return sentence, EnvironmentFault.exit_code
    sentence = (
        f"this is a mistake in marey ({_name(error)}); please report it where you got marey, "
        "with what the same command shows with --debug"
    )
    return sentence, MareyError.exit_code


def explain_interrupt(interrupt: KeyboardInterrupt) -> str:
    """Return a sentence about what Ctrl-C has left."""
    return f"interrupted; {str(interrupt) or 'nothing half-written is left behind'}"


def _name(error: Exception) -> str:
    lines = str(error).splitlines() or [""]
    return _shorten(f"{type(error).__name__}: {lines[0]}".rstrip(": "), _MAX_LETTERS)


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."
