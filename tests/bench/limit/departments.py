"""The departments of the limit pipeline: the sample departments' answers and decisions, given in batches."""

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.bench.limit import wire

VIEWS = {"housing": "tenancies", "hrss": "insured"}


def owner(department: str) -> Callable[[dict[str, Any]], tuple[str, str, dict[str, Any]]]:
    """Answers from its old data."""
    legacy = sqlite3.connect(os.environ["TONGBAN_LEGACY"])
    question = f"SELECT record FROM {VIEWS[department]} WHERE person = ?"  # noqa: S608 - names of our own

    def answer(asked: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
        row = legacy.execute(question, [asked["subject"]]).fetchone()
        said = {"exchange": asked["exchange"], "found": bool(row), "data": json.loads(row[0]) if row else {}}
        return "tongban.department.question-answered.v1", asked["exchange"], said

    return answer


def decide(work: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """The police's rule."""
    known = {material["code"]: material["data"] or {} for material in work["materials"]}
    fit = "rental-registration" in known or known.get("social-insurance", {}).get("months_paid", 0) >= 6
    why = "有房屋租赁登记或者缴纳社会保险满六个月" if fit else "无房屋租赁登记，缴纳社会保险不满六个月"
    said = {"case": work["case"], "outcome": "approved" if fit else "refused", "reason": why}
    return "tongban.department.case-decided.v1", work["case"], said


async def work(department: str) -> None:
    """Answer everything that comes, a batch at a time."""
    reply, topic = (decide, "intake.to") if department == "police" else (owner(department), "sharing.to")
    named = f"{wire.PREFIX}{topic}.{department}"
    options = {"group_id": f"limit.{department}", "enable_auto_commit": False, "auto_offset_reset": "earliest"}
    consumer = AIOKafkaConsumer(named, **options, **wire.kafka())
    producer = AIOKafkaProducer(**wire.kafka(), acks="all", enable_idempotence=True, linger_ms=0)
    await consumer.start()
    await producer.start()
    while True:
        sent = []
        for batch in (await consumer.getmany(timeout_ms=1000, max_records=500)).values():
            for record in batch:
                type_, about, said = reply(json.loads(record.value))
                head = {"ce_specversion": "1.0", "ce_id": f"{department}:{about}", "ce_subject": about}
                head |= {"ce_type": type_, "ce_source": f"/dalian/{department}"}
                sent.append(
                    await producer.send(
                        f"{wire.PREFIX}{department}.out",
                        json.dumps(said).encode(),
                        key=about.encode(),
                        headers=[(name, value.encode()) for name, value in head.items()],
                    )
                )
        if sent:
            await asyncio.gather(*sent)
            await consumer.commit()


if __name__ == "__main__":
    uvloop.run(work(sys.argv[1]))
