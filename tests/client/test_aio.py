"""The asyncio client says what the sync one says, with many requests under way at once."""

from __future__ import annotations

import asyncio
import json

import pytest

import qctl.aio
from qctl.errors import CompileError, LeaseError, LimitError, WireError


def test_many_jobs_at_once(server) -> None:
    async def work() -> list[dict[str, int]]:
        async with qctl.aio.connect(server.address) as lab:
            jobs = await asyncio.gather(*(lab.run(json.dumps({"level": n}), shots=10) for n in range(10)))
            results = await asyncio.gather(*(job.result(30) for job in jobs))
            return [result.counts for result in results]

    assert asyncio.run(work()) == [{"0": 5, "1": 5}] * 10


def test_instruments_and_errors(server) -> None:
    async def work() -> None:
        async with await qctl.aio.connect(server.address) as lab:
            lo = lab.instrument("lo_drive")
            await lo.set("power_dbm", 3.0)
            assert await lo.get("power_dbm") == await lo.get("power_dbm", cached=True) == 3.0
            assert (await lo.snapshot())["parameters"]["power_dbm"]["value"] == 3.0
            with pytest.raises(LimitError):
                await lab.set_many({"lo_drive.power_dbm": 99})
            with pytest.raises(CompileError):
                await (await lab.run(json.dumps({"fail": "no"}), shots=1)).result(20)
            assert (await lab.calibration("qpu0")).number == 0
            assert (await lab.description()).name == "transmon5"

    asyncio.run(work())


def test_events_reach_an_async_loop(server) -> None:
    async def work() -> str:
        async with await qctl.aio.connect(server.address) as lab:
            events = lab.events("value.lo_readout")
            waiting = asyncio.ensure_future(anext(events))
            while not waiting.done():
                await lab.instrument("lo_readout").set("power_dbm", 1.5)
            await events.aclose()
            return (await waiting).body["parameter"]

    assert asyncio.run(work()) == "power_dbm"


def test_silence_is_a_wire_error_that_says_what_to_do() -> None:
    async def work() -> None:
        await qctl.aio.connect("tcp://127.0.0.1:9")

    with pytest.raises(WireError, match=r"nothing listens at .*qctl serve"):
        asyncio.run(work())


def test_all_requests_end_when_their_server_dies(start) -> None:
    server = start()

    async def work() -> None:
        async with await qctl.aio.connect(server.address) as lab:
            jobs = [await lab.run(json.dumps({"block_s": 30}), shots=10) for _ in range(2)]
            waiting = [asyncio.ensure_future(job.result()) for job in jobs]
            await lab.ping()
            server.kill()
            for found in await asyncio.gather(*waiting, return_exceptions=True):
                assert isinstance(found, WireError) and "went away" in found.message
            with pytest.raises(WireError, match="nothing listens"):
                await lab.ping()

    asyncio.run(asyncio.wait_for(work(), 20))


def test_lease_is_kept_until_the_end_of_its_block(server) -> None:
    async def work() -> None:
        async with await qctl.aio.connect(server.address) as lab, await qctl.aio.connect(server.address) as other:
            async with await lab.lease("dc0", ttl_s=0.4), await lab.lease("lo_drive", ttl_s=60.0):
                await asyncio.sleep(1.5)
                with pytest.raises(LeaseError, match="dc0 is held"):
                    await other.lease("dc0")
            async with other.lease("dc0") as lease:
                assert lease.instruments == ("dc0",)
            async with lab.lease("dc0"):
                pass

    asyncio.run(work())


def test_connection_is_awaited_entered_or_made_by_a_task(server) -> None:
    async def work() -> None:
        lab = await qctl.aio.connect(server.address)
        assert await lab.ping() < 5.0
        await lab.close()
        async with asyncio.timeout(20), await asyncio.create_task(qctl.aio.connect(server.address)) as lab:
            assert await lab.ping() < 5.0
        with pytest.raises(WireError, match="nothing listens"):
            async with qctl.aio.connect("tcp://127.0.0.1:9"):
                raise AssertionError("entered")
        one, two = await asyncio.gather(*(qctl.aio.connect(server.address) for _ in range(2)))
        await one.close()
        await two.close()
        qctl.aio.connect(server.address).close()

    asyncio.run(work())


def test_refused_request_ends_nothing_else_that_is_under_way(server) -> None:
    async def work() -> None:
        async with qctl.aio.connect(server.address) as lab:
            job = await lab.run(json.dumps({"block_s": 1}), shots=10)
            while (await job.row())["state"] != "playing":
                await asyncio.sleep(0)
            waiting = asyncio.ensure_future(job.result(20))
            with pytest.raises(LeaseError, match="awg0 plays run"):
                await lab.instrument("awg0").set("output1_offset_v", 0.0)
            assert (await waiting).counts == {"0": 5, "1": 5}

    asyncio.run(work())
