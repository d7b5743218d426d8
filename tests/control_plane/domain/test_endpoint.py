"""Endpoints a user may make the services call."""

from __future__ import annotations

import pytest

from control_plane.domain.endpoint import check_endpoint

LOOPBACK = [
    "http://localhost:9000",
    "http://LOCALHOST.",
    "http://a.localhost",
    "http://127.0.0.1:9000",
    "http://127.1",
    "http://2130706433",
    "http://0x7f000001",
    "http://0177.0.0.1",
    "http://[::1]:9000",
    "http://[::ffff:127.0.0.1]",
    "http://0.0.0.0",
    "http://[::]",
]


@pytest.mark.parametrize(
    "url", ["https://s3.example.com", "http://minio:9000", "http://10.0.0.7:9000/", "https://[2001:db8::1]"]
)
def test_a_server_elsewhere_is_fine(url: str) -> None:
    check_endpoint(url, allow_loopback=False)


@pytest.mark.parametrize("url", LOOPBACK)
def test_this_machine_is_refused_unless_allowed(url: str) -> None:
    check_endpoint(url, allow_loopback=True)
    with pytest.raises(ValueError, match="is this machine"):
        check_endpoint(url, allow_loopback=False)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://2852039166",
        "http://0xa9fea9fe",
        "http://[fe80::1]",
        "http://[::ffff:169.254.169.254]",
        "http://[64:ff9b::a9fe:a9fe]",
        "http://[fd00:ec2::254]",
        "http://100.100.100.200",
        "http://metadata.google.internal",
        "http://Metadata.Google.Internal.",
    ],
)
def test_metadata_services_are_refused_always(url: str) -> None:
    with pytest.raises(ValueError, match="link-local or metadata"):
        check_endpoint(url, allow_loopback=True)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "scheme"),
        ("minio:9000", "scheme"),
        ("ftp://host", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("http://", "no host"),
        ("http://user:secret@host", "user or password"),
        ("http://secret@host", "user or password"),
        ("http://@host", "user or password"),
        ("http://host:port", "no URL"),
        ("http://host:99999", "no URL"),
        ("http://host:0", "port 0"),
        ("http://[::1", "no URL"),
        ("http://host?x=y", "query"),
        ("http://host#x", "fragment"),
        ("http://ho st", "space"),
        ("http://host\\@other", "backslash"),
        ("http://host\r\nX: y", "control character"),
        ("http://\uff11\uff12\uff17.0.0.1", "ASCII"),
    ],
)
def test_what_is_no_plain_server_is_refused(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        check_endpoint(url, allow_loopback=True)
    assert "secret" not in str(caught.value)
