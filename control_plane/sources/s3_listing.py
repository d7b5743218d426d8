"""Reads the answers of ListObjectsV2 many times faster than the parser of botocore does."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from xml.etree import ElementTree

_ROOT = "ListBucketResult"


def parse_contents(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """Takes the objects out of an answer before botocore reads it, and leaves it all the rest.

    A handler for `before-parse.s3.ListObjectsV2`. Gives Key, LastModified, ETag and Size as
    botocore does, which decodes the keys afterwards. An answer that looks otherwise than expected
    stays whole, for botocore to judge.
    """
    if response_dict["status_code"] != 200:
        return
    try:
        root = ElementTree.fromstring(response_dict["body"])
        namespace = root.tag.removesuffix(_ROOT)
        if root.tag != namespace + _ROOT:
            return
        elements = root.findall(f"{namespace}Contents")
        contents = [_content(element, namespace) for element in elements]
    except (ElementTree.ParseError, ValueError):
        return
    if not contents:
        return
    for element in elements:
        root.remove(element)
    response_dict["body"] = ElementTree.tostring(root)
    customized_response_dict["Contents"] = contents


def _content(element: ElementTree.Element, namespace: str) -> dict[str, Any]:
    key = element.findtext(f"{namespace}Key")
    modified = element.findtext(f"{namespace}LastModified")
    size = element.findtext(f"{namespace}Size")
    etag = element.findtext(f"{namespace}ETag")
    if not key or not modified or not size or etag is None:
        raise ValueError("an object without a key, a time, a size or an etag")
    return {
        "Key": key,
        "LastModified": datetime.fromisoformat(modified),
        "ETag": etag,
        "Size": int(size),
    }
