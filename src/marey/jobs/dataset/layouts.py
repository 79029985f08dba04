"""Names of the layouts a corpus can be written in; apart, so that `--help` loads nothing."""

from typing import Literal

Layout = Literal["harmony4d"]
