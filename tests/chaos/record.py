"""`python -m tests.chaos.record`: write `recorded.json` anew, the evidence of three cases on a quiet city.

One owner sleeps through one of them, so that the way over the applicant's own file is in it as well.
"""

from pathlib import Path

from tests.chaos.city import private_city
from tests.chaos.evidence import Evidence
from tests.chaos.load import Load
from tests.chaos.round import Round
from tests.chaos.scene import Scene
from tests.city.running import until

RECORDED = Path(__file__).with_name("recorded.json")
KEPT = ("cases", "exchanges", "messages", "files")


def main() -> None:
    """Raises where the checker would not be content with what was recorded."""
    with private_city() as city:
        load = Load(city)
        try:
            load.rate(2.0)
            until(lambda: len(load.look().acknowledged) >= 2, what="two cases are taken")
            load.drain()
            with city.frozen("hrss"):
                load.rate(2.0)
                until(lambda: len(load.look().acknowledged) >= 3, what="one more is taken")
                load.drain()
                until(lambda: load.look().supplied, within=60, what="the applicant gave what was missing")
            round_ = Round(city, load, "record", 0.0)
            round_.settle(Scene(city, load, round_.dice("record"), 0.0))
            small(round_.gather()).dump(RECORDED)
        finally:
            load.end()


def small(evidence: Evidence) -> Evidence:
    """Without the sample city's own documents: three cases and all that hangs on them."""
    evidence.documents = [document for document in evidence.documents if document.collection in KEPT]
    known = {document.id for document in evidence.documents}
    evidence.records = [r for r in evidence.records if r.key in known]
    return evidence


if __name__ == "__main__":
    main()
