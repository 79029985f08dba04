"""Fixtures every room shares."""

from pathlib import Path

import pytest
from hypothesis import settings

# Other processes run beside the tests: no example has a deadline.
settings.register_profile("marey", deadline=None)
settings.load_profile("marey")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared samples that lies beside the checkout; skips where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "README.md").is_file():
        pytest.skip("needs the shared samples beside the checkout")
    return folder
