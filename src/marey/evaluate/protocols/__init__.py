"""The benchmarks marey knows, by name: a table of data, see docs/protocols.md."""

from marey.core.errors import InputError
from marey.evaluate.protocol import Protocol
from marey.evaluate.protocols.bodies import BODIES
from marey.evaluate.protocols.contact import CONTACT
from marey.evaluate.protocols.crowds import CROWDS
from marey.evaluate.protocols.hardmo import HARDMO
from marey.evaluate.protocols.images import IMAGES
from marey.evaluate.protocols.takes import TAKES
from marey.evaluate.protocols.world import WORLD

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (*BODIES, *WORLD, *HARDMO, *IMAGES, *CONTACT, *CROWDS, *TAKES)
}


def get_protocol(name: str) -> Protocol:
    """Return a protocol by name.

    Raises:
        InputError: If there is none, or if it is a draft and its name does not say so.
    """
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    draft = PROTOCOLS.get(f"{name}-draft")
    if draft is not None:
        raise InputError(
            f"protocol '{name}' is known as a draft only, because no source at hand says "
            f"{'; '.join(draft.lacking)}; ask for '{draft.name}' to measure with marey's choices"
        )
    raise InputError(f"unknown protocol '{name}'; choose one of {', '.join(sorted(PROTOCOLS))}")
