"""What of a body is the same in every crowd of it: the skin, and each shape's capsules."""

from dataclasses import replace
from functools import cached_property

from jaxtyping import Float
from torch import Tensor

from marey.body import Body
from marey.fit.chain import Chain
from marey.fit.contact.body_capsules import add_capsules
from marey.fit.contact.capsules import Capsules
from marey.fit.contact.skin import Skin, make_skin
from marey.fit.parts import BODY, make_part


class CrowdBody:
    """A body prepared for contact; what takes seconds is made when it is first needed.

    Args:
        body: Of the SMPL family.
    """

    def __init__(self, body: Body):
        part = make_part(body, BODY)
        assert part is not None  # Only parts that a carrier holds may be lacking.
        self.body, self.part = body, part
        self._shaped: dict[bytes, tuple[Chain, Capsules]] = {}

    @cached_property
    def skin(self) -> Skin:
        """Its skin, coarse enough for distances."""
        return make_skin(self.body, self.part.chain)

    def add_capsules(self, shape: Float[Tensor, "S"] | None) -> tuple[Chain, Capsules]:
        """Return the chain with the ends of one shape's capsules, and these; see `add_capsules`."""
        key = b"" if shape is None else shape.numpy().tobytes()
        if key not in self._shaped:
            chain, capsules = add_capsules(self.body, self.part.chain, shape=shape)
            self._shaped[key] = chain, replace(capsules, radius=capsules.radius.double())
        return self._shaped[key]
