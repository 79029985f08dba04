"""Numbers as people read them on a screen."""


def format_bytes(size: float) -> str:
    """Return a number of bytes in powers of 1000, three digits long."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} bytes" if unit == "bytes" else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def format_seconds(seconds: float) -> str:
    """Return a duration in the units that suit it."""
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min {rest:02d} s" if hours else f"{minutes} min {rest:02d} s"


def format_count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun.

    Args:
        number: How many.
        one: The noun for one.
        many: The noun for more; with an s if empty.
    """
    return f"{number} {one if number == 1 else many or one + 's'}"
