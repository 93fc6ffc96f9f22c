"""K0: nothing at all, to see that the checker is content with a quiet city. K1: kill -9 of each member under load."""

import time

from tests.chaos.city import MEMBERS
from tests.chaos.scene import Fault, Scene
from tests.city.running import until

CASES_A_KILL = 20


def quiet(scene: Scene) -> None:
    """Nobody is harmed."""
    scene.go_on(5 if scene.brief else 10)


def each_member(scene: Scene) -> None:
    """Three kills of each (`brief`: one), in random order; each has done something new before the next."""
    victims = [victim for victim in MEMBERS for _ in range(1 if scene.brief else 3)]
    scene.dice.shuffle(victims)
    for victim in victims:
        scene.pause(0.0, 0.8)
        scene.kill(victim)


def storm(scene: Scene) -> None:
    """As many kills as are wanted, of everything in random order, one every second or two, while the load goes on.

    Every 25 kills the load catches up: so many cases are to be taken for each kill.
    """
    bag: list[str] = []
    for n in range(1, scene.kills + 1):
        if not bag:
            bag = [*MEMBERS, "kafka", "store"]
            scene.dice.shuffle(bag)
        scene.city.hit(bag.pop())
        scene.pause(1.0, 2.0)
        scene.city.look()
        if n % 25 == 0:
            scene.load.acknowledged_after(time.time(), within=180)
            _caught_up(scene, n * CASES_A_KILL)
            scene.tell(f"{n} kills, {len(scene.load.look().acknowledged)} cases acknowledged")


def _caught_up(scene: Scene, cases: int) -> None:
    until(lambda: len(scene.load.look().acknowledged) >= cases, within=300, what=f"{cases} cases are acknowledged")


STORM = Fault("K1 K3 K5", "kill -9 of services, departments, broker and store, one every 1 to 2 s", storm)
QUIET = Fault("K0", "nothing at all", quiet)
EACH_MEMBER = Fault("K1", "kill -9 of each service and department", each_member, recovery_s=5.0)
