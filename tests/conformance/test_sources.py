"""What every source does alike, on real file systems and servers."""

from __future__ import annotations

import re
import time
from contextlib import aclosing, closing
from dataclasses import replace

import pytest

from control_plane.domain.file import ListedFile, LoadError
from control_plane.sources.registry import open_source
from control_plane.sources.source import ListingPage, SourceError, SourceSpec
from tests.conformance.places import LocalPlace, Place, S3Place, folder_of, matching
from tests.servers.server import S3Keys, S3Server, client_of

AWKWARD_NAMES = [
    "a b.json",
    "%20.json",
    "a+b.json",
    "caf\u00e9.json",
    "cafe\u0301.json",
    "\U0001f389.json",
    "it's.json",
    'say "so".json',
    "a,b.json",
    "a:b.json",
    "back\\slash.json",
    "{a}.json",
    "a[1].json",
    "a1.json",
    "what?.json",
    "st*r.json",
    "#1&2=3;.json",
    "day=2026-11-01/part.json",
    "~tilde.json",
]


async def pages_of(spec: SourceSpec) -> list[ListingPage]:
    async with aclosing(open_source(spec).list()) as pages:
        return [page async for page in pages]


async def files_of(spec: SourceSpec) -> list[ListedFile]:
    return [file for page in await pages_of(spec) for file in page.files]


async def uris_of(spec: SourceSpec) -> list[str]:
    return [file.uri for file in await files_of(spec)]


def as_user(spec: SourceSpec, keys: S3Keys) -> SourceSpec:
    return replace(spec, access_key_id=keys.access_key_id, secret_access_key=keys.secret_access_key)


async def refusal_of(spec: SourceSpec) -> LoadError:
    with pytest.raises(SourceError) as caught:
        await pages_of(spec)
    return caught.value.error


async def test_a_file_is_listed_with_its_size_and_time(place: Place) -> None:
    before = time.time()
    place.put("a.json", body=b'{"n": 1}\n')
    (file,) = await files_of(place.spec)
    assert (file.uri, file.size_bytes, file.unsupported) == (place.uri("a.json"), 9, "")
    assert before - 5 < file.modification_time_ns / 1e9 < time.time() + 5


async def test_a_new_version_of_a_file_differs_from_the_old_one(place: Place) -> None:
    place.put("a.json", body=b"1\n")
    first = await files_of(place.spec)
    place.put("a.json", body=b"2\n")
    assert await files_of(place.spec) != first


async def test_listing_again_gives_the_same(place: Place) -> None:
    place.put("a.json", "b/c.json")
    source = open_source(place.spec)
    first = [page async for page in source.list()]
    assert [page async for page in source.list()] == first


async def test_names_are_listed_by_their_exact_bytes(place: Place) -> None:
    place.put(*AWKWARD_NAMES)
    files = await files_of(place.spec)
    assert sorted(file.uri for file in files) == sorted(map(place.uri, AWKWARD_NAMES))
    assert {file.unsupported for file in files} == {""}


async def test_an_awkward_name_can_be_asked_for_in_brackets(place: Place) -> None:
    place.put(*AWKWARD_NAMES)
    patterns = [re.sub(r"[*?[{}]", r"[\g<0>]", name) for name in AWKWARD_NAMES]
    listed = [await uris_of(matching(place, pattern)) for pattern in patterns]
    assert listed == [[place.uri(name)] for name in AWKWARD_NAMES]


async def test_uris_come_in_byte_order(place: Place) -> None:
    names = ["a-b.json", "a.b.json", "a/b.json", "a/c/d.json", "a0.json", "B.json", "\uff5e.json"]
    place.put(*names, "\U0001f389.json", "a/b-.json", "a-b/x.json", "a.b/x.json")
    uris = await uris_of(place.spec)
    assert len(uris) == len(names) + 4
    assert uris == sorted(uris, key=str.encode)


async def test_a_pattern_picks_and_an_exclusion_takes_out(place: Place) -> None:
    place.put("2024/01/a.json", "2024/02/b.json", "2024/02/b.csv", "2025/01/c.json", "d.json")
    assert await uris_of(matching(place, "2024/**/*.json", "**/01/*")) == [place.uri("2024/02/b.json")]


async def test_a_star_stays_in_its_folder(place: Place) -> None:
    place.put("a.json", "deep/a.json")
    assert await uris_of(matching(place, "*.json")) == [place.uri("a.json")]


async def test_a_prefix_is_a_folder(place: Place) -> None:
    place.put("data/x.json", "data2/x.json", "data.json", "other/data/x.json")
    assert await uris_of(folder_of(place, "data")) == [place.uri("data/x.json")]


async def test_a_trailing_slash_changes_nothing(place: Place) -> None:
    place.put("data/x.json")
    assert await uris_of(folder_of(place, "data/")) == [place.uri("data/x.json")]


async def test_patterns_are_relative_to_the_folder(place: Place) -> None:
    place.put("data/data/x.json", "data/x.json")
    assert await uris_of(folder_of(place, "data", "data/*")) == [place.uri("data/data/x.json")]


