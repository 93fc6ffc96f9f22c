"""K3: the broker is killed and frozen. K4: its data are lost."""

import time

from tests.chaos.scene import Fault, Scene


def killed_and_frozen(scene: Scene) -> None:
    """Kills, and freezes of 5 to 60 seconds; after each the load goes on for a moment."""
    for _ in range(2):
        scene.kill("kafka")
        scene.load.acknowledged_after(time.time())
        scene.go_on(2 if scene.brief else 8)
    for seconds in (5,) if scene.brief else (5, scene.dice.randint(10, 30), 60):
        with scene.city.frozen("kafka"):
            scene.go_on(seconds)
        scene.load.acknowledged_after(time.time())
        scene.go_on(2 if scene.brief else 15)


KILLED_AND_FROZEN = Fault("K3", "broker killed, and frozen for 5 to 60 s", killed_and_frozen, recovery_s=15.0)
