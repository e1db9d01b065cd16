"""What a measurement is: sides that take turns, and the rows that compare them with a target."""

from dataclasses import dataclass, field
from statistics import median

from benches.processes import Failure


@dataclass
class Row:
    """One line of the result. With a `peer`, it is ours divided by the peer's; without, it is ours alone."""

    key: str
    what: str
    ours: str
    peer: str | None = None
    peer_name: str = ""
    # The ratio, or the reading, is to be at least this, or at most that. Neither: shown, not judged.
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "×"

    @property
    def has_target(self):
        return self.at_least is not None or self.at_most is not None

    def value(self, readings):
        ours = median(readings[self.ours])
        return ours / median(readings[self.peer]) if self.peer else ours

    def spread(self, readings):
        """The lowest and the highest of the single rounds."""
        if self.peer:
            rounds = [ours / peer for ours, peer in zip(readings[self.ours], readings[self.peer])]
        else:
            rounds = readings[self.ours]
        return min(rounds), max(rounds)

    def is_met(self, value):
        """None when there is no target."""
        if self.at_least is not None:
            return value >= self.at_least
        if self.at_most is not None:
            return value <= self.at_most
        return None


@dataclass
class Contest:
    """`prepare(world)` sets up and returns the sides: functions that take one reading each, by name."""

    name: str
    rows: list
    prepare: object
    unit: str
    # Whether it is part of a quick run.
    quick: bool = True
    # Whether the sides that no row compares are measured too, for a plot.
    measures_all: bool = False
    readings: dict = field(default_factory=dict)
    error: str | None = None

    def measure(self, world, wanted, tell):
        """Takes the readings: every side once to warm up, then A B A B … as many rounds as are asked for.

        Only the sides that the `wanted` rows compare are measured, unless all are. A side that fails is left out from then on.
        """
        needed = {side for row in self.rows if row.key in wanted for side in (row.ours, row.peer)}
        try:
            sides = self.prepare(world, needed)
        except Failure as failure:
            self.error = str(failure)
            return
        if not self.measures_all:
            sides = {name: side for name, side in sides.items() if name in needed}
        failed = {}
        for round_number in range(world.settings.rounds + 1):
            for name, side in sides.items():
                if name in failed:
                    continue
                tell(f"{self.name}: {name}, " + (f"round {round_number}" if round_number else "warming up"))
                try:
                    reading = side()
                except Failure as failure:
                    failed[name] = str(failure)
                    continue
                if round_number:
                    self.readings.setdefault(name, []).append(reading)
        for name, why in failed.items():
            self.readings.pop(name, None)
            self.error = f"{name}: {why}"

    def result_of(self, row):
        """The row as it goes into the results."""
        result = {
            "row": row.key,
            "what": row.what,
            "against": row.peer_name or None,
            "unit": row.unit,
            "at_least": row.at_least,
            "at_most": row.at_most,
            "value": None,
            "lowest": None,
            "highest": None,
            "met": None,
            "error": None,
        }
        if all(side is None or side in self.readings for side in (row.ours, row.peer)):
            result["value"] = row.value(self.readings)
            result["lowest"], result["highest"] = row.spread(self.readings)
            result["met"] = row.is_met(result["value"])
        else:
            result["error"] = self.error or "not measured"
        return result
