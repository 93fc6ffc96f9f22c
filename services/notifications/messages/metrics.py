"""What is counted of mails."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class MailMetrics:
    """Attempts by outcome, their time, and mails that may have gone out twice."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.attempts = Counter("tongban_mail_attempts_total", "Attempts by outcome", ["outcome"], registry=registry)
        self.seconds = Histogram("tongban_mail_seconds", "Time of one hand-over, in seconds", registry=registry)
        self.maybe_repeated = Counter(
            "tongban_mail_maybe_repeated_total",
            "Mails sent again though nobody knows how the attempt before ended",
            registry=registry,
        )
