"""Ends the embedded store when its engine has given up, as after a full disk; the supervisor starts it again.

MongoDB ends by itself then. SecantusDB goes on and answers every question with its engine's panic, also when there is
room again. What it had acknowledged is on the disk. While the disk is full it cannot start; the supervisor tries again.
"""

import sys
import time
from contextlib import suppress

import psutil

from deploy.local.processes import MARK, of_city
from deploy.local.settings import Settings
from deploy.local.store import choose, has_given_up, long_connection

EVERY_S = 2.0
STORE = "store"


def end_store(settings: Settings) -> None:
    """kill -9 of the store of this city."""
    for process in of_city(settings.state):
        with suppress(psutil.Error):
            if process.environ().get(MARK) == STORE:
                process.kill()


def main() -> None:
    """Look every other second, for ever."""
    settings = Settings()
    with long_connection(choose(settings)) as client:
        while True:
            if has_given_up(client):
                sys.stdout.write("the store's engine has given up: it is ended, to be started again\n")
                sys.stdout.flush()
                end_store(settings)
            time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
