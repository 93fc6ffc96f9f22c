"""Server-rendered pages: Jinja2 with a shared layout and one small stylesheet; no scripts, no third-party hosts."""

from pathlib import Path

from fastapi import APIRouter, Depends
from fastapi.responses import FileResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shared.web.authentication import public

_HERE = Path(__file__).parent
router = APIRouter(include_in_schema=False, dependencies=[Depends(public("looks of the pages"))])


def templates(*folders: Path) -> Jinja2Templates:
    """Templates of these folders, and the shared `layout.html`. Escapes; an unknown variable is an error."""
    loader = FileSystemLoader([*folders, _HERE / "templates"])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return Jinja2Templates(env=environment)


@router.get("/assets/tongban.css")
async def stylesheet() -> FileResponse:
    """The one stylesheet."""
    return _asset("tongban.css")


@router.get("/assets/tongban.svg")
async def icon() -> FileResponse:
    """The mark in the browser's tab."""
    return _asset("tongban.svg", "image/svg+xml; charset=utf-8")


def _asset(name: str, media_type: str | None = None) -> FileResponse:
    return FileResponse(_HERE / "assets" / name, media_type=media_type, headers={"Cache-Control": "max-age=300"})
