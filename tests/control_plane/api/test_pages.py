"""Pages: their size, their tokens, and where they end."""

from __future__ import annotations

import pytest
from autoloader.v1 import ingestions_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from control_plane.api.pages import PAGE_BYTES_MAX, PAGE_SIZE_MAX, Page, Pages
from control_plane.errors import InvalidField, PageTokenInvalid

PAGES = Pages(b"k" * 32)


def read(*scope: str, pages: Pages = PAGES, size: int = 0, token: str = "", filter: str = "") -> Page:
    request = pb.ListIngestionsRequest(page_size=size, page_token=token)
    return pages.read(request, *(scope or ("List", "tenant")), filter, default_size=50)


def fill(page: Page, rows: list[str]) -> tuple[list[str], str]:
    messages, token = page.fill(rows, message=lambda row: pb.Ingestion(display_name=row), cursor=lambda row: row[:9])
    return [message.display_name for message in messages], token


@pytest.mark.parametrize(("asked", "given_"), [(0, 50), (7, 7), (1000, 1000), (2**31 - 1, PAGE_SIZE_MAX)])
def test_the_size_has_a_default_and_a_maximum(asked: int, given_: int) -> None:
    assert read(size=asked).size == given_


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(InvalidField, match="page_size"):
        read(size=-1)


def test_a_page_holds_its_size_and_the_next_goes_on_after_it() -> None:
    shown, token = fill(read(size=2), ["a", "b", "c"])
    assert shown == ["a", "b"]
    assert read(token=token).cursor == "b"
    assert fill(read(size=3), ["a", "b", "c"]) == (["a", "b", "c"], "")
    assert fill(read(size=3), []) == ([], "")


def test_a_page_ends_before_its_message_is_too_large() -> None:
    rows = [letter * (PAGE_BYTES_MAX // 2 - 100) for letter in "abc"]
    shown, token = fill(read(size=3), rows)
    assert shown == rows[:2]
    assert read(token=token).cursor == "b" * 9
    huge = "h" * (PAGE_BYTES_MAX + 1)
    assert fill(read(size=3), [huge, "b"])[0] == [huge]


def test_a_token_holds_for_its_list_alone() -> None:
    _, token = fill(read("List", "tenant", size=1, filter="a = 1"), ["a", "b"])
    assert read("List", "tenant", token=token, filter="a = 1", size=9).cursor == "a"
    for scope, filter, pages in (
        (("List", "tenant"), "a = 2", PAGES),
        (("List", "other"), "a = 1", PAGES),
        (("Others", "tenant"), "a = 1", PAGES),
        (("List", "tenant", ""), "a = 1", PAGES),
        (("List", "tenant"), "a = 1", Pages(b"x" * 32)),
    ):
        with pytest.raises(PageTokenInvalid):
            read(*scope, token=token, filter=filter, pages=pages)


@given(st.text(max_size=80))
def test_a_forged_token_is_refused(token: str) -> None:
    if token:
        with pytest.raises(PageTokenInvalid):
            read(token=token)


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    _, token = fill(read(size=1), ["abcdefgh", "b"])
    position = data.draw(st.integers(0, len(token) - 2))
    letter = data.draw(st.sampled_from("ABCabc012-_"))
    if token[position] != letter:
        with pytest.raises(PageTokenInvalid):
            read(token=token[:position] + letter + token[position + 1 :])
