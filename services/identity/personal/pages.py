"""One's own data as a page, and as a file: for whom is signed in with this browser."""

from functools import partial
from pathlib import Path

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.identity.personal import commands
from services.identity.personal.texts import WORDS, label
from services.identity.web import PersonalPages, TheDesk, TheOwner
from shared.clock import CITY_TIME
from shared.web.authentication import public

pages = PersonalPages(Path(__file__).parent / "templates", WORDS)
router = APIRouter(
    tags=["personal data"], dependencies=[Depends(public("a person's own pages, by the browser's session"))]
)


@router.get("/me/data.html", summary="All that is kept about oneself, to read", response_class=Response)
async def my_data_page(request: Request, owner: TheOwner, desk: TheDesk) -> Response:
    shown = {
        "label": partial(label, language=owner.language),
        "at": lambda moment: f"{moment.astimezone(CITY_TIME):%Y-%m-%d %H:%M}",
        "data": await commands.everything(desk, owner.person.id),
        "here": owner.session.id,
    }
    return pages.show(request, owner, "data.html", shown)


@router.get("/me/data.json", summary="The same as a file", response_class=Response)
async def my_data_file(owner: TheOwner, desk: TheDesk) -> Response:
    everything = await commands.everything(desk, owner.person.id)
    name = {"Content-Disposition": 'attachment; filename="tongban-data.json"'}
    return Response(everything.model_dump_json(indent=2), media_type="application/json", headers=name)
