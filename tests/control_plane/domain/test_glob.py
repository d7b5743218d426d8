"""Globs, against a slow matcher that tries everything."""

from __future__ import annotations

import itertools
import time
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.domain.glob import compile_glob, literal_prefix
from control_plane.domain.glob_parser import GLOB_CHARACTERS_MAX


def matches(pattern: str, path: str, *exclude: str) -> bool:
    return compile_glob(pattern, exclude).matches(path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("**", "a/b/c.json"),
        ("**", "new\nline"),
        ("*.json", "a.json"),
        ("*.json", ".json"),
        ("**/*.json", "a.json"),
        ("**/*.json", "a/b/c.json"),
        ("a/**/b", "a/b"),
        ("a/**/b", "a/x/y/b"),
        ("a/**", "a/x/y"),
        ("a**z", "a/b/z"),
        ("?.json", "\u00e9.json"),
        ("[a-c]x", "bx"),
        ("[!a-c]x", "dx"),
        ("[^a-c]x", "dx"),
        ("[]a]x", "]x"),
        ("[a-]x", "-x"),
        ("[+-9]x", "5x"),
        ("[*]", "*"),
        ("[[]a]", "[a]"),
        ("[{]a[}]", "{a}"),
        ("{a,b}.json", "b.json"),
        ("{a,b{c,d/e}}.json", "bd/e.json"),
        ("{,x}a", "a"),
        ("{[,],b}", ","),
        ("a,b", "a,b"),
        ("*{xabcdef,b}*f", "xabf"),
        ("back\\slash", "back\\slash"),
        ("a.b", "a.b"),
    ],
)
def test_it_matches(pattern: str, path: str) -> None:
    assert matches(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*", "a/b"),
        ("?", "/"),
        ("?", ""),
        ("[!a]", "/"),
        ("[+-9]", "/"),
        ("**/x", "ax"),
        ("a/**", "a"),
        ("A", "a"),
        ("caf\u00e9", "cafe\u0301"),
        ("a[1].json", "a[1].json"),
        ("a.b", "axb"),
        ("a", "a\n"),
        ("data/**", "data2/x"),
        ("{*,a}*", "a/b"),
    ],
)
def test_it_does_not_match(pattern: str, path: str) -> None:
    assert not matches(pattern, path)


def test_one_exclusion_that_matches_is_enough() -> None:
    assert not matches("**", "tmp/a.json", "*.bak", "tmp/**")
    assert matches("**", "a.json", "*.bak", "tmp/**")


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("", "empty"),
        ("/a", "starts with `/`"),
        ("a[b", "a bracket that is not closed at character 2"),
        ("[]", "not closed"),
        ("[a/b]", "holds `/`"),
        ("[z-a]", "range from z back to a"),
        ("x{a,b", "a brace that is not closed at character 2"),
        ("a}", "without its `{` at character 2"),
        ("{" * 11 + "a" + "}" * 11, "braces more than 10 deep"),
        ("{a,b}" * 199, "fewer choices"),
        ("{,}" * 333, "fewer choices"),
        ("a" * (GLOB_CHARACTERS_MAX + 1), "1001 characters"),
    ],
)
def test_a_bad_glob_is_refused_with_a_reason(pattern: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"; ") as caught:
        compile_glob(pattern)
    assert problem in str(caught.value)


def test_a_bad_exclusion_is_refused_by_its_own_text() -> None:
    with pytest.raises(ValueError, match=r'"\[b" has a bracket'):
        compile_glob("a", ["fine", "[b"])


def test_many_exclusions_share_one_bound() -> None:
    with pytest.raises(ValueError, match="fewer choices"):
        compile_glob("a", ["{a,b}" * 12] * 3)


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("2024/*/x-*.json", "2024/"),
        ("2024/x-*.json", "2024/x-"),
        ("**", ""),
        ("a[*]b?", "a*b"),
        ("{2024,2025}/*", "202"),
        ("{a,b}", ""),
        ("{a,ab}", "a"),
        ("whole.json", "whole.json"),
        ("a/**/b", "a/"),
    ],
)
def test_the_literal_prefix_is_what_every_match_begins_with(pattern: str, prefix: str) -> None:
    assert literal_prefix(pattern) == prefix


