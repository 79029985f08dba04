"""Seeded damage to a file's bytes: flips, cuts, copies, and values nobody expects."""

import random
from collections.abc import Iterator

HOSTILE = (
    b"NaN", b"Infinity", b"-1e999", b"1e999", b"null", b"true", b"[]", b"{}", b'""', b"-1", b"0",
    b"9" * 30, b"9" * 5000, b"1e7", b"[" * 3000, b'{"a":' * 400, b'"\\ud800"', b"\xff\xfe", b"\x00",
)  # fmt: skip


def mutate(data: bytes, *, seed: int) -> bytes:
    """Return the data with one to four pieces of damage."""
    random_numbers = random.Random(seed)
    changed = bytearray(data)
    for _ in range(random_numbers.randint(1, 4)):
        place = random_numbers.randrange(len(changed) + 1)
        length = random_numbers.choice([1, 2, 8, 40])
        kind = random_numbers.choice(["flip", "cut", "drop", "copy", "hostile", "hostile"])
        if kind == "flip" and place < len(changed):
            changed[place] ^= 1 << random_numbers.randrange(8)
        elif kind == "cut":
            del changed[max(place, 1) :]
        elif kind == "drop":
            del changed[place : place + length]
        elif kind == "copy":
            changed[place:place] = changed[place : place + length]
        else:
            changed[place : place + length] = random_numbers.choice(HOSTILE)
    return bytes(changed)


def mutate_numbers(text: str, *, seed: int) -> str:
    """Return JSON text in which some values are replaced, so that it stays JSON more often."""
    import re

    random_numbers = random.Random(seed)
    spans = [match.span() for match in re.finditer(r"-?\d+(\.\d+)?|\"\w+\"", text)]
    for start, stop in sorted(random_numbers.sample(spans, min(3, len(spans))), reverse=True):
        value = random_numbers.choice(HOSTILE[:14]).decode()
        text = text[:start] + value + text[stop:]
    return text


def seeds(count: int) -> Iterator[int]:
    """Return the seeds of a number of mutations."""
    yield from range(count)
