"""Passkeys as Web Authentication knows them: what browsers are asked for, and whether their answers are good."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json
from webauthn.helpers import parse_authentication_credential_json as parse
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from services.identity.factors.domain import Passkey, WrongFactor

NAME = "通办 Tongban"
TIMEOUT_MS = 300_000
LONGEST = 16_000
"""Characters of an answer; attestations are not asked for, which could be longer."""
BROKEN = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What the library, and what it stands on, raises for answers that are none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser sent, as far as it can be believed before it is checked: which passkey, whose."""

    text: str
    id: str
    handle: str


@dataclass(frozen=True, slots=True)
class Site:
    """Whom passkeys are for: the issuer's host, and nobody that merely shows its pages."""

    id: str
    origin: str

    def wanted(self, challenge: str, known: Iterable[Passkey] = ()) -> str:
        """The options of `navigator.credentials.get`: one of these passkeys, or any of this site's."""
        options = generate_authentication_options(
            rp_id=self.id,
            challenge=base64url_to_bytes(challenge),
            timeout=TIMEOUT_MS,
            allow_credentials=_named(known),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json(options)

    def to_make(self, challenge: str, handle: bytes, login: str, known: Iterable[Passkey]) -> str:
        """The options of `navigator.credentials.create`: one that finds its person by itself, and asks for finger, face
        or PIN."""
        options = generate_registration_options(
            rp_id=self.id,
            rp_name=NAME,
            user_id=handle,
            user_name=login,
            challenge=base64url_to_bytes(challenge),
            timeout=TIMEOUT_MS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=_named(known),
        )
        return options_to_json(options)

    @staticmethod
    def read(text: str) -> Answer:
        """What a browser says which passkey it used. Raises `WrongFactor`."""
        if len(text) > LONGEST:
            raise WrongFactor
        try:
            said = parse(text)
            return Answer(text, said.id, (said.response.user_handle or b"").decode())
        except BROKEN:
            raise WrongFactor from None

    def used(self, challenge: str, passkey: Passkey, answer: Answer) -> int:
        """The counter of a passkey that proved that it is itself. Raises `WrongFactor`."""
        try:
            checked = verify_authentication_response(
                credential=answer.text,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self.id,
                expected_origin=self.origin,
                credential_public_key=base64url_to_bytes(passkey.public_key),
                credential_current_sign_count=passkey.counter,
                require_user_verification=True,
            )
        except BROKEN:
            raise WrongFactor from None
        return checked.new_sign_count

    def made(self, challenge: str, text: str) -> dict[str, Any]:
        """What is to be kept of a new passkey. Raises `WrongFactor`."""
        if len(text) > LONGEST:
            raise WrongFactor
        try:
            checked = verify_registration_response(
                credential=text,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self.id,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        except BROKEN:
            raise WrongFactor from None
        return {
            "id": bytes_to_base64url(checked.credential_id),
            "public_key": bytes_to_base64url(checked.credential_public_key),
            "counter": checked.sign_count,
            "is_synced": checked.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
        }


def _named(passkeys: Iterable[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(one.id)) for one in passkeys]
