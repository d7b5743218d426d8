"""The calls that the machine chooses from: what each is told, how often it comes, and what it needs to do something."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from hypothesis import strategies as st

from control_plane.domain.file import LoadError
from control_plane.domain.lease import FileException, Resolution
from tests.model.book import MAX_FILES
from tests.model.machine import Fate, History, Who

AWAY = LoadError(category="CONNECTIVITY", message="The store is away.", retryable=True)
REFUSED = LoadError(category="AUTHENTICATION", message="The key is refused.")
MALFORMED = LoadError(category="DATA_MALFORMED", message="Line 1 is not JSON.")
LOST = LoadError(category="EXECUTOR_LOST", message="Spark ended.", retryable=True)
DOUBTED = LoadError(category="PUBLISH_IN_DOUBT", message="The table was rolled back.")

Telling = tuple[int, list[int], list[FileException]]
"""What StageLease is told: the snapshot, a count of rows a file, and the files without rows."""


class Needs(Enum):
    """What there must be, or a call could hardly do anything."""

    NOTHING = auto()
    OFFER = auto()
    HOLDER = auto()
    LOADER = auto()
    PUBLISHER = auto()
    RESTING = auto()
    HOPELESS = auto()
    DOUBT = auto()
    REST = auto()
    RUN = auto()
    LISTING = auto()


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the machine; of two with weights 1 and 3, the second comes three times as often."""

    weight: int
    needs: Needs
    arguments: st.SearchStrategy[dict[str, Any]]


def _call(weight: int, needs: Needs, **arguments: st.SearchStrategy[Any]) -> Call:
    return Call(weight, needs, st.fixed_dictionaries(arguments))


fates = st.sampled_from([Fate.ONCE, Fate.ONCE, Fate.ONCE, Fate.TWICE, Fate.LOST])
callers = st.tuples(
    st.sampled_from([*[Who.HOLDER] * 3, *[Who.ANYBODY] * 2, Who.OTHER_ATTEMPT, Who.OTHER_FENCE]), st.integers(0, 7)
)
exceptions = st.lists(
    st.builds(
        FileException,
        index=st.integers(0, MAX_FILES - 1),
        outcome=st.sampled_from(["FAILED", "MISSING"]),
        error=st.sampled_from([MALFORMED, AWAY, DOUBTED]),
        records_rejected=st.integers(0, 2),
    ),
    unique_by=lambda each: each.index,
    max_size=MAX_FILES,
)
counts = st.lists(st.integers(0, 3), min_size=MAX_FILES, max_size=MAX_FILES)
tellings = st.tuples(st.sampled_from([71, 72]), counts, exceptions)
histories = st.tuples(
    st.sampled_from([*[History.NOTHING] * 2, *[History.COUNTED] * 3, History.NEVER_COUNTED, History.STRANGER]),
    st.sampled_from([0, 11, 12, 13]),
    st.sampled_from([*["t"] * 4, "another", ""]),
)
names = st.sampled_from("abcdefgh")
begin_pages = st.dictionaries(names, st.just(1), min_size=1, max_size=5)
pages = st.dictionaries(names, st.integers(1, 3), min_size=1, max_size=5)
errors = st.sampled_from([AWAY, AWAY, LOST, LOST, REFUSED, MALFORMED, DOUBTED])
requests = st.integers(1, 4)
choices = st.integers(0, 7)
usually = st.sampled_from([True] * 4 + [False])
rarely = st.sampled_from([False] * 4 + [True])
# Whose turn it would be, so that most calls are of use: one who loads, or one who publishes.
mostly_held = st.sampled_from(["HELD", "HELD", "HELD", "STAGED"])

CALLS = {
    "acquire": _call(4, Needs.OFFER, executor=st.sampled_from(["e1", "e2"]), request=requests, fate=fates),
    "load": _call(2, Needs.OFFER, request=requests, told=tellings, ends=rarely),
    "renew": _call(3, Needs.HOLDER, who=callers, state=mostly_held, fate=fates),
    "stage": _call(
        4,
        Needs.LOADER,
        who=callers,
        state=mostly_held,
        told=tellings,
        main=histories,
        fits=usually,
        fate=fates,
    ),
    "complete": _call(3, Needs.PUBLISHER, who=callers, published=st.sampled_from([0, 81, 81, 82]), fate=fates),
    "fail": _call(3, Needs.LOADER, who=callers, error=errors, rest=usually, fate=fates),
    "fail_to_publish": _call(4, Needs.PUBLISHER, who=callers, doubts=st.booleans(), fate=fates),
    "release": _call(3, Needs.HOLDER, who=callers, state=mostly_held, rest=st.booleans(), fate=fates),
    "run_through": _call(6, Needs.REST, page=pages, listed=usually, request=st.integers(0, 3), fate=fates),
    "open_run": _call(1, Needs.NOTHING, request=st.integers(0, 2), fate=fates),
    "start_listing": _call(1, Needs.LISTING, silent=rarely, fate=fates),
    "list_page": _call(3, Needs.LISTING, page=pages, late=rarely, fate=fates),
    "end_listing": _call(1, Needs.LISTING, failed=rarely, late=rarely, fate=fates),
    "plan": _call(2, Needs.RUN, fate=fates),
    "let_a_deadline_pass": _call(5, Needs.HOLDER, choice=choices, reaped=st.booleans()),
    "let_rests_pass": _call(1, Needs.RESTING),
    "reap": _call(1, Needs.HOLDER, fate=fates),
    "split": _call(1, Needs.HOLDER, fate=fates),
    "give_up": _call(2, Needs.HOPELESS, fate=fates),
    "cancel": _call(1, Needs.RUN, choice=choices, fate=fates),
    "retry": _call(1, Needs.NOTHING, choice=choices, named=st.booleans(), skipped=st.booleans(), fate=fates),
    "skip": _call(2, Needs.NOTHING, choice=choices, named=usually, fate=fates),
    "resolve": _call(5, Needs.DOUBT, choice=choices, resolution=st.sampled_from(Resolution), fate=fates),
}
LATE_CALLS = ("renew", "stage", "complete", "fail", "fail_to_publish", "release")
