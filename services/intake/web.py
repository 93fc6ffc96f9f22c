"""What the routes of intake take from the app."""

from typing import Annotated

from fastapi import Depends, Request

from services.intake.desk import Desk


# A coroutine, though it awaits nothing: FastAPI takes a plain function to a thread, which costs more than its work.
async def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]
