"""The organisation as one file: exported, changed by hand, compared, and put in force on the real identity."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import structlog
import yaml
from fastapi import FastAPI
from typer.testing import CliRunner

from deploy.city import organisation as file
from deploy.city.load import operator, put_all
from deploy.city.organisation import Change
from deploy.city.reading import CityError
from deploy.local.cli import app as command
from deploy.local.commands import organisation as commands
from deploy.local.trouble import Trouble
from services.identity.accounts.domain import Person
from services.identity.app import build_for_tests
from services.identity.desk import Desk
from services.identity.posts.domain import Post, Substitution
from shared.contracts.identity import DutyAssigned, DutyReleased, RevocationPublished
from shared.store.memory import MemoryDatabase
from shared.testing import FakeClock, MemoryBus
from shared.testing.kms import FakeKms
from tests.service.identity.conftest import DIVISIONS, HRSS, ISSUER, OPERATOR_SECRET, POLICE, settings

TODAY = date(2026, 3, 2)
STANDING_IN = {
    "id": "substitution-liu",
    "organisation": "police",
    "division": "2102",
    "roles": ["head"],
    "since": "2026-03-01",
    "until": "2026-12-31",
    "instead_of": "person-zhang",
}
Told = dict[str, Any]


@dataclass
class Town:
    """Identity, its operator, and a file to work on."""

    http: httpx.AsyncClient
    app: FastAPI
    bus: MemoryBus
    desk: Desk
    path: Path
    asked: list[str]

    async def export(self) -> Told:
        text = file.written(await file.kept(self.http, ISSUER))
        self.path.write_text(text, encoding="utf-8")
        told: Told = yaml.safe_load(text)
        return told

    def write(self, told: Told) -> None:
        self.path.write_text(yaml.safe_dump(told, allow_unicode=True), encoding="utf-8")

    async def compare(self, today: date = TODAY) -> list[Change]:
        wanted, now = file.read(self.path), await file.kept(self.http, ISSUER)
        return await file.changes(self.http, ISSUER, now, wanted, today)

    async def differs(self) -> list[tuple[str, str]]:
        return [(change.how, change.what) for change in await self.compare()]

    async def make_so(self) -> None:
        await put_all(self.http, {"identity": ISSUER}, file.puts_of(await self.compare()))
        await self.bus.settle()

    async def refused(self) -> tuple[str, ...]:
        """Every fault; nothing was written."""
        self.asked.clear()
        with pytest.raises(CityError) as raised:
            await self.compare()
        assert {line.partition(" ")[0] for line in self.asked} <= {"GET"}
        return raised.value.faults


def officer(id_: str, *posts: Post) -> Person:
    return Person(id=id_, login=id_, password_hash="", name=id_, mail=f"{id_}@example.org", posts=list(posts))


def post(division: str, *roles: str, organisation: str = "police") -> Post:
    return Post.model_validate({"organisation": organisation, "division": division, "roles": list(roles)})


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    bus, clock, asked = MemoryBus(), FakeClock(), list[str]()
    app, runtime, desk = build_for_tests(settings(), MemoryDatabase(), clock, bus, FakeKms())
    await bus.join(runtime)
    async with operator(ISSUER, OPERATOR_SECRET, httpx.ASGITransport(app)) as http:

        async def note(request: httpx.Request) -> None:
            asked.append(f"{request.method} {request.url.path}")

        http.event_hooks["request"].append(note)
        for kind, row in [
            *(("divisions", row) for row in DIVISIONS),
            ("organisations", POLICE),
            ("organisations", HRSS),
        ]:
            assert (await http.put(f"{ISSUER}/{kind}/{row['code']}", json=row)).is_success
        for one in (
            officer("person-chen", post("2102", "clerk", organisation="hrss")),
            officer("person-liu", post("210203", "clerk"), post("2102", "steward")),
            officer("person-zhang", post("2102", "head", "clerk")),
        ):
            one.open(clock.now())
            if one.id == "person-liu":
                one.arrange(Substitution.model_validate(STANDING_IN), clock.now())
            await desk.people.add(one)
        await bus.settle()
        yield Town(http, app, bus, desk, tmp_path / "org.yaml", asked)


async def test_what_was_exported_is_imported_without_a_change(town: Town) -> None:
    told = await town.export()
    assert [one["id"] for one in told["officers"]] == ["person-chen", "person-liu", "person-zhang"]
    assert told["officers"][1]["substitutions"][0]["until"] == date(2026, 12, 31)
    assert "password" not in town.path.read_text(encoding="utf-8").partition("\n")[2]
    assert await town.compare() == []
    town.asked.clear()
    await town.make_so()
    assert {line.partition(" ")[0] for line in town.asked} == {"GET"}


async def test_what_would_be_created_changed_and_taken_away_is_said_field_by_field(town: Town) -> None:
    told = await town.export()
    told["divisions"].append(
        {"code": "210204", "name": {"zh": "沙河口区", "en": "Shahekou"}, "level": 3, "parent": "2102"}
    )
    told["departments"][1] |= {"matters": ["residence-permit", "seal-engraving"], "systems": ["police.permits"]}
    told["officers"][1]["posts"][0]["roles"] = ["clerk", "head"]
    told["officers"][1]["posts"][1]["until"] = date(2026, 12, 31)
    told["officers"][1]["substitutions"] = []
    del told["officers"][0]
    town.write(told)
    found = {change.what: change for change in await town.compare()}
    assert {what: change.how for what, change in found.items()} == {
        "division 210204": "created",
        "department police": "changed",
        "officer person-liu": "changed",
        "substitution-liu of person-liu": "taken away",
        "officer person-chen": "taken away",
    }
    shown = {what: [(f.name, f.before, f.after) for f in change.fields] for what, change in found.items()}
    assert shown["department police"] == [
        ("matters", "residence-permit", "residence-permit, seal-engraving"),
        ("systems", "", "police.permits"),
    ]
    assert shown["officer person-liu"] == [
        ("posts.police.210203.roles", "clerk", "clerk, head"),
        ("posts.police.2102.until", "", "2026-12-31"),
    ]
    assert ("posts", "hrss.2102", "") in shown["officer person-chen"]


async def test_importing_makes_it_so_and_again_changes_nothing(town: Town) -> None:
    told = await town.export()
    told["departments"][1]["systems"] = ["police.permits"]
    told["officers"][2]["posts"][0]["until"] = date(2027, 12, 31)
    wu = {"id": "person-wu", "login": "wu", "password": "wu-fang-demo", "name": "吴芳"}
    wu["posts"] = [{"organisation": "hrss", "division": "210203", "roles": ["clerk"]}]  # type: ignore[assignment]
    told["officers"] = [*told["officers"][1:], wu]
    town.write(told)
    await town.make_so()
    assert await town.compare() == []
    new, gone = await town.desk.people.get("person-wu"), await town.desk.people.get("person-chen")
    assert new.password_hash
    assert (gone.posts, gone.token_version) == ([], 2)
    assert "user:person-chen" in {row["scope"] for row in town.bus.said(RevocationPublished)}
    before = len(town.bus.records)
    await town.make_so()
    assert len(town.bus.records) == before


async def test_a_duty_is_given_up_before_another_takes_it_also_where_two_change_places(town: Town) -> None:
    told = await town.export()
    hrss, police = told["departments"]
    hrss["matters"], police["matters"] = police["matters"], hrss["matters"]
    police["resources"], hrss["resources"] = hrss["resources"], []
    town.write(told)
    await town.make_so()
    assert await town.compare() == []
    assert {(row["code"], row["organisation"]) for row in town.bus.said(DutyReleased)} == {
        ("residence-permit", "police"),
        ("unemployment-registration", "hrss"),
        ("hrss.social-insurance", "hrss"),
    }
    assert {(row["code"], row["organisation"]) for row in town.bus.said(DutyAssigned)[-3:]} == {
        ("residence-permit", "hrss"),
        ("unemployment-registration", "police"),
        ("hrss.social-insurance", "police"),
    }


async def test_what_the_file_leaves_out_of_divisions_and_departments_stays(town: Town) -> None:
    told = await town.export()
    told["departments"] = [row for row in told["departments"] if row["code"] == "police"]
    told["officers"] = told["officers"][1:]
    town.write(told)
    assert await town.differs() == [("stays", "department hrss"), ("taken away", "officer person-chen")]
    await town.make_so()
    assert await town.differs() == [("stays", "department hrss")]


async def test_a_password_in_the_file_is_for_somebody_new_only(town: Town) -> None:
    told = await town.export()
    told["officers"][0] |= {"password": "another-password", "name": "陈静"}
    town.write(told)
    await town.make_so()
    assert (await town.desk.people.get("person-chen")).password_hash == ""


async def test_who_has_an_account_becomes_an_officer_without_a_password(town: Town) -> None:
    li = {"login": "li.na", "password": "li-na-demo", "name": "李娜"}
    assert (await town.http.put(f"{ISSUER}/people/person-li-na", json=li)).is_success
    told = await town.export()
    posts = [{"organisation": "police", "division": "2102", "roles": ["clerk"]}]
    told["officers"].append({"id": "person-li-na", "login": "li.na", "name": "李娜", "posts": posts})
    town.write(told)
    assert await town.differs() == [("created", "officer person-li-na")]
    await town.make_so()
    assert [held.place for held in (await town.desk.people.get("person-li-na")).posts] == ["police.2102"]


async def test_a_substitution_that_is_over_is_none_any_more(town: Town) -> None:
    await town.export()
    assert await town.compare(today=date(2027, 1, 1)) == []


def spoil_tree(told: Told) -> None:
    told["divisions"][2] |= {"parent": "21", "level": 2}


def spoil_officers(told: Told) -> None:
    told["officers"][0] |= {"login": "Chen Jing", "mail": "nowhere"}
    told["officers"][1]["posts"][0] |= {"roles": ["king"], "since": "soon"}


def spoil_substitution(told: Told) -> None:
    told["officers"][1]["substitutions"][0] |= {"instead_of": "person-chen"}
    told["officers"][1]["substitutions"][0] |= {"until": date(2025, 12, 31)}


def spoil_places(told: Told) -> None:
    told["officers"][1]["posts"][0] |= {"organisation": "moon", "division": "99"}
    told["departments"][1]["matters"] = HRSS["matters"]


@pytest.mark.parametrize(
    ("spoil", "faults"),
    [
        (spoil_tree, {"/divisions/2/code: a code of level 2 has 4 digits"}),
        (
            spoil_officers,
            {
                "/officers/0/login: String should match",
                "/officers/0/mail: String should match",
                "/officers/1/posts/0/roles/0: Input should be",
                "/officers/1/posts/0/since: Input should be a valid date",
            },
        ),
        (
            spoil_substitution,
            {
                "/officers/1/substitutions/0/until: it would end before it begins",
                "/officers/1/substitutions/0/instead_of: person-chen does not hold that post",
            },
        ),
        (
            spoil_places,
            {
                "/departments/1/matters/0: matters unemployment-registration is there twice",
                "/officers/1/posts/0/organisation: there is no department moon",
                "/officers/1/posts/0/division: there is no division 99",
            },
        ),
    ],
)
async def test_every_fault_of_the_file_is_named_with_its_line_and_nothing_is_changed(
    town: Town, spoil: Callable[[Told], None], faults: set[str]
) -> None:
    told = await town.export()
    spoil(told)
    town.write(told)
    found = await town.refused()
    assert all(line.startswith("org.yaml:") for line in found)
    assert {wanted for wanted in faults if any(wanted in line for line in found)} == faults
    assert len(found) == len(faults)


async def test_what_only_the_city_shows_to_be_wrong_is_named_at_once_too(town: Town) -> None:
    told = await town.export()
    hrss, police = told["departments"]
    police["matters"] += hrss["matters"]
    told["departments"] = [police]
    told["officers"].append(told["officers"][1] | {"id": "person-new", "login": "new", "substitutions": []})
    told["officers"] = told["officers"][1:]
    town.write(told)
    assert await town.refused() == (
        "matters: unemployment-registration of police is owned by hrss, which is not in the file",
        "officer person-new is new and has no password in the file",
    )


@pytest.mark.parametrize("text", ["", "divisions: []\n", "- 1\n", "divisions: []\ndepartments: []\nofficers: []\n"])
async def test_a_file_of_another_shape_is_refused(town: Town, text: str) -> None:
    town.path.write_text(text, encoding="utf-8")
    assert all(line.startswith("org.yaml:") for line in await town.refused())


async def test_an_identity_that_does_not_answer_is_told(town: Town) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(503, text="away"))) as http:
        with pytest.raises(CityError, match=r"/divisions: 503 away"):
            await file.kept(http, ISSUER)


# -- the command -----------------------------------------------------------------------------------------


@pytest.fixture
def tongban(town: Town, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """`tongban organisation …` on this identity; what it said, and its exit code."""
    here = SimpleNamespace(
        require_running=lambda: None,
        settings=SimpleNamespace(urls={"identity": ISSUER}),
        platform=SimpleNamespace(secrets={"operator": OPERATOR_SECRET}),
    )
    monkeypatch.setattr(commands, "City", SimpleNamespace(here=lambda: here))
    monkeypatch.setattr(commands, "operator", partial(operator, transport=httpx.ASGITransport(town.app)))

    async def run(*arguments: str, answer: str = "") -> tuple[int, str]:
        done = await asyncio.to_thread(CliRunner().invoke, command, ["organisation", *arguments], input=answer)
        if isinstance(done.exception, Trouble):
            return 1, "\n".join(done.exception.lines)
        return done.exit_code, done.output

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # identity's own words
    yield run
    structlog.reset_defaults()


async def test_the_command_exports_says_what_differs_and_imports(town: Town, tongban: Callable[..., Any]) -> None:
    code, text = await tongban("export")
    assert (code, text.startswith(file.HEAD)) == (0, True)
    town.path.write_text(text, encoding="utf-8")
    assert await tongban("import", str(town.path), "--dry-run") == (0, "Nothing differs.\n")
    told = yaml.safe_load(text)
    told["departments"][1]["matters"] = ["seal-engraving"]
    town.write(told | {"officers": told["officers"][1:]})
    code, said = await tongban("import", str(town.path), "--dry-run")
    assert code == commands.DIFFERENT
    assert "~ department police\n    matters: residence-permit → seal-engraving\n" in said
    assert "- officer person-chen\n" in said
    assert said.endswith("1 changed, 1 taken away\n")
    code, said = await tongban("import", str(town.path), answer="n\n")
    assert (code, "1 would be taken away" in said) == (1, True)
    assert len(await town.compare()) == 2, "nothing was done yet"
    assert (await tongban("import", str(town.path), "--yes"))[0] == 0
    assert await tongban("import", str(town.path), "--yes") == (0, "Nothing differs.\n")


async def test_the_command_tells_what_cannot_be_done(town: Town, tongban: Callable[..., Any]) -> None:
    town.write(await town.export() | {"officers": 1})
    code, said = await tongban("import", str(town.path))
    assert (code, said) == (1, "org.yaml:39: /officers: Input should be a valid list")
