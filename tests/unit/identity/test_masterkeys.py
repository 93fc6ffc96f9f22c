"""Master keys: a file and a service do the same, and a file that changes is read again."""

from pathlib import Path

import pytest

from services.identity.datakeys.masterkeys import SETTING, MasterKeyFile, main, parsed
from shared.store import Unavailable
from shared.testing.kms import FakeKms

KEY = b"k" * 32
LINES = [f"{name} {digits * 64}" for name, digits in (("2026-11", "a"), ("2026-05", "b"))]


class FileUnderTest(MasterKeyFile):
    """Rotated as a person does it."""

    def rotate(self) -> str:
        return self.add()


@pytest.fixture(params=["file", "service"])
def masters(request: pytest.FixtureRequest, tmp_path: Path) -> FileUnderTest | FakeKms:
    if request.param == "service":
        return FakeKms()
    kept = FileUnderTest(tmp_path / "keys" / "master.keys")
    kept.make()
    return kept


async def test_what_was_closed_opens_again_under_the_same_name_and_in_its_context(
    masters: FileUnderTest | FakeKms,
) -> None:
    name = await masters.current()
    closed = await masters.wrap(name, KEY, "person-li-na:1")
    assert KEY not in closed
    assert closed != await masters.wrap(name, KEY, "person-li-na:1")
    assert await masters.unwrap(name, closed, "person-li-na:1") == KEY
    for context in ("person-wang-wei:1", "person-li-na:2"):
        with pytest.raises(ValueError, match=r"open|closed"):
            await masters.unwrap(name, closed, context)


async def test_another_key_closes_from_now_on_and_the_one_before_still_opens(masters: FileUnderTest | FakeKms) -> None:
    before = await masters.current()
    closed = await masters.wrap(before, KEY, "c")
    after = masters.rotate()
    assert await masters.current() == after != before
    assert await masters.unwrap(before, closed, "c") == KEY
    with pytest.raises(ValueError, match=r"open|closed"):
        await masters.unwrap(after, closed, "c")


async def test_a_key_that_is_not_there_may_come_back(masters: FileUnderTest | FakeKms) -> None:
    with pytest.raises(Unavailable):
        await masters.unwrap("gone", b"x" * 60, "c")


async def test_a_key_that_was_taken_out_of_the_file_opens_nothing_any_more(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    path.write_text("\n".join(LINES))
    masters = MasterKeyFile(path)
    closed = await masters.wrap("2026-05", KEY, "c")
    path.write_text(LINES[0])
    with pytest.raises(Unavailable, match="2026-05"):
        await masters.unwrap("2026-05", closed, "c")


def test_the_file_is_the_owner_s_alone_and_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.keys"
    for _ in range(2):
        MasterKeyFile(path).make()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert len(parsed(path.read_text())) == 1
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "no key"),
        ("# only words\n\n", "no key"),
        (f"{LINES[0]}\n2026-05 canary", "line 2"),
        (f"{LINES[0]}\n\n{LINES[0]}", "line 3: the name is taken"),
        (f"bad name {'a' * 64}", "line 1"),
        (f"2026-11 {'A' * 64}", "line 1"),
    ],
)
async def test_a_file_that_cannot_be_understood_is_told_by_its_line(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "master.keys"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"{SETTING}.*{line}") as caught:
        await MasterKeyFile(path).current()
    assert "canary" not in str(caught.value)


async def test_a_slip_in_the_file_closes_nothing_and_stops_nobody_who_reads(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    path.write_text(LINES[0])
    masters = MasterKeyFile(path)
    closed = await masters.wrap(await masters.current(), KEY, "c")
    path.write_text("a slip of the pen")
    with pytest.raises(ValueError, match="line 1"):
        await masters.current()
    assert await masters.unwrap("2026-11", closed, "c") == KEY
    path.unlink()
    with pytest.raises(Unavailable, match=SETTING):
        await masters.current()


def test_an_operator_adds_a_key_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "master.keys"
    path.write_text(f"{LINES[0]}\n")
    monkeypatch.setenv(SETTING, str(path))
    assert main() == 0
    assert list(parsed(path.read_text())) == [capsys.readouterr().out.strip(), "2026-11"]
    monkeypatch.setenv(SETTING, str(tmp_path / "no" / "folder"))
    assert main() == 1
    monkeypatch.delenv(SETTING)
    assert main() == 2
    told = capsys.readouterr()
    assert (told.out, told.err.splitlines()[-1]) == ("", f"{SETTING} is missing")
