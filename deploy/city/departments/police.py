"""Police (公安局): decides on residence permits: half a year insured here, or a tenancy (居住证暂行条例 Art. 2).

All it takes to join the network. A case is done when its decision is on the topic; a decision sent twice carries the
same ce_id and counts once; one that cannot be sent ends the program, which starts again with the same case.
"""

import json
from os import environ as env

from confluent_kafka import Consumer, Producer

kafka = {"bootstrap.servers": env["TONGBAN_KAFKA_BOOTSTRAP"], "sasl.mechanism": env["TONGBAN_KAFKA_SASL_MECHANISM"]}
kafka |= {"security.protocol": env["TONGBAN_KAFKA_SECURITY_PROTOCOL"], "reconnect.backoff.max.ms": "500"}
kafka |= {"sasl.username": env["TONGBAN_KAFKA_USERNAME"], "sasl.password": env["TONGBAN_KAFKA_PASSWORD"]}
# The instance id lets the program come back at once after a crash, without a rebalance.
own = {"group.id": "police.work", "group.instance.id": "1", "enable.auto.commit": "0", "auto.offset.reset": "earliest"}
cases, answers = Consumer(kafka | own), Producer(kafka | {"on_delivery": lambda error, _: error and exit(str(error))})  # noqa: PLR1722
cases.subscribe(["intake.to.police"])
for case in iter(cases.poll, None):
    kind, work = dict(case.headers() or []).get("ce_type"), json.loads(case.value() or "{}")
    if (kind, work.get("item")) == (b"tongban.intake.case-assigned.v1", "residence-permit"):  # officers do the rest
        known = {material["code"]: material["data"] or {} for material in work["materials"]}
        fit = "rental-registration" in known or known.get("social-insurance", {}).get("months_paid", 0) >= 6
        why = "有房屋租赁登记或者缴纳社会保险满六个月" if fit else "无房屋租赁登记，缴纳社会保险不满六个月"
        decided = {"case": work["case"], "outcome": "approved" if fit else "refused", "reason": why}
        about = {"ce_specversion": "1.0", "ce_id": f"police:{work['case']}", "ce_subject": work["case"]}
        about |= {"ce_type": "tongban.department.case-decided.v1", "ce_source": "/dalian/police"}
        answers.produce("police.out", json.dumps(decided), work["case"], headers=about)
    answers.flush() or case.error() or cases.commit(message=case)
