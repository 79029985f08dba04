"""What a take's provenance says of its refinement, in sentences."""

from collections.abc import Mapping
from typing import Any


def describe_refined(name: str, notes: Mapping[str, Any]) -> str:
    """Return how a person was refined as a sentence.

    Args:
        name: The person's.
        notes: The person's part of what `marey.jobs.refine.take` noted.
    """
    # A take may come from anywhere, so nothing is taken for granted.
    told = {key: f"{value}"[:80] for key, value in notes.items() if isinstance(value, str)}
    what, by = told.get("what", "motion"), told.get("network", told.get("method"))
    if by is None:
        return f"{name} has no motion and no points in space to refine"
    if by == "none":
        return f"{name}: {what} left as it is"
    sentence = f"{name}: {what} refined by {by}"
    if "filter" in told:
        points = notes.get("filtered", ())
        count = f"{len(points)} points" if isinstance(points, list | tuple) else "the rest"
        sentence += f", {told.get('filtered', count)} smoothed by {told['filter']}"
    if told.get("resampled", "no") != "no":
        sentence += f", frame rate brought {told['resampled']}"
    return sentence
