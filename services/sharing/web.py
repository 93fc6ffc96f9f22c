"""What the routes of sharing take from the app."""

from typing import Annotated

from fastapi import Depends, Request

from services.sharing.desk import Desk


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]
