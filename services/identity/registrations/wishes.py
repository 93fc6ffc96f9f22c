"""What somebody registers with, and everything wrong with it at once. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from services.identity.accounts.domain import PersonWish
from services.identity.proofs.domain import ID_CARD, KINDS, OTHERS_NEEDED, PHONE, Verifiers
from shared.errors import Fault
from shared.numbers import id_number_fault, plain

NUMBER = re.compile(r"[0-9A-Z-]{4,40}", re.ASCII)
SAID = {
    "format": "is not written as an ID number: 17 digits and a digit or X",
    "region": "begins with no region there is",
    "birth_date": "holds no date on which somebody alive may be born",
    "check_character": "has a wrong digit, or two changed places",
}
Line = Annotated[str | None, Field(max_length=500)]


class GivenProof(BaseModel):
    """A proof besides the identity card. `number`: of the card, account or file; a phone has none, its code comes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    kind: str = Field(max_length=40)
    number: Line = None


class AccountWish(BaseModel):
    """Who somebody is, and the account they want. The rules of each field are those of any account: what breaks them
    is named together with everything else, and so not here."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    name: str = Field(max_length=500)
    id_number: str = Field(max_length=500)
    login: str = Field(max_length=500)
    password: SecretStr = Field(max_length=500)
    mail: Line = None
    phone: Line = None
    language: Literal["zh", "en"] = "zh"

    @property
    def number(self) -> str:
        """The ID number as it is meant."""
        return plain(self.id_number)

    def person(self) -> PersonWish:
        """The account. Raises pydantic's `ValidationError`."""
        told = self.model_dump(exclude={"id_number", "proofs"})
        return PersonWish.model_validate(told | {"name": self.name.strip(), "login": self.login.strip().lower()})

    def faults(self, today: date) -> list[Fault]:
        """Everything wrong with person and account."""
        faults = []
        if wrong := id_number_fault(self.number, today):
            faults.append(Fault("/id_number", wrong, SAID[wrong]))
        try:
            self.person()
        except ValidationError as exc:
            faults += [Fault(f"/{'/'.join(map(str, e['loc']))}", e["type"], e["msg"]) for e in exc.errors()]
        return faults


class RegistrationWish(AccountWish):
    """A registration online: the identity card, and at least two other proofs (国办函〔2016〕108号)."""

    proofs: list[GivenProof] = Field(max_length=20)

    def all_faults(self, verifiers: Verifiers, today: date) -> list[Fault]:
        """Everything wrong with it."""
        return [*self.faults(today), *self._proof_faults(verifiers)]

    def _proof_faults(self, verifiers: Verifiers) -> Iterator[Fault]:
        kinds = [proof.kind for proof in self.proofs]
        if len(set(kinds)) < OTHERS_NEEDED:
            yield Fault("/proofs", "too_few", "besides the identity card two others are needed")
        for n, proof in enumerate(self.proofs):
            at = f"/proofs/{n}"
            if proof.kind not in KINDS:
                yield Fault(f"{at}/kind", "unknown_proof", "there is no such proof")
            elif proof.kind not in verifiers:
                yield Fault(f"{at}/kind", "proof_not_taken", "nobody in this city confirms it")
            elif proof.kind in (ID_CARD, *kinds[:n]):
                yield Fault(f"{at}/kind", "duplicate", "is asked for once, and the identity card always")
            elif proof.kind == PHONE:
                yield from self._phone_faults()
            elif NUMBER.fullmatch(plain(proof.number or "")) is None:
                yield Fault(f"{at}/number", "format" if proof.number else "missing", "4 to 40 letters and digits")

    def _phone_faults(self) -> Iterator[Fault]:
        for field, value in (("phone", self.phone), ("mail", self.mail)):
            if not value:
                yield Fault(f"/{field}", "missing", "is needed for the code: it is sent by mail here")

    def values(self) -> Mapping[str, Mapping[str, str]]:
        """What is said of each proof, by its kind."""
        person = {"id_number": self.number, "name": self.name.strip()}
        others = {proof.kind: person | {"number": plain(proof.number or "")} for proof in self.proofs}
        return {ID_CARD: person} | others
