"""How commands talk."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Output:
    """How the command talks."""

    overwrite: bool = False
    """Replace existing outputs."""
    quiet: bool = False
    """Print nothing but errors."""
    json: bool = False
    """Print progress and the result as JSON lines."""
    debug: bool = False
    """Show the traceback of an error."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a command that only answers talks."""

    json: bool = False
    """Print the answer as one JSON object."""
    debug: bool = False
    """Show the traceback of an error."""
