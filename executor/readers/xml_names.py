"""Parses XML with names as they are written: `a:b` is what Spark has, and not the namespace that `a` stands for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast
from xml.etree.ElementTree import Element, XMLPullParser

_Bound = tuple[str, str]
_XML = ("xml", "http://www.w3.org/XML/1998/namespace")


class XmlParser:
    """Is fed, and gives the elements that are whole by now. Raises ParseError."""

    def __init__(self) -> None:
        self._parser: XMLPullParser[Element] = XMLPullParser(["start-ns", "end-ns", "end"])
        self._bound: list[_Bound] = [_XML]

    def feed(self, content: bytes) -> None:
        self._parser.feed(content)

    def close(self) -> None:
        self._parser.close()

    def elements(self) -> Iterator[Element]:
        """Each after those within it."""
        for event, found in cast(Iterator[tuple[str, object]], self._parser.read_events()):
            match event:
                case "start-ns":
                    self._bound.append(cast(_Bound, found))
                case "end-ns":
                    self._bound.pop()
                case _:
                    yield self._as_written(cast(Element, found))

    def _as_written(self, element: Element) -> Element:
        element.tag = self._name(element.tag)
        if any(name.startswith("{") for name in element.attrib):
            element.attrib = {self._name(name, is_prefixed=True): text for name, text in element.attrib.items()}
        return element

    def _name(self, name: str, *, is_prefixed: bool = False) -> str:
        """Of an attribute only a prefix tells its namespace, never the lack of one."""
        if not name.startswith("{"):
            return name
        uri, _, local = name[1:].partition("}")
        prefixes = (prefix for prefix, bound in reversed(self._bound) if bound == uri and (prefix or not is_prefixed))
        prefix = next(prefixes)
        return f"{prefix}:{local}" if prefix else local
