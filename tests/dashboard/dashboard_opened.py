"""What the fixture `opened` gives, by a name that no other folder's conftest has."""

from collections.abc import Callable

from starlette.testclient import TestClient

Open = Callable[..., TestClient]
