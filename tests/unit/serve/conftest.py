"""An engine for the tests of the server, which is let go at the end whatever happened."""

import pytest

from fake_engine import FakeEngine


@pytest.fixture
def engine():
    engine = FakeEngine()
    yield engine
    engine.release()
