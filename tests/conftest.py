import os
from pathlib import Path

import pytest
import redlane as rl


def pytest_addoption(parser):
    parser.addoption("--mutations", type=float, default=15.0, help="seconds of damaged inputs of each kind")
    parser.addoption("--mutations-seed", type=int, default=0, help="the first seed of the damaged inputs")


def data_folder() -> Path | None:
    for place in (os.environ.get("REDLANE_DATA"), Path(__file__).parent.parent.parent / "shared" / "data"):
        if place and Path(place).is_dir():
            return Path(place)
    return None


@pytest.fixture(scope="session")
def data() -> Path:
    folder = data_folder()
    if folder is None:
        pytest.skip("real data is in neither REDLANE_DATA nor ../shared/data")
    return folder


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder of small files with difficulties, beside the folder of real data."""
    folder = data_folder()
    if folder is None or not (folder.parent / "cases").is_dir():
        pytest.skip("the cases are not beside the real data (REDLANE_DATA or ../shared/data)")
    return folder.parent / "cases"


@pytest.fixture(scope="session")
def sample() -> rl.samples.Sample:
    return rl.samples.shipments(50_000, seed=3)


@pytest.fixture
def threads():
    yield rl.set_threads
    rl.set_threads(0)
