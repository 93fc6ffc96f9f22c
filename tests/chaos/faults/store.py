"""K5: the document store is killed and frozen."""

import time

from tests.chaos.scene import Fault, Scene
from tests.city.running import until


def killed_and_frozen(scene: Scene) -> None:
    """While it is away nobody is told 201, and everybody is told 503."""
    before = scene.load.look().failed.copy()
    for _ in range(2 if scene.brief else 5):
        scene.kill("store")
        scene.go_on(1)
    for seconds in (5,) if scene.brief else (5, 20):
        with scene.city.frozen("store"):
            scene.go_on(seconds)
            # requests wait a while for the store: thawed before the first of them gives up, it was never away
            until(lambda: scene.load.look().failed - before, within=30, what="somebody is told that the store is away")
        scene.load.acknowledged_after(time.time())
        scene.go_on(2)
    told = scene.load.look().failed - before
    answers = ", ".join(f"{n} × {status or 'no answer'}" for status, n in told.items()) or "none"
    scene.goal(f"what failed meanwhile: {answers}; 503 and nothing else", met=set(told) == {503})


KILLED_AND_FROZEN = Fault("K5", "store killed and frozen", killed_and_frozen, recovery_s=15.0)
