"""Which stages made a take: a line for each, and tables where a stage says something of many."""

from collections.abc import Mapping
from typing import Any

from marey.jobs.info.description import Fact, Plain, Table
from marey.jobs.phrases import format_count
from marey.jobs.refine.notes import describe_refined

NOTHING = "none"
"""What stands where there is nothing; columns that hold nothing else are not shown."""
_VERDICTS = {
    "reference": "the others are compared with it",
    "right": "agrees with the others",
    "shifted": "shifted",
    "unknown": "not known; left as it is",
}


def say_provenance(provenance: Mapping[str, Any]) -> list[Fact]:
    """Say which stages made a take, with their options; what has a table is in it."""
    return [
        Fact(
            f"made_by_{stage}",
            _to_plain(options),
            _format_stage(stage, options) or NOTHING,
            hidden=stage == "views" and bool(_rows_of_views(options)),
        )
        for stage, options in provenance.items()
    ]


def tabulate_provenance(provenance: Mapping[str, Any]) -> tuple[Table, ...]:
    """Return tables of how well cameras agree, of their clocks, and of what was forced by hand."""
    views, clocks = provenance.get("views"), provenance.get("clocks")
    tables = (
        Table(name="agreement_of_cameras", rows=_rows_of_views(views)),
        Table(name="clocks", rows=_rows_of_clocks(clocks)),
        Table(name="overrides", rows=_rows_of_overrides(provenance.get("overrides"))),
    )
    return tuple(table for table in tables if table.rows)


def _rows_of_views(views: Any) -> tuple[tuple[Fact, ...], ...]:
    return tuple(
        (
            Fact("name", name),
            _figure("keypoints", view.get("keypoints"), lambda n: f"{n:.0f}"),
            _figure("agree", view.get("agreeing"), lambda share: f"{100 * share:.1f} %"),
            _figure("median_distance_px", view.get("error_px"), lambda px: f"{px:.3g} px"),
        )
        for name, view in _tables_in(views)
    )


def _rows_of_clocks(clocks: Any) -> tuple[tuple[Fact, ...], ...]:
    def ms(seconds: float) -> str:
        return f"{1000 * seconds:+.1f} ms"

    rows = []
    for name, clock in _tables_in(clocks):
        verdict = str(clock.get("verdict", ""))
        rows.append(
            (
                Fact("name", name),
                Fact("verdict", verdict, _VERDICTS.get(verdict, verdict)),
                _figure("found_s", clock.get("offset_s"), ms),
                _figure(
                    "give_or_take_s", clock.get("sigma_s"), lambda s: ms(abs(s)).removeprefix("+")
                ),
                _figure("applied_s", clock.get("applied_s"), ms),
                _figure("drift", clock.get("drift_s_per_s"), lambda d: f"{1000 * d:+.2g} ms a s"),
            )
        )
    return tuple(rows)


def _rows_of_overrides(overrides: Any) -> tuple[tuple[Fact, ...], ...]:
    entries = overrides.get("entries") if isinstance(overrides, Mapping) else None
    if not isinstance(entries, list | tuple):
        return ()
    return tuple(
        (
            Fact("when", _to_plain(each.get("frames", each.get("seconds"))), _say_when(each)),
            Fact("person", _to_plain(each.get("person")), str(each.get("person", "everybody"))),
            Fact("cameras", _to_plain(each.get("cameras")), _say_names(each.get("cameras"), "all")),
            Fact("joints", _to_plain(each.get("joints")), _say_names(each.get("joints"), "all")),
            _figure("confidence", each.get("confidence"), lambda value: f"{value:g}"),
            Fact("why", _to_plain(each.get("why")), str(each.get("why") or NOTHING)),
        )
        for each in entries
        if isinstance(each, Mapping)
    )


def _say_when(override: Mapping[str, Any]) -> str:
    seconds, frames = override.get("seconds"), override.get("frames")
    if isinstance(seconds, list | tuple):
        return f"{' to '.join(map(_format_value, seconds))} s"
    if not isinstance(frames, list | tuple) or not frames:
        return "all frames"
    ranges = [pair if isinstance(pair, list | tuple) else (pair,) for pair in frames]
    told = [" to ".join(map(str, dict.fromkeys(pair))) for pair in ranges]
    return f"frames {', '.join(told)}"


def _say_names(names: Any, otherwise: str) -> str:
    return ", ".join(map(str, names)) if isinstance(names, list | tuple) and names else otherwise


def _tables_in(stage: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Return what a stage says of each of several things; a take may come from anywhere."""
    if not isinstance(stage, Mapping):
        return []
    return [(str(name), told) for name, told in stage.items() if isinstance(told, Mapping)]


def _figure(name: str, value: Any, say: Any) -> Fact:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Fact(name, None, NOTHING)
    return Fact(name, value, say(value))


def _format_stage(stage: str, options: Any) -> str:
    if not isinstance(options, Mapping):
        return str(options)
    people = options.get("people")
    if stage == "refine" and isinstance(people, Mapping):
        return "; ".join(describe_refined(name, told) for name, told in _tables_in(people))
    if stage == "overrides" and isinstance(options.get("entries"), list | tuple):
        return f"{format_count(len(options['entries']), 'override')} by hand"
    if stage == "clocks" and options.get("method") == "trusted":
        return "trusted as the videos state them"
    if stage == "clocks":
        return f"found from {_format_value(options.get('method', 'unknown'))}"
    return _format_options(options)


def _format_options(options: Mapping[str, Any]) -> str:
    # Checksums tell machines what was used; --json has them.
    told = {key: value for key, value in options.items() if not key.endswith("sha256")}
    return ", ".join(f"{key.replace('_', ' ')} {_format_value(v)}" for key, v in told.items())


def _format_value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Mapping):
        return f"({_format_options(value)})"
    if isinstance(value, list | tuple):
        return " ".join(map(_format_value, value))
    return f"{value:.4g}" if isinstance(value, float) else f"{value}"[:60]


def _to_plain(value: Any) -> Plain:
    if isinstance(value, Mapping):
        return {str(key): _to_plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