PIECES = ["a", "b", "/", ".", "?", "*", "**", "**/", "/**/", "[ab]", "[!a]", "{a,b/}", "{a,*b,}"]
PATTERNS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join)
PATHS = st.text(alphabet="ab/.\n", max_size=10)


@settings(max_examples=2_000, deadline=None)
@given(pattern=PATTERNS.filter(lambda text: not text.startswith("/")), path=PATHS)
def test_it_agrees_with_a_matcher_that_tries_everything(pattern: str, path: str) -> None:
    assert matches(pattern, path) == matches_slowly(pattern, path)


@settings(max_examples=500, deadline=None)
@given(pattern=PATTERNS.filter(lambda text: not text.startswith("/")), path=PATHS)
def test_every_match_begins_with_the_literal_prefix(pattern: str, path: str) -> None:
    assert not matches_slowly(pattern, path) or path.startswith(literal_prefix(pattern))


@settings(max_examples=1_000, deadline=None)
@given(st.text(alphabet="ab*?[]!-{},/\\", max_size=30))
def test_any_text_is_compiled_or_refused(pattern: str) -> None:
    try:
        compile_glob(pattern)
    except ValueError as error:
        assert "; " in str(error)


@pytest.mark.parametrize("piece", ["*a", "**a", "**/*a", "*a*b**", "?*", "[ab]*", "**a/", "*[!b]**/"])
@pytest.mark.parametrize("path", ["a" * 1_024, "ab" * 512, "a/" * 512, "aab/" * 256])
def test_hostile_patterns_take_no_exponential_time(piece: str, path: str) -> None:
    hostile = compile_glob(piece * ((GLOB_CHARACTERS_MAX - 1) // len(piece)) + "c")
    started = time.process_time()
    hostile.matches(path)
    assert time.process_time() - started < 2


def matches_slowly(pattern: str, path: str) -> bool:
    """Matches by the definition, trying every way to split the path."""
    return any(_walk(tuple(choice), path, at_start=True) for choice in _written_out(pattern))


def _written_out(pattern: str) -> list[list[str]]:
    pieces: list[list[list[str]]] = []
    while pattern:
        if pattern.startswith("{"):
            inner, pattern = pattern[1:].split("}", 1)
            pieces.append([_tokens(option) for option in inner.split(",")])
        else:
            plain = pattern.split("{", 1)[0]
            pattern = pattern[len(plain) :]
            pieces.append([_tokens(plain)])
    return [list(itertools.chain(*option)) for option in itertools.product(*pieces)]


def _tokens(text: str) -> list[str]:
    tokens = []
    while text:
        if text.startswith("**"):
            text = text.lstrip("*")
            tokens.append("**")
        elif text.startswith("["):
            end = text.index("]") + 1
            tokens.append(text[:end])
            text = text[end:]
        else:
            tokens.append(text[0])
            text = text[1:]
    return tokens


@cache
def _walk(tokens: tuple[str, ...], path: str, *, at_start: bool) -> bool:
    if not tokens:
        return not path
    first, rest = tokens[0], tokens[1:]
    if first in ("*", "**"):
        run = len(list(itertools.takewhile(lambda token: token in ("*", "**"), tokens)))
        deep, rest = "**" in tokens[:run], tokens[run:]
        if deep and at_start and rest[:1] == ("/",) and _walk(rest[1:], path, at_start=True):
            return True
        ends = [end for end in range(len(path) + 1) if deep or "/" not in path[:end]]
        if deep and at_start and rest[:1] == ("/",):
            ends = [end for end in ends if path[end : end + 1] == "/"]
        return any(_walk(rest, path[end:], at_start=False) for end in ends)
    if not path:
        return False
    character = path[0]
    if first == "?":
        fits = character != "/"
    elif first.startswith("["):
        fits = character in "ab" if first == "[ab]" else character not in "a/"
    else:
        fits = character == first
    return fits and _walk(rest, path[1:], at_start=character == "/")
