"""The fast reader gives what botocore gives, and steps aside where it cannot."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from control_plane.sources.s3_listing import parse_contents
from tests.servers.s3_stub import Answer, listing, refusal, running_stub

AWKWARD_KEYS = [
    "a b.json",
    "%20",
    "a+b",
    "caf\u00e9",
    "cafe\u0301",
    "\U0001f389",
    "<&>\"'",
    "new\nline",
    "carriage\rreturn",
    "bell\x07",
    "a//b",
    "../b",
    "trailing ",
    " leading",
    "back\\slash",
    "{}[]*?",
    "folder/",
    "k" * 1_024,
]
NEEDED = ("Key", "LastModified", "ETag", "Size")


def answers(answer: Answer) -> tuple[dict[str, Any], dict[str, Any]]:
    """Asks a server that gives this answer, with botocore as it is and with the fast reader."""
    with running_stub(lambda _: answer) as endpoint:
        return ask(endpoint, is_fast=False), ask(endpoint, is_fast=True)


def ask(endpoint: str, *, is_fast: bool) -> dict[str, Any]:
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )
    with closing(client):
        if is_fast:
            client.meta.events.register("before-parse.s3.ListObjectsV2", parse_contents)
        return dict(client.list_objects_v2(Bucket="bucket"))


def needed(answer: dict[str, Any]) -> dict[str, Any]:
    contents = [{name: item[name] for name in NEEDED} for item in answer.get("Contents", [])]
    rest = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    return rest | {"Contents": contents}


@pytest.mark.parametrize("keys", [AWKWARD_KEYS, ["one"], []])
def test_it_reads_the_same_as_botocore(keys: list[str]) -> None:
    plain, fast = answers(listing(keys, next_token="more<&>"[:4]))
    assert needed(fast) == needed(plain)
    assert [item["Key"] for item in fast.get("Contents", [])] == keys


def test_it_is_the_one_that_reads() -> None:
    _, fast = answers(listing(["a"]))
    assert set(fast["Contents"][0]) == set(NEEDED)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"2026-11-01T10:20:30.000Z", b"Sun, 01 Nov 2026 10:20:30 GMT"),
        (b"<Size>1000</Size>", b""),
        (b"<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag>", b""),
    ],
)
def test_an_unusual_answer_is_left_to_botocore(old: bytes, new: bytes) -> None:
    body = listing(["a"]).body
    assert old in body
    plain, fast = answers(Answer(body.replace(old, new)))
    assert fast["Contents"] == plain["Contents"]


def test_an_answer_without_a_namespace_is_read() -> None:
    body = listing(["a"]).body.replace(b' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"', b"")
    plain, fast = answers(Answer(body))
    assert needed(fast) == needed(plain)


def test_a_cut_off_answer_is_an_error_as_before() -> None:
    with (
        running_stub(lambda _: Answer(listing(["a", "b"]).body[:-40])) as endpoint,
        pytest.raises(ClientError, match="500"),
    ):
        ask(endpoint, is_fast=True)


def test_an_error_in_a_good_answer_is_an_error_as_before() -> None:
    with (
        running_stub(lambda _: Answer(refusal(200, "InternalError").body)) as endpoint,
        pytest.raises(ClientError, match="InternalError"),
    ):
        ask(endpoint, is_fast=True)
