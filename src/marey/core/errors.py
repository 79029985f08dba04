"""Every error marey raises on purpose.

The tree, with the exit code the command line gives each branch::

    MareyError
    ├── InputError              2  something the user gave is wrong
    │   ├── FormatError            a file is not what its name or header promises
    │   ├── ShapeError             an array has the wrong axes or sizes
    │   ├── OutputExistsError      the result would overwrite something
    │   └── NothingFoundError      the input is sound, but holds no people (or no motion)
    └── EnvironmentFault        3  the machine or the installation lacks something
        ├── MissingExtraError      an optional package is not installed
        └── MissingAssetError      a shipped model file is absent or damaged

Everything else that escapes is our own mistake (exit code 1). A message is one sentence that says
what was expected, what came, and what to do next.
"""


class MareyError(Exception):
    """Root of all errors raised on purpose by marey."""

    exit_code = 1


class InputError(MareyError, ValueError):
    """Something the user gave (a file, an option, an array) cannot be used."""

    exit_code = 2


class FormatError(InputError):
    """A file's content does not match the format that was expected."""


class ShapeError(InputError):
    """An array has the wrong number of axes or the wrong size along one of them."""


class OutputExistsError(InputError):
    """The place to write to is taken and overwriting was not asked for."""


class NothingFoundError(InputError):
    """The input could be read but contains nothing to work on."""


class EnvironmentFault(MareyError, RuntimeError):
    """The machine or the installation lacks something marey needs."""

    exit_code = 3


class MissingExtraError(EnvironmentFault):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, extra: str, purpose: str):
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed; "
            f"run: pip install 'marey[{extra}]'"
        )


class MissingAssetError(EnvironmentFault):
    """A shipped model file is absent, or its checksum differs from its card's."""
