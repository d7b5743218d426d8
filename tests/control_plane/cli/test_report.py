"""What is told of a run."""

from __future__ import annotations

from autoloader.v1.runs_pb2 import Run
from autoloader.v1.schema_changes_pb2 import SchemaChange

from control_plane.cli.report import counted, outcome_of
from control_plane.cli.runs import changes_of


def a_run(state: Run.State.ValueType = Run.STATE_SUCCEEDED, **figures: int) -> Run:
    run = Run(state=state, **figures)  # type: ignore[arg-type]
    run.duration.FromMilliseconds(1_500)
    return run


def test_a_run_that_loaded_says_what() -> None:
    run = a_run(files_processed=3, records_written=3_000)
    assert outcome_of(run) == "Loaded 3 files: 3,000 records in 1.5 s."


def test_a_run_without_new_files_says_so() -> None:
    assert outcome_of(a_run(objects_listed=1)) == "Nothing new among 1 object."


def test_a_run_that_could_load_nothing_says_so() -> None:
    assert "Nothing could be loaded" in outcome_of(a_run(Run.STATE_FAILED, files_failed=2))


def test_a_cancelled_run_says_what_it_loaded_before() -> None:
    run = a_run(Run.STATE_CANCELLED, files_processed=1, records_written=10)
    assert outcome_of(run) == "Cancelled after 1.5 s; 10 records were loaded."


def test_a_run_says_what_its_files_made_of_the_columns() -> None:
    run = a_run()
    applied, kind = SchemaChange.STATE_APPLIED, SchemaChange
    run.schema_changes.add(state=applied, kind=kind.KIND_ADDED, path="region", new_type="string")
    run.schema_changes.add(state=applied, kind=kind.KIND_WIDENED, path="id", old_type="int", new_type="bigint")
    run.schema_changes.add(state=SchemaChange.STATE_HELD, kind=kind.KIND_ADDED, path="held", new_type="string")
    assert list(changes_of(run)) == ["Column added: `region` string", "Column widened: `id` bigint, which was int"]
    run.schema_changes.extend([run.schema_changes[0]] * 20)
    assert list(changes_of(run))[20:] == ["  and 2 more; autoloader schemas show tells all"]


def test_one_is_no_plural() -> None:
    assert (counted(1, "file"), counted(0, "file"), counted(1_000, "file")) == ("1 file", "0 files", "1,000 files")
