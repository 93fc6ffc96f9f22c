"""Make the broker what `topics.yaml` declares: topics, their settings, principals and rights. Idempotent."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from deploy.kafka.declared import ADMIN, Declared, Right, Topic

TIMEOUT_S = 15.0
SCRAM = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)


@dataclass(frozen=True)
class Broker:
    """Where the broker is and the super user's password: enough to administer it."""

    bootstrap: str
    password: str = field(repr=False)

    def client(self, member: str = ADMIN, password: str | None = None) -> dict[str, Any]:
        """Settings of a confluent-kafka client of one member."""
        return {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": member,
            "sasl.password": password or self.password,
            "reconnect.backoff.max.ms": 200,
            "log_level": 0,
        }

    def admin(self) -> AdminClient:
        return AdminClient(self.client())


@dataclass(frozen=True)
class Difference:
    """Declared against actual. `False` when they agree; `repairable` is what `apply` puts right."""

    topics_missing: tuple[Topic, ...] = ()
    topics_undeclared: tuple[str, ...] = ()
    partitions: tuple[tuple[str, int, int], ...] = ()
    """Topic, declared, actual."""
    settings: tuple[tuple[str, str, str | None, str | None], ...] = ()
    """Topic, setting, declared (None: the broker's default), actual."""
    principals_missing: tuple[str, ...] = ()
    principals_undeclared: tuple[str, ...] = ()
    rights_missing: tuple[Right, ...] = ()
    rights_undeclared: tuple[AclBinding, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lines())

    @property
    def repairable(self) -> bool:
        return any(line.repairable for line in self.lines())

    def lines(self) -> list["Line"]:
        """Each difference as a sentence."""
        return [
            *(Line(f"topic {t.name} is missing") for t in self.topics_missing),
            # Data is never deleted, and keys never moved to other partitions, by a start command.
            *(Line(f"topic {name} is not declared", repairable=False) for name in self.topics_undeclared),
            *(
                Line(f"topic {name} has {actual} partitions, declared are {wanted}", repairable=False)
                for name, wanted, actual in self.partitions
            ),
            *(
                Line(f"topic {name}: {key} is {actual or 'the default'}, declared is {wanted or 'the default'}")
                for name, key, wanted, actual in self.settings
            ),
            *(Line(f"principal {name} is missing") for name in self.principals_missing),
            *(Line(f"principal {name} is not declared") for name in self.principals_undeclared),
            *(Line(f"right is missing: {right}") for right in self.rights_missing),
            *(Line(f"right is not declared: {_sentence(acl)}") for acl in self.rights_undeclared),
        ]


@dataclass(frozen=True)
class Line:
    text: str
    repairable: bool = True


def difference(admin: AdminClient, declared: Declared) -> Difference:
    """Compare the broker with the declaration. Raises KafkaException when the broker cannot be asked."""
    actual = {n: t for n, t in admin.list_topics(timeout=TIMEOUT_S).topics.items() if not n.startswith("__")}
    present = [topic for topic in declared.topics if topic.name in actual]
    principals = set(admin.describe_user_scram_credentials(request_timeout=TIMEOUT_S).result()) - {ADMIN}
    acls = {_binding(right): right for right in declared.rights}
    found = set(admin.describe_acls(_every_acl(), request_timeout=TIMEOUT_S).result())
    return Difference(
        topics_missing=tuple(topic for topic in declared.topics if topic.name not in actual),
        topics_undeclared=tuple(sorted(set(actual) - {topic.name for topic in declared.topics})),
        partitions=tuple(
            (t.name, t.partitions, len(actual[t.name].partitions))
            for t in present
            if len(actual[t.name].partitions) != t.partitions
        ),
        settings=tuple(_settings_that_differ(admin, present)),
        principals_missing=tuple(sorted(set(declared.members) - principals)),
        principals_undeclared=tuple(sorted(principals - set(declared.members))),
        rights_missing=tuple(sorted(right for acl, right in acls.items() if acl not in found)),
        rights_undeclared=tuple(sorted(found - set(acls), key=_sentence)),
    )


