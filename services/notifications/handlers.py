"""What notifications does about each event it hears."""

from functools import partial

from services.notifications.contacts import commands as contacts
from services.notifications.desk import Desk
from services.notifications.messages import commands as messages
from shared.contracts import identity, intake
from shared.messaging.handling import Handlers


def table(desk: Desk) -> Handlers:
    """Event type → function."""
    return {
        identity.ContactPublished: partial(contacts.keep, desk),
        identity.CompanyRegistered: partial(contacts.represent, desk),
        identity.CredentialChanged: partial(messages.tell_credential, desk),
        identity.MandateOffered: partial(messages.tell_mandate, desk, "mandate-offered"),
        identity.MandateGranted: partial(messages.tell_mandate, desk, "mandate-granted"),
        identity.MandateEnded: partial(messages.tell_mandate, desk, "mandate-ended"),
        identity.CodeIssued: partial(messages.tell_code, desk),
        identity.ContactForgotten: partial(contacts.forget, desk),
        intake.CaseAccepted: partial(messages.tell, desk, "case-accepted"),
        intake.SupplementRequested: partial(messages.tell, desk, "supplement-requested"),
        intake.CaseDecided: partial(messages.tell, desk, "case-decided"),
    }
