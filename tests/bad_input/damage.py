"""Seeded damage to a recording: flipped bits, noise, zeros, cuts; sizes and offsets mostly stay."""

import random


def damage(data: bytes, *, seed: int) -> bytes:
    """Return the data with one kind of damage."""
    chance = random.Random(seed)
    changed, kind = (
        bytearray(data),
        chance.choice(["flip", "flip", "noise", "zeros", "cut", "drop"]),
    )
    place = chance.randrange(len(changed))
    length = min(chance.choice([4, 64, 1024]), len(changed) - place)
    if kind == "flip":
        for _ in range(chance.choice([1, 3, 10, 100])):
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    elif kind == "noise":
        changed[place : place + length] = chance.randbytes(length)
    elif kind == "zeros":
        changed[place : place + length] = bytes(length)
    elif kind == "cut":
        del changed[place:]
    else:
        del changed[place : place + length]
    return bytes(changed)
