"""Endpoints of S3 servers: which hosts a user may make the services call."""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import SplitResult, urlsplit

_METADATA_HOSTS = {
    "metadata",
    "metadata.google.internal",
    "instance-data",
    "instance-data.ec2.internal",
}
# Metadata services of AWS over IPv6, of Alibaba and of Oracle, which no range of its own gives
# away.
_METADATA_ADDRESSES = {ipaddress.ip_address(address) for address in ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")}

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_endpoint(url: str, allow_loopback: bool) -> None:
    """Refuses, by ValueError, a URL that is no plain http server or that points where no caller may
    send us.

    Judges the host as it is written and asks no name server: a name that resolves to a refused
    address passes.
    """
    host = _host(_split(url))
    address = _address(host)
    if host in _METADATA_HOSTS or (address is not None and _is_metadata(address)):
        raise ValueError(f'the endpoint\'s host "{host}" is a link-local or metadata address; those are refused')
    if not allow_loopback and (_is_local_name(host) or (address is not None and _is_loopback(address))):
        raise ValueError(
            f'the endpoint\'s host "{host}" is this machine; the operator has to allow loopback endpoints first'
        )


def _split(url: str) -> SplitResult:
    if re.search(r"[\s\x00-\x1f\x7f\\]", url):
        raise ValueError("the endpoint holds a space, a control character or a backslash; write http://host:port")
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or parts.port > 0
    except ValueError as error:
        raise ValueError("the endpoint is no URL; write http://host:port") from error
    if parts.username is not None or parts.password is not None:
        raise ValueError("the endpoint holds a user or password; put keys under source.credentials")
    if parts.scheme not in ("http", "https"):
        raise ValueError(f'the endpoint\'s scheme is "{parts.scheme}"; write http:// or https://')
    if parts.query or parts.fragment or not has_port:
        raise ValueError("the endpoint has a query, a fragment or port 0; write http://host:port")
    return parts


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").removesuffix(".")
    if not host:
        raise ValueError("the endpoint has no host; write http://host:port")
    if not host.isascii():
        raise ValueError("the endpoint's host is not ASCII; write its xn-- form")
    return host


def _address(host: str) -> _Address | None:
    """Reads an address as the resolver would: `127.1`, `0x7f000001` and `2130706433` are 127.0.0.1
    too.
    """
    try:
        address: _Address = ipaddress.ip_address(host)
    except ValueError:
        try:
            address = ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
    return _embedded_ipv4(address) or address


def _embedded_ipv4(address: _Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in ipaddress.ip_network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_metadata(address: _Address) -> bool:
    return address.is_link_local or address.is_multicast or address in _METADATA_ADDRESSES


def _is_loopback(address: _Address) -> bool:
    return address.is_loopback or address.is_unspecified


def _is_local_name(host: str) -> bool:
    return host == "localhost" or host.endswith((".localhost", ".localdomain"))
