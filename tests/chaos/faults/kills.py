"""K0: nothing at all, to see that the checker is content with a quiet city. K1: kill -9 of each member under load."""

from tests.chaos.city import MEMBERS
from tests.chaos.scene import Fault, Scene


def quiet(scene: Scene) -> None:
    """Nobody is harmed."""
    scene.go_on(5 if scene.brief else 10)


def each_member(scene: Scene) -> None:
    """Three kills of each, in random order; each is back at work before the next."""
    victims = [victim for victim in MEMBERS for _ in range(3)]
    scene.dice.shuffle(victims)
    for victim in victims:
        scene.pause(0.0, 0.8)
        scene.kill(victim)


QUIET = Fault("K0", "nothing at all", quiet)
EACH_MEMBER = Fault("K1", "kill -9 of each service and department", each_member, recovery_s=5.0)
