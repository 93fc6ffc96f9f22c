"""Files over HTTP: raw bytes in, metadata out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from services.intake import policy
from services.intake.files import commands
from services.intake.files.domain import SIGNATURES, File
from services.intake.web import TheDesk
from shared.caller import Caller
from shared.errors import NotFound
from shared.web.authentication import requires

router = APIRouter(prefix="/files", tags=["files"])
Uploader = Annotated[Caller, Depends(requires(policy.may_apply, "apply", "supply"))]
Reader = Annotated[Caller, Depends(requires(policy.may_apply, "see"))]
LIMIT = 64 * 1024 * 1024
"""The route's own ceiling; the setting `file_limit` is the one that people meet."""


class FileView(BaseModel):
    """What an application refers to: `file` and `sha256` together."""

    file: str
    sha256: str
    size: int
    media_type: str
    name: str

    @classmethod
    def of(cls, file: File) -> "FileView":
        return cls(file=file.id, sha256=file.sha256, size=file.size, media_type=file.media_type, name=file.name)


@router.post(
    "",
    status_code=201,
    summary="Upload a file; the same bytes again give the same file",
    max_body_size=LIMIT,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in SIGNATURES},
        }
    },
)
async def upload(
    request: Request,
    caller: Uploader,
    desk: TheDesk,
    content_type: Annotated[str, Header()],
    name: Annotated[str, Query(min_length=1, max_length=200, description="The file's name")] = "file",
) -> FileView:
    kind = content_type.partition(";")[0].strip().lower()
    return FileView.of(await commands.upload(desk, caller, name, kind, request.stream()))


@router.get("/{id}", summary="One's own file", response_class=StreamingResponse)
async def download(id: str, caller: Reader, desk: TheDesk) -> StreamingResponse:  # noqa: A002 - the address's word
    file = await desk.files.find(id)
    if file is None or file.owner != caller.id:
        raise NotFound("There is no such file")
    return await sent(desk, file)


async def sent(desk: TheDesk, file: File) -> StreamingResponse:
    """The bytes, never shown as a page of ours; raises `NotFound` when the object store has lost them."""
    if not await desk.objects.has(file.sha256):
        raise NotFound("The file is no longer stored", code="file_gone")
    headers = {"Content-Disposition": f'attachment; filename="{file.own_name}"', "Content-Length": str(file.size)}
    return StreamingResponse(desk.objects.get(file.sha256), media_type=file.media_type, headers=headers)