def apply(admin: AdminClient, declared: Declared, passwords: Mapping[str, str]) -> Difference:
    """Make it so, and return what was found to differ before.

    Passwords are set again each time: the broker does not say what they are. What is taken away goes rights first:
    a credential without rights can do nothing, while a connection outlives its credential.
    Raises KafkaException, and KeyError for a member without a password.
    """
    found = difference(admin, declared)
    if found.topics_missing:
        _done(admin.create_topics([_new(topic) for topic in found.topics_missing]))
    _alter_settings(admin, found)
    if found.rights_undeclared:
        _done(admin.delete_acls([_exactly(acl) for acl in found.rights_undeclared]))
    if found.rights_missing:
        _done(admin.create_acls([_binding(right) for right in found.rights_missing]))
    wanted = [UserScramCredentialUpsertion(m, SCRAM, passwords[m].encode()) for m in declared.members]
    gone = [UserScramCredentialDeletion(m, SCRAM.mechanism) for m in found.principals_undeclared]
    _done(admin.alter_user_scram_credentials([*wanted, *gone], request_timeout=TIMEOUT_S))
    _seen_by_the_broker(admin, declared)
    return found


def _seen_by_the_broker(admin: AdminClient, declared: Declared) -> None:
    """The controller confirms a change a moment before the broker acts on it. Raises TimeoutError."""
    deadline = time.monotonic() + TIMEOUT_S
    while (left := difference(admin, declared)).repairable:
        if time.monotonic() > deadline:
            raise TimeoutError("the broker does not act on: " + "; ".join(line.text for line in left.lines()))
        time.sleep(0.05)


def _new(topic: Topic) -> NewTopic:
    return NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=-1, config=topic.settings)


def _settings_that_differ(
    admin: AdminClient, topics: Iterable[Topic]
) -> Iterable[tuple[str, str, str | None, str | None]]:
    wanted = {topic.name: topic.settings for topic in topics}
    if not wanted:
        return
    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in wanted])
    for resource, answer in asked.items():
        own = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
        actual = {key: entry.value for key, entry in answer.result(TIMEOUT_S).items() if entry.source == own}
        declared = wanted[resource.name]
        for key in sorted(declared.keys() | actual.keys()):
            if declared.get(key) != actual.get(key):
                yield resource.name, key, declared.get(key), actual.get(key)


def _alter_settings(admin: AdminClient, found: Difference) -> None:
    changes: dict[str, list[ConfigEntry]] = {}
    for name, key, wanted, _ in found.settings:
        operation = AlterConfigOpType.SET if wanted is not None else AlterConfigOpType.DELETE
        changes.setdefault(name, []).append(ConfigEntry(key, wanted, incremental_operation=operation))
    resources = [ConfigResource(ResourceType.TOPIC, n, incremental_configs=e) for n, e in changes.items()]
    if resources:
        _done(admin.incremental_alter_configs(resources))


def _binding(right: Right) -> AclBinding:
    return AclBinding(
        ResourceType[right.resource],
        right.name,
        ResourcePatternType[right.pattern],
        f"User:{right.principal}",
        "*",
        AclOperation[right.operation],
        AclPermissionType.ALLOW,
    )


def _every_acl() -> AclBindingFilter:
    anything = (ResourceType.ANY, None, ResourcePatternType.ANY)
    return AclBindingFilter(*anything, None, None, AclOperation.ANY, AclPermissionType.ANY)


def _exactly(acl: AclBinding) -> AclBindingFilter:
    what = (acl.restype, acl.name, acl.resource_pattern_type)
    return AclBindingFilter(*what, acl.principal, acl.host, acl.operation, acl.permission_type)


def _sentence(acl: AclBinding) -> str:
    star = "*" if acl.resource_pattern_type is ResourcePatternType.PREFIXED else ""
    who = f"{acl.principal.removeprefix('User:')} {acl.permission_type.name} {acl.operation.name}"
    return f"{who} {acl.restype.name.lower()} {acl.name}{star} from {acl.host}"


def reason(error: Exception) -> str:
    """What the broker or the client said, without the wrapping."""
    said = error.args[0] if error.args else error
    if isinstance(said, KafkaException):
        return reason(said)
    return str(said.str()) if isinstance(said, KafkaError) else str(said) or "no answer in time"


def _done(futures: Mapping[Any, "Future[Any]"]) -> None:
    for future in futures.values():
        future.result(TIMEOUT_S)
