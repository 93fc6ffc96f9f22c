"""Keeping the templates."""

from services.notifications.desk import Desk
from services.notifications.templates.domain import Code, Template, faults_of
from shared.contracts import Text
from shared.errors import Invalid


async def keep(desk: Desk, code: Code, subject: Text, body: Text, expected: int | None) -> tuple[Template, bool]:
    """Put the texts in force; the template and whether anything changed. Raises `Invalid` with every fault."""
    if faults := faults_of(code, subject, body):
        raise Invalid("The template cannot be used", faults=tuple(faults))
    template = Template(id=code, subject=subject, body=body)
    return await desk.templates.put(template, lambda known: known.rewrite(subject, body), version=expected)
