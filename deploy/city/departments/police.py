"""Police (公安局): decides on residence permits: half a year insured here, or a tenancy (居住证暂行条例 Art. 2); and
answers whether an identity card or a driving licence is the person's.

All it takes to join the network. A piece of work is done when what it led to is on the topic; what is sent twice
carries the same ce_id and counts once; what cannot be sent ends the program, which starts again with the same work.
"""

import json
import sqlite3
from os import environ as env

from confluent_kafka import Consumer, Producer

kafka = {"bootstrap.servers": env["TONGBAN_KAFKA_BOOTSTRAP"], "sasl.mechanism": env["TONGBAN_KAFKA_SASL_MECHANISM"]}
kafka |= {"security.protocol": env["TONGBAN_KAFKA_SECURITY_PROTOCOL"], "reconnect.backoff.max.ms": "500"}
kafka |= {"sasl.username": env["TONGBAN_KAFKA_USERNAME"], "sasl.password": env["TONGBAN_KAFKA_PASSWORD"]}
# The instance id lets the program come back at once after a crash, without a rebalance.
own = {"group.id": "police.work", "group.instance.id": "1", "enable.auto.commit": "0", "auto.offset.reset": "earliest"}
works, legacy = Consumer(kafka | own), sqlite3.connect(env["TONGBAN_LEGACY"])
answers = Producer(kafka | {"on_delivery": lambda error, _: error and exit(str(error))})  # noqa: PLR1722
works.subscribe(["intake.to.police", "sharing.to.police"])
for work in iter(works.poll, None):
    kind, told = dict(work.headers() or []).get("ce_type"), {"given": {}} | json.loads(work.value() or "{}")
    said, subject = {}, ""
    if (kind, told.get("item")) == (b"tongban.intake.case-assigned.v1", "residence-permit"):  # officers do the rest
        known = {material["code"]: material["data"] or {} for material in told["materials"]}
        fit = "rental-registration" in known or known.get("social-insurance", {}).get("months_paid", 0) >= 6
        why = "有房屋租赁登记或者缴纳社会保险满六个月" if fit else "无房屋租赁登记，缴纳社会保险不满六个月"
        said = {"case": told["case"], "outcome": "approved" if fit else "refused", "reason": why}
        subject, what = told["case"], "case-decided"
    if kind == b"tongban.sharing.question-asked.v1":
        query = legacy.execute("SELECT query FROM interfaces WHERE resource = :resource", told).fetchone()
        row = query and legacy.execute(query[0], told | told["given"]).fetchone()
        said = {"exchange": told["exchange"], "found": bool(row), "data": json.loads(row[0]) if row else {}}
        subject, what = told["exchange"], "question-answered"
    if subject:
        about = {"ce_specversion": "1.0", "ce_id": f"police:{subject}", "ce_subject": subject}
        about |= {"ce_type": f"tongban.department.{what}.v1", "ce_source": "/dalian/police"}
        answers.produce("police.out", json.dumps(said), subject, headers=about)
    answers.flush() or work.error() or works.commit(message=work)
