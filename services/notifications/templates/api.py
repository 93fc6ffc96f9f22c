"""Templates over HTTP, for operators."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict

from services.notifications import policy
from services.notifications.templates import commands, store
from services.notifications.templates.domain import VARIABLES, Code, Template
from services.notifications.web import TheDesk
from shared.caller import Caller
from shared.contracts import Text
from shared.web.authentication import PRIVILEGED_SECONDS, requires
from shared.web.preconditions import IfMatch, tell_kept

router = APIRouter(prefix="/templates", tags=["templates"])
Operator = Annotated[Caller, Depends(requires(policy.may_keep_templates, within=PRIVILEGED_SECONDS))]


class Texts(BaseModel):
    """Subject and body in both languages: Jinja2 over the template's variables."""

    model_config = ConfigDict(extra="forbid")
    subject: Text
    body: Text


class TemplateView(Texts):
    """A template with the names of its variables."""

    code: str
    variables: list[str]

    @classmethod
    def of(cls, template: Template) -> "TemplateView":
        names = next(names for code, names in VARIABLES.items() if code == template.id)
        return cls(code=template.id, subject=template.subject, body=template.body, variables=sorted(names))


@router.get("", summary="All mail templates")
async def list_templates(_: Operator, desk: TheDesk) -> list[TemplateView]:
    return [TemplateView.of(template) for template in await store.listed(desk.templates)]


@router.put("/{code}", summary="Put a template in force; the same again changes nothing")
async def keep_template(
    code: Code, texts: Texts, _: Operator, expected: IfMatch, desk: TheDesk, response: Response
) -> TemplateView:
    template, changed = await commands.keep(desk, code, texts.subject, texts.body, expected)
    tell_kept(response, template, changed)
    return TemplateView.of(template)
