"""What the messaging kernel counts and times, on the service's own registry."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class LaneMetrics:
    """Events handled, by type and time taken; batches and commits; records parked; keys held."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Histogram(
            "tongban_event_seconds",
            "Time a handler took, in seconds",
            ["type"],
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
            registry=registry,
        )
        self._of_type: dict[str, Histogram] = {}
        self.batches = Counter("tongban_batches_total", "Batches handled and committed", registry=registry)
        self.commits = Counter(
            "tongban_commits_total", "Commits to the group, of one or more batches", registry=registry
        )
        self.parked = Counter("tongban_records_parked_total", "Records that were parked", registry=registry)
        self.held = Counter(
            "tongban_keys_held_total", "Times a key was held while store or broker were away", registry=registry
        )

    def took(self, type_: str, seconds: float) -> None:
        """A handler took so long."""
        if (of_type := self._of_type.get(type_)) is None:
            of_type = self._of_type[type_] = self.seconds.labels(type_)
        of_type.observe(seconds)


class RelayMetrics:
    """Journal entries published, failures, and how far the last sweep was behind."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sent = Counter("tongban_entries_sent_total", "Journal entries confirmed by Kafka", registry=registry)
        self.failed = Counter("tongban_publish_failures_total", "Publications that failed", registry=registry)
        self.waiting = Gauge(
            "tongban_documents_pending",
            "Documents with unsent entries at the last look",
            ["collection"],
            registry=registry,
        )
