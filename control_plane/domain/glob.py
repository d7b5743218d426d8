"""Globs: which paths of a source an ingestion takes, as regular expressions that cannot run away.

`*` and `?` stay within a folder, `**` crosses folders (`**/x` matches `x` too), `[a-z]` and `[!x]`
are sets, `{a,b}` is a choice and may nest. A special character is taken literally in brackets:
`[*]`. Case and code points count exactly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile, zip_longest

from control_plane.domain.glob_parser import ANY_DEPTH, STAR, Choice, Tokens, parse

# One choice costs its length and one: a bound on the time to compile a glob and to match a path
# against all its choices.
EXPANSION_MAX = 100_000

_FOLDERS = "(?s:.*/)?"
_LAZY = {STAR: "[^/]*?", ANY_DEPTH: "(?s:.*?)", _FOLDERS: "(?s:.*?/)??"}


@dataclass(frozen=True, slots=True)
class Glob:
    """What a path, relative to the folder of the source, has to match to be taken."""

    pattern: re.Pattern[str]
    exclude: re.Pattern[str] | None

    def matches(self, path: str) -> bool:
        """Tells whether the path is taken: it matches the pattern and no exclusion."""
        if self.pattern.match(path) is None:
            return False
        return self.exclude is None or self.exclude.match(path) is None


def compile_glob(pattern: str, exclude: Sequence[str] = ()) -> Glob:
    """Compiles a pattern and its exclusions; ValueError says which one is wrong, where, and what to
    do.
    """
    return Glob(
        pattern=_one_expression([pattern]),
        exclude=_one_expression(exclude) if exclude else None,
    )


def literal_prefix(pattern: str) -> str:
    """Gives the longest text that each matching path begins with: `2024/` for `2024/*/x.json`."""
    starts = [takewhile(_is_literal, choice) for choice in _expand(parse(pattern))]
    columns = takewhile(lambda column: len(set(column)) == 1, zip_longest(*starts))
    return "".join(column[0] for column in columns)


def _one_expression(globs: Sequence[str]) -> re.Pattern[str]:
    choices = [choice for glob in globs for choice in _expand(parse(glob))]
    _check_cost(_cost(choices))
    distinct = dict.fromkeys(_expression(_with_folders(choice)) for choice in choices)
    return re.compile(rf"(?:{'|'.join(distinct)})\Z")


def _expand(tokens: Tokens) -> list[list[str]]:
    """Writes a glob with braces as all the globs without them."""
    choices: list[list[str]] = [[]]
    for token in tokens:
        if isinstance(token, Choice):
            options = [option for branch in token.branches for option in _expand(branch)]
            _check_cost(_cost(choices) * len(options) + _cost(options) * len(choices))
            choices = [[*choice, *option] for choice in choices for option in options]
        else:
            for choice in choices:
                choice.append(token)
    return choices


def _cost(choices: list[list[str]]) -> int:
    return sum(map(len, choices)) + len(choices)


def _check_cost(cost: int) -> None:
    if cost > EXPANSION_MAX:
        raise ValueError(
            f"the braces stand for more than {EXPANSION_MAX} characters of globs when they are "
            "written out; "
            "use fewer choices, or wildcards"
        )


def _with_folders(tokens: list[str]) -> list[str]:
    """Makes `**/` at the start of a folder one token, and one of wildcards side by side."""
    result: list[str] = []
    for token in tokens:
        before = result[-1] if result else "/"
        if {token, before} <= {STAR, ANY_DEPTH}:
            result[-1] = STAR if token == before == STAR else ANY_DEPTH
        elif token == "/" and before == ANY_DEPTH and result[-2:-1] in ([], ["/"], [_FOLDERS]):
            result[-1] = _FOLDERS
            if result[-2:-1] == [_FOLDERS]:
                result.pop()
        else:
            result.append(token)
    return result


def _expression(tokens: list[str]) -> str:
    """Writes tokens as a regular expression without catastrophic backtracking.

    Every wildcard but the last is an atomic group together with what stands behind it, which
    matches as early as it can. That is enough: where a match exists, one exists with the earlier
    end too, since `**` can go on from there to anywhere, and `*` to the same places of the same
    folder. Choices of different lengths would break this, which is why braces are written out
    before.
    """
    *blocks, last = _split(tokens, {ANY_DEPTH, _FOLDERS})
    parts = [_atomic(wildcard, _stars(block, is_last=False)) for wildcard, block in blocks]
    return "".join(parts) + last[0] + _stars(last[1], is_last=True)


def _stars(tokens: list[str], *, is_last: bool) -> str:
    *blocks, last = _split(tokens, {STAR})
    parts = [_atomic(wildcard, _literally(block)) for wildcard, block in blocks]
    tail = _literally(last[1])
    return "".join(parts) + (last[0] + tail if is_last else _atomic(last[0], tail))


def _split(tokens: list[str], wildcards: set[str]) -> list[tuple[str, list[str]]]:
    blocks: list[tuple[str, list[str]]] = [("", [])]
    for token in tokens:
        if token in wildcards:
            blocks.append((token, []))
        else:
            blocks[-1][1].append(token)
    return blocks


def _atomic(wildcard: str, behind: str) -> str:
    return f"(?>{_LAZY[wildcard]}{behind})" if wildcard else behind


def _literally(tokens: list[str]) -> str:
    return "".join(re.escape(token) if _is_literal(token) else token for token in tokens)


def _is_literal(token: str) -> bool:
    return len(token) == 1
