"""Moments of a video as people write them."""

import re

from marey.core.errors import InputError

_MOMENT = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)")


def parse_moment(text: str, option: str) -> float:
    """Return the seconds of `83.5`, `1:23.5` or `0:01:23.5`.

    Args:
        text: Seconds, minutes and seconds, or hours, minutes and seconds.
        option: What asked for it, for the message.

    Raises:
        InputError: If it is none of them.
    """
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{option} must be seconds or mm:ss, such as 83.5 or 1:23.5, got '{text}'")
    hours, minutes, seconds = match.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + float(seconds)
