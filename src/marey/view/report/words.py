"""Numbers and times as people read them."""

import math

from marey.view.report.findings import Spans

MAX_SPANS = 8
"""Time ranges written out; of more, the longest."""
DASH, MINUS, TIMES = "\N{EN DASH}", "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
UNKNOWN = DASH
LEAST = 0.01
"""Smaller numbers are not written out; in the units of a report they are nothing."""


def number(value: float, digits: int = 2) -> str:
    """Return a number to some significant digits, without exponents; a dash if unknown."""
    if not math.isfinite(value):
        return UNKNOWN
    if abs(value) < LEAST:
        return f"< {LEAST}" if value > 0 else "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    # Rounding may add a digit in front: 9.96 is 10, not 10.0.
    places = digits - 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(places, 0)}f}".replace(",", " ")


def percent(share: float, digits: int = 2) -> str:
    """Return a share as a percentage; `100 %` only if nothing lacks, `0 %` only if nothing is."""
    if not math.isfinite(share):
        return UNKNOWN
    if 0.995 <= share < 1:
        return "> 99 %"
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{number(100 * share, 3 if share >= 0.9995 else digits)} %"


def moment(seconds: float) -> str:
    """Return a time of the take: 3.2 s, 1:03.2 or 2:01:03.2."""
    tenths = round(seconds * 10)
    sign, tenths = (MINUS if tenths < 0 else ""), abs(tenths)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}:{minutes:02d}:{rest / 10:04.1f}"
    return f"{sign}{minutes}:{rest / 10:04.1f}" if minutes else f"{sign}{rest / 10:.1f} s"


def duration(seconds: float) -> str:
    """Return how long something takes: 42 ms, 4.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{number(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def spans_text(spans: Spans) -> str:
    """Return time ranges in words."""
    kept = sorted(sorted(spans, key=lambda span: span[0] - span[1])[:MAX_SPANS])
    texts = [
        moment(start) if moment(start) == moment(stop) else _range(start, stop)
        for start, stop in kept
    ]
    more = len(spans) - len(kept)
    return ", ".join(texts) + (f" and {more} more" if more else "")


def _range(start: float, stop: float) -> str:
    first, last = moment(start), moment(stop)
    return (
        f"{first.removesuffix(' s')}{DASH}{last}" if last.endswith(" s") else f"{first}{DASH}{last}"
    )


def count(quantity: int, one: str, many: str = "") -> str:
    """Return a quantity with its noun."""
    return f"{quantity:,} {one if quantity == 1 else many or one + 's'}".replace(",", " ")


def spoken(name: str) -> str:
    """Return a joint's or keypoint's name as words."""
    return name.replace("_", " ")
