"""Published rows: complete, sourced, and the same numbers wherever they are quoted."""

import pytest

from marey.evaluate.protocols import PROTOCOLS, get_protocol
from marey.evaluate.published import PUBLISHED


def value(protocol: str, system: str, column: str) -> float | None:
    table = PUBLISHED[protocol]
    (row,) = (row for row in table.rows if row.system == system)
    return row.values[table.columns.index(column)]


@pytest.mark.parametrize("name", PUBLISHED)
def test_rows_fit_their_protocol(name: str) -> None:
    table, protocol = PUBLISHED[name], get_protocol(name)
    measured = [metric.name for metric in protocol.metrics]
    assert set(table.columns) <= set(measured)
    systems = [row.system for row in table.rows]
    assert len(set(systems)) == len(systems)
    for row in table.rows:
        assert len(row.values) == len(table.columns)
        assert any(number is not None for number in row.values)
        assert row.source
        assert row.grade in "PSR"


@pytest.mark.parametrize("name", PUBLISHED)
def test_numbers_are_in_the_protocols_units(name: str) -> None:
    """A PCK in percent beside one in shares would be the easiest mistake."""
    table = PUBLISHED[name]
    units = {metric.name: metric.unit for metric in get_protocol(name).metrics}
    for row in table.rows:
        for column, number in zip(table.columns, row.values, strict=True):
            if number is None:
                continue
            share = units[column] == ""
            assert 0 < number <= 1 if share else number > (0.5 if units[column] == "mm" else 0)


def test_numbers_read_twice_are_the_same() -> None:
    """A slip of the pen in copying would differ between sources that quote each other."""
    assert value("hardmo", "HardMo-HMR", "MPJPE body") == 36.0
    assert value("hardmo-hand", "HardMo-HMR, poster", "PCK@0.01 hand") == round(
        value("hardmo-hand", "HardMo-HMR with B.S.O", "PCK@0.01 hand") or 0, 2
    )
    # The supplement's text: foot MPJPE falls by 23.4 mm and body MPJPE by 15.3 mm.
    foot = [
        value("hardmo-foot", f"HardMo-HMR {w} OPT, P1", "MPJPE foot") for w in ("without", "with")
    ]
    body = [
        value("hardmo-foot", f"HardMo-HMR {w} OPT, P1", "MPJPE body") for w in ("without", "with")
    ]
    assert (foot[0] or 0) - (foot[1] or 0) == pytest.approx(23.4)
    assert (body[0] or 0) - (body[1] or 0) == pytest.approx(15.3)
    # And PA-MPJPE of optimised labels by 0.8 on the subset of 350k.
    subset = [
        value("hardmo", f"HardMo-4DHumans-350k {w} OPT", "PA-MPJPE body")
        for w in ("without", "with")
    ]
    assert (subset[0] or 0) - (subset[1] or 0) == pytest.approx(0.8)


@pytest.mark.parametrize("system", ["HMR2.0", "PARE", "Multi-HMR", "BEV", "BUDDI", "ROMP"])
def test_harmony4ds_normalised_errors_are_errors_by_f1(system: str) -> None:
    """NMJE = MPJPE / F1 and NMVE = MPVPE / F1, with F1 rounded as the program does."""
    f1 = value("harmony4d", system, "F1") or 1
    for normalised, error in (("NMJE", "MPJPE"), ("NMVE", "MPVPE")):
        expected = (value("harmony4d", system, error) or 0) / f1
        assert value("harmony4d", system, normalised) == pytest.approx(expected, abs=0.02)


def test_every_lineage_has_rows() -> None:
    """Protocols without any are those whose tables no source at hand quotes, and our own."""
    without = {name for name in PROTOCOLS if name not in PUBLISHED}
    assert without == {"humaneva-draft", "posetrack-draft", "takes"}
