"""Whatever a test does to a book on a desk, the independent checker must find right."""

import os
from collections.abc import Iterator

import pytest

from worlds.desk import Desk
from worlds.journals import keep_journal, verify


@pytest.fixture(autouse=True)
def checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Every desk keeps a journal, and all that its book said follows from what it was told."""
    desks: list[Desk] = []

    def keep(desk: Desk) -> None:
        if desk.directory is None:
            desks.append(desk)
            desk.directory = tmp_path_factory.mktemp("journal")
        keep_journal(desk)

    monkeypatch.setattr(os, "fdatasync", lambda _descriptor: None)  # no test here loses power
    monkeypatch.setattr(Desk, "open", keep)
    yield
    for desk in desks:
        assert desk.directory is not None
        assert verify(desk.directory).problems == []
