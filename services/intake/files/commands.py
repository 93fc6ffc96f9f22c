"""Taking files in, and checking the references that an application makes to them."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from services.intake.desk import Desk
from services.intake.files.domain import SIGNATURES, File, goes_with, looks_like
from services.intake.files.store import Stored
from shared.caller import Caller
from shared.errors import Fault, Invalid
from shared.ids import derived_id
from shared.store import AlreadyThere


async def upload(desk: Desk, caller: Caller, name: str, media_type: str, chunks: AsyncIterator[bytes]) -> File:
    """Store the bytes under their digest. Raises `Invalid` for a kind or a name we do not take, an empty or too large
    file."""
    if media_type not in SIGNATURES:
        raise Invalid("Files are PDF, JPEG or PNG", code="media_type_unknown")
    if not goes_with(media_type, name):
        raise Invalid("The name does not go with a file of this kind", code="name_unfit")

    def check(came: Stored) -> None:
        if not looks_like(media_type, came.head):
            raise Invalid(f"The file is not what it says, {media_type}", code="media_type_differs")

    stored = await desk.objects.put(chunks, desk.file_limit, check)
    file = File(
        id=derived_id("file", caller.id, stored.sha256),
        owner=caller.id,
        sha256=stored.sha256,
        size=stored.size,
        media_type=media_type,
        name=name,
        uploaded_at=desk.clock.now(),
    )
    try:
        await desk.files.add(file)
    except AlreadyThere:
        return await desk.files.get(file.id)
    return file


async def check_references(
    desk: Desk, owner: str, references: Sequence[tuple[str, str, str, Sequence[str]]]
) -> tuple[dict[str, File], list[Fault]]:
    """The files behind (pointer, file id, expected digest, accepted media types), and everything wrong with them."""
    found = await asyncio.gather(*(_check(desk, owner, *reference) for reference in references))
    files = {file.id: file for file, _ in found if file is not None}
    return files, [fault for _, faults in found for fault in faults]


async def _check(
    desk: Desk, owner: str, pointer: str, id_: str, sha256: str, media_types: Sequence[str]
) -> tuple[File | None, list[Fault]]:
    file = await desk.files.find(id_)
    if file is None or file.owner != owner:  # somebody else's file does not exist for this caller
        return None, [Fault(f"{pointer}/file", "no_such_file", "was not uploaded")]
    faults = []
    if file.sha256 != sha256:
        faults.append(Fault(f"{pointer}/sha256", "other_digest", "is not the digest of the uploaded file"))
    if file.media_type not in media_types:
        faults.append(Fault(f"{pointer}/file", "media_type", f"has to be one of {', '.join(media_types)}"))
    match await desk.objects.matches(file.sha256):
        case None:
            faults.append(Fault(f"{pointer}/file", "gone", "is no longer stored, upload it again"))
        case False:
            faults.append(Fault(f"{pointer}/file", "tampered", "was changed after the upload, upload it again"))
    return file, faults
