"""Why an object is loaded or not: a verdict and a sentence, from what the ledger knows and the ingestion says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from control_plane.domain.file import SKIPPED_BY_PERSON, File, FileState
from control_plane.domain.ingestion import Ingestion, IngestionState
from control_plane.domain.lease import LeaseState


class Verdict(StrEnum):
    """Where an object stands; the last five have no file in the ledger."""

    LOADED = "LOADED"
    BEING_LOADED = "BEING_LOADED"
    WAITING = "WAITING"
    FAILED = "FAILED"
    IN_DOUBT = "IN_DOUBT"
    MISSING = "MISSING"
    SKIPPED = "SKIPPED"
    OUTSIDE_SOURCE = "OUTSIDE_SOURCE"
    NOT_MATCHED = "NOT_MATCHED"
    EXCLUDED = "EXCLUDED"
    NAME_UNSUPPORTED = "NAME_UNSUPPORTED"
    NOT_SEEN = "NOT_SEEN"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What to tell a person."""

    verdict: Verdict
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseStanding:
    """Where the lease of a file stands; `attempts` counts those begun, `rests_until` is None when it does not rest."""

    state: LeaseState
    holder: str
    held_since: datetime | None
    offered_since: datetime
    attempts: int
    max_attempts: int
    rests_until: datetime | None
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingStanding:
    """What runs saw of the source: the one under way, the last that listed it whole, and the newest that could not."""

    active_run: int | None = None
    is_being_listed: bool = False
    last_whole_run: int | None = None
    last_whole_time: datetime | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that the ledger knows of an object. `file` is the version asked about; `versions` are in order.

    `waits_for` are changes of the columns by their ids, for which a person's word is wanted.
    """

    ingestion: Ingestion
    file: File
    versions: tuple[File, ...]
    lease: LeaseStanding | None
    listing: ListingStanding
    waits_for: tuple[int, ...] = ()


def explain(standing: Standing) -> Explanation:
    """Explains a version that the ledger has."""
    verdict, sentence = _told(standing)
    return Explanation(verdict, f"{_which(standing)}{sentence}{_loaded_version(standing)}")


def at(time: datetime | None) -> str:
    """A moment, as a person reads it."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}" if time else "an unknown time"


def run_of(ingestion: Ingestion, run_id: int | None) -> str:
    return f"ingestions/{ingestion.id}/runs/{run_id}"


def _told(standing: Standing) -> tuple[Verdict, str]:
    file = standing.file
    message = file.error.message if file.error else ""
    match file.state:
        case FileState.PROCESSED:
            run = run_of(standing.ingestion, file.run_id)
            told = f"{run} loaded it at {at(file.end_time)}: {file.records_written} rows of it are in the table."
            return Verdict.LOADED, told
        case FileState.LEASED:
            return _leased(standing)
        case FileState.PENDING:
            return Verdict.WAITING, _pending(standing)
        case FileState.MISSING:
            return Verdict.MISSING, f"{message} It is loaded when a run finds this version again."
        case FileState.FAILED:
            return _failed(standing, message)
        case FileState.SKIPPED:
            return Verdict.SKIPPED, f"{message} {_way_back(file)}"


def _leased(standing: Standing) -> tuple[Verdict, str]:
    lease = standing.lease
    if lease is None:
        return Verdict.WAITING, "Its lease has just ended; ask again."
    match lease.state:
        case LeaseState.IN_DOUBT:
            told = f"Whether its rows are in the table is in doubt: {lease.error} Say by ResolvePublish what is so."
            return Verdict.IN_DOUBT, told
        case LeaseState.STAGED if lease.holder:
            return Verdict.BEING_LOADED, f"{lease.holder} publishes its rows, since {at(lease.held_since)}."
        case LeaseState.STAGED:
            return Verdict.BEING_LOADED, f"Its rows are staged; an executor will publish them.{_last_error(lease)}"
        case LeaseState.HELD:
            attempt = f"attempt {lease.attempts} of {lease.max_attempts}"
            told = f"{lease.holder} loads it since {at(lease.held_since)}, {attempt}."
            return Verdict.BEING_LOADED, told + _last_error(lease)
        case _ if lease.rests_until:
            told = (
                f"It rests until {at(lease.rests_until)}, with {lease.attempts} of {lease.max_attempts} attempts made."
            )
            return Verdict.WAITING, told + _last_error(lease)
        case _:
            pool = standing.ingestion.pool
            told = f"Its lease waits since {at(lease.offered_since)} for an executor of the pool {pool}."
            return Verdict.WAITING, told + _last_error(lease)


def _last_error(lease: LeaseStanding) -> str:
    return f" The last attempt ended so: {lease.error}" if lease.error else ""


def _pending(standing: Standing) -> str:
    if standing.listing.active_run is not None:
        run = run_of(standing.ingestion, standing.listing.active_run)
        return f"It was found at {at(standing.file.discover_time)}; {run}, which is under way, loads it next."
    if standing.ingestion.state is IngestionState.PAUSED:
        return "It waits for the next run, and the ingestion is paused: ResumeIngestion, then RunIngestion."
    return "It waits for the next run, which RunIngestion starts."


def _failed(standing: Standing, message: str) -> tuple[Verdict, str]:
    file = standing.file
    if file.error and file.error.category == "PUBLISH_IN_DOUBT":
        told = "Look into the table; RetryFiles by its name loads it again, and duplicates rows that are there."
        return Verdict.IN_DOUBT, f"{message} {told}"
    if standing.waits_for:
        changes = ", ".join(f"ingestions/{standing.ingestion.id}/schemaChanges/{each}" for each in standing.waits_for)
        return Verdict.FAILED, f"{message} ResolveSchemaChange lets it go on: it waits for your word about {changes}."
    if file.error and file.error.retryable:
        return Verdict.FAILED, f"{message} The next run tries it again."
    told = "RetryFiles, or a newer version of the object, loads it; SkipFiles rules it out."
    return Verdict.FAILED, f"{message} {told}"


def _way_back(file: File) -> str:
    match file.error and file.error.category:
        case category if category == SKIPPED_BY_PERSON:
            return "RetryFiles takes it up again."
        case "NAME_UNSUPPORTED":
            return "Under another name it is loaded."
        case _:
            return "It is loaded only if the earlier version turns out not to be."


def _which(standing: Standing) -> str:
    if len(standing.versions) < 2:
        return ""
    newest = standing.versions[-1].generation
    return f"Of the {newest} versions seen of the object this is number {standing.file.generation}. "


def _loaded_version(standing: Standing) -> str:
    loaded = next((each for each in standing.versions[::-1] if each.state is FileState.PROCESSED), None)
    if loaded is None or loaded == standing.file:
        return ""
    return f" Version {loaded.generation} is loaded, with {loaded.records_written} rows."
