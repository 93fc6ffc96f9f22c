"""Social security (人力资源和社会保障局): answers since when a person is insured, and whether a card is the person's.

All it takes to join the network. A question is done when its answer is on the topic; an answer sent twice carries the
same ce_id and counts once; one that cannot be sent ends the program, which starts again with the same question.
"""

import json
import sqlite3
from os import environ as env

from confluent_kafka import Consumer, Producer

kafka = {"bootstrap.servers": env["TONGBAN_KAFKA_BOOTSTRAP"], "sasl.mechanism": env["TONGBAN_KAFKA_SASL_MECHANISM"]}
kafka |= {"security.protocol": env["TONGBAN_KAFKA_SECURITY_PROTOCOL"], "reconnect.backoff.max.ms": "500"}
kafka |= {"sasl.username": env["TONGBAN_KAFKA_USERNAME"], "sasl.password": env["TONGBAN_KAFKA_PASSWORD"]}
# The instance id lets the program come back at once after a crash, without a rebalance.
own = {"group.id": "hrss.work", "group.instance.id": "1", "enable.auto.commit": "0", "auto.offset.reset": "earliest"}
questions, legacy = Consumer(kafka | own), sqlite3.connect(env["TONGBAN_LEGACY"])
answers = Producer(kafka | {"on_delivery": lambda error, _: error and exit(str(error))})  # noqa: PLR1722
questions.subscribe(["sharing.to.hrss"])
for question in iter(questions.poll, None):
    if ("ce_type", b"tongban.sharing.question-asked.v1") in (question.headers() or []):
        asked = {"given": {}} | json.loads(question.value() or "{}")
        query = legacy.execute("SELECT query FROM interfaces WHERE resource = :resource", asked).fetchone()
        row = query and legacy.execute(query[0], asked | asked["given"]).fetchone()
        answer = {"exchange": asked["exchange"], "found": bool(row), "data": json.loads(row[0]) if row else {}}
        about = {"ce_specversion": "1.0", "ce_id": f"hrss:{asked['exchange']}", "ce_subject": asked["exchange"]}
        about |= {"ce_type": "tongban.department.question-answered.v1", "ce_source": "/dalian/hrss"}
        answers.produce("hrss.out", json.dumps(answer), asked["exchange"], headers=about)
    answers.flush() or question.error() or questions.commit(message=question)
