"""One ingestion for one source and one table, whatever is asked for how often."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import pytest
import typer
from autoloader.v1 import ingestions_pb2 as pb
from autoloader.v1.ingestions_pb2_grpc import IngestionServiceStub

from control_plane.cli.client import open_channel
from control_plane.cli.ensure import ensure, ids_for
from control_plane.cli.wanted import Wanted

ORDERS = Wanted(source="s3://landing/orders", table="sales.orders", pattern="*.json")


@pytest.fixture
async def channel(server: str) -> AsyncIterator[grpc.aio.Channel]:
    async with open_channel(server) as channel:
        yield channel


async def test_asked_for_again_it_is_the_same(channel: grpc.aio.Channel) -> None:
    ingestions = IngestionServiceStub(channel)
    assert await ensure(ingestions, ORDERS) == "ingestions/sales-orders"
    assert await ensure(ingestions, replace(ORDERS, source="s3a://landing/orders/")) == "ingestions/sales-orders"


async def test_another_pattern_or_endpoint_changes_the_one_that_is_there(channel: grpc.aio.Channel) -> None:
    ingestions = IngestionServiceStub(channel)
    name = await ensure(ingestions, ORDERS)
    assert await ensure(ingestions, replace(ORDERS, pattern="", region="eu-west-1")) == name
    found = await ingestions.GetIngestion(pb.GetIngestionRequest(name=name))
    assert (found.source.pattern, found.source.s3.region) == ("", "eu-west-1")


async def test_metadata_columns_are_those_of_the_last_wish_that_names_some(channel: grpc.aio.Channel) -> None:
    ingestions = IngestionServiceStub(channel)
    name = await ensure(ingestions, replace(ORDERS, metadata_columns=("run",)))
    assert await ensure(ingestions, replace(ORDERS, metadata_columns=("source-file=origin", "load-time"))) == name
    await ensure(ingestions, ORDERS)
    found = await ingestions.GetIngestion(pb.GetIngestionRequest(name=name))
    kinds = pb.MetadataColumn.Kind
    assert [(kinds.Name(one.kind), one.name) for one in found.destination.metadata_columns] == [
        ("KIND_SOURCE_FILE", "origin"),
        ("KIND_LOAD_TIME", "_load_time"),
    ]


def test_a_kind_of_metadata_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(typer.BadParameter, match="source-file, source-modification-time, load-time, run"):
        replace(ORDERS, metadata_columns=("file",)).ingestion()


async def test_another_source_of_the_table_is_another_one_each_time_the_same(channel: grpc.aio.Channel) -> None:
    ingestions = IngestionServiceStub(channel)
    first = await ensure(ingestions, ORDERS)
    second = await ensure(ingestions, replace(ORDERS, source="s3://landing/returns"))
    assert second != first
    assert await ensure(ingestions, replace(ORDERS, source="s3://landing/returns")) == second


async def test_tables_whose_names_look_alike_are_kept_apart(channel: grpc.aio.Channel) -> None:
    ingestions = IngestionServiceStub(channel)
    first = await ensure(ingestions, replace(ORDERS, table="a_b.c"))
    assert await ensure(ingestions, replace(ORDERS, table="a.b_c")) != first


async def test_the_id_of_a_deleted_one_is_left_alone(channel: grpc.aio.Channel) -> None:
    ingestions = IngestionServiceStub(channel)
    name = await ensure(ingestions, ORDERS)
    await ingestions.DeleteIngestion(pb.DeleteIngestionRequest(name=name))
    again = await ensure(ingestions, ORDERS)
    assert again != name


async def test_a_refusal_is_passed_on(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="is no table"):
        await ensure(IngestionServiceStub(channel), replace(ORDERS, table="sales orders"))


@pytest.mark.parametrize("table", ["sales.orders", "_x.1", "9.9", "A.B" * 60])
def test_ids_are_such_that_a_server_takes_them(table: str) -> None:
    for ingestion_id in ids_for(replace(ORDERS, table=table)):
        assert len(ingestion_id) <= 63
        assert ingestion_id[0].isalpha()
        assert set(ingestion_id) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
