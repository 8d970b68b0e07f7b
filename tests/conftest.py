"""What all tests share: the collection of real data, and how hypothesis runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]

# The same examples in every run, so that a check that passed here passes elsewhere; look for new
# ones with HYPOTHESIS_PROFILE=explore. No deadline: machines are shared and slow at times.
settings.register_profile(
    "fixed",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; a test that asks for it is skipped where it is missing."""
    folder = Path(os.environ.get("BRICKWORK_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data in {folder}: set BRICKWORK_DATA to the folder of data sets")
    return folder