async def test_more_files_than_fit_a_page_are_all_listed_once(place: Place) -> None:
    paths = [f"day/{number:05}.json" for number in range(1_003)]
    place.put(*paths)
    pages = await pages_of(place.spec)
    uris = [file.uri for page in pages for file in page.files]
    assert uris == [place.uri(path) for path in paths]
    assert sum(page.objects_listed for page in pages) == 1_003
    assert isinstance(place, LocalPlace) or [page.requests for page in pages] == [1, 1]


async def test_an_empty_place_has_no_files(place: Place) -> None:
    assert await files_of(place.spec) == []


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("_SUCCESS", "starts with `_`"),
        (".hidden.json", "starts with `_` or `.`"),
        ("day/_part.json", "starts with `_`"),
        ("a.json._COPYING_", "temporary"),
        ("a.json.crc", "checksum"),
        ("a.json.tmp", "temporary"),
    ],
)
async def test_names_that_spark_hides_are_listed_with_the_rule(place: Place, path: str, rule: str) -> None:
    place.put(path, "good.json")
    unsupported = {file.uri: file.unsupported for file in await files_of(place.spec)}
    assert unsupported[place.uri("good.json")] == ""
    assert rule in unsupported[place.uri(path)]


async def test_names_that_spark_hides_are_left_out_where_the_pattern_does(place: Place) -> None:
    place.put("_SUCCESS", "a.json")
    assert await uris_of(matching(place, "*.json")) == [place.uri("a.json")]


@pytest.mark.parametrize(
    ("key", "rule"),
    [("a//b.json", "two slashes"), ("sub/", "folder marker"), ("a/../b.json", "resolves")],
)
async def test_keys_that_no_path_can_spell_are_listed_with_the_rule(place: Place, key: str, rule: str) -> None:
    if not place.keeps_odd_keys:
        pytest.skip("this place cannot hold such a key")
    place.put(key, "good.json")
    unsupported = {file.uri: file.unsupported for file in await files_of(place.spec)}
    assert unsupported[place.uri("good.json")] == ""
    assert rule in unsupported[place.uri(key)]


async def test_the_marker_of_the_folder_itself_is_no_file_in_it(moto: S3Server) -> None:
    place = S3Place(moto)
    place.put("data/", "data/x.json")
    assert await uris_of(folder_of(place, "data")) == [place.uri("data/x.json")]


async def test_a_listing_can_be_left_early(place: Place) -> None:
    place.put("a.json")
    async with aclosing(open_source(place.spec).list()) as pages:
        assert await anext(pages)


async def test_a_missing_folder_is_named(tmp_path: object) -> None:
    error = await refusal_of(SourceSpec(uri=f"file://{tmp_path}/absent"))
    assert error.category == "PATH_NOT_FOUND"
    assert f"{tmp_path}/absent" in error.message


async def test_a_missing_bucket_is_named(s3_server: S3Server) -> None:
    spec = as_user(S3Place(s3_server).spec, s3_server.admin)
    error = await refusal_of(replace(spec, uri="s3://no-such-bucket"))
    assert (error.category, error.retryable) == ("BUCKET_NOT_FOUND", False)
    assert "no-such-bucket" in error.message


async def test_a_missing_folder_of_a_bucket_is_empty(s3_server: S3Server) -> None:
    assert await files_of(folder_of(S3Place(s3_server), "absent")) == []


async def test_a_wrong_secret_is_refused_and_not_told(s3_server: S3Server) -> None:
    place = S3Place(s3_server)
    wrong = s3_server.user(place.bucket, "s3:ListBucket").with_wrong_secret()
    error = await refusal_of(as_user(place.spec, wrong))
    assert (error.category, error.retryable) == ("AUTHENTICATION", False)
    assert wrong.secret_access_key not in repr(error)


async def test_an_unknown_user_is_refused(s3_server: S3Server) -> None:
    place = S3Place(s3_server)
    error = await refusal_of(as_user(place.spec, S3Keys("AKIANOBODY", "s" * 40)))
    assert error.category == "AUTHENTICATION"


async def test_the_missing_right_is_named(s3_server: S3Server) -> None:
    place = S3Place(s3_server)
    reader = s3_server.user(place.bucket, "s3:GetObject")
    error = await refusal_of(as_user(place.spec, reader))
    assert (error.category, error.retryable) == ("PERMISSION", False)
    assert "s3:ListBucket" in error.message


async def test_a_right_to_list_is_enough(s3_server: S3Server) -> None:
    place = S3Place(s3_server)
    place.put("a.json")
    lister = s3_server.user(place.bucket, "s3:ListBucket")
    assert await uris_of(as_user(place.spec, lister)) == [place.uri("a.json")]


async def test_etags_are_the_stores_own_without_quotes(s3_server: S3Server) -> None:
    place = S3Place(s3_server)
    place.put("a.json")
    with closing(client_of(s3_server)) as client:
        etag = client.head_object(Bucket=place.bucket, Key="a.json")["ETag"]
    (file,) = await files_of(place.spec)
    assert f'"{file.etag}"' == etag
