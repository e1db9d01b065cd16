"""The results: a table for people, JSON for programs, and what machine they are from."""

import json
import os
import platform
import re
import subprocess
import time
from pathlib import Path

from benches.processes import run

MET = {True: "met", False: "MISSED", None: ""}


def collect(contests, wanted, settings, root, load_before):
    """Everything a run found, ready for JSON."""
    rows = [contest.result_of(row) for contest in contests for row in contest.rows if row.key in wanted]
    if not settings.is_verdict:
        rows = [row | {"met": None} for row in rows]
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit(root),
        "machine": machine() | {"load_before": load_before},
        "settings": {
            "quick": settings.quick,
            "profile": settings.profile,
            "rounds": settings.rounds,
            "seconds": settings.seconds,
            "files": settings.files,
            "table_sizes": settings.table_sizes,
            "changes": settings.changes,
        },
        "rows": rows,
        "readings": {contest.name: {"unit": contest.unit, "sides": contest.readings} for contest in contests},
    }


def commit(root):
    """The checkout's commit; `-dirty` when files differ from it."""
    described = subprocess.run(
        ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True
    )
    return described.stdout.strip() or None


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "processors": len(os.sched_getaffinity(0)),
        "model": model.group(1) if model else platform.machine(),
        "kernel": platform.release(),
        "nginx": run(["sh", "-c", "nginx -v 2>&1"]).decode().strip().removeprefix("nginx version: "),
        "python": platform.python_version(),
    }


def write(results, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=2) + "\n")


def table(results):
    """The rows as text."""
    lines = [("row", "what", "against", "measured", "rounds", "target", "")]
    for row in results["rows"]:
        if row["value"] is None:
            measured, rounds = "-", ""
        else:
            measured = number(row["value"], row["unit"])
            rounds = f"{number(row['lowest'], '')} to {number(row['highest'], '')}"
        verdict = "NOT MEASURED" if row["error"] else MET[row["met"]]
        lines.append((row["row"], row["what"], row["against"] or "", measured, rounds, target(row), verdict))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
    text.insert(1, "  ".join("-" * width for width in widths[:-1]))
    for row in results["rows"]:
        if row["error"]:
            text.append(f"\n{row['row']} was not measured: {row['error']}")
    return "\n".join(text)


def target(row):
    if row["at_least"] is not None:
        return f"≥ {number(row['at_least'], row['unit'])}"
    if row["at_most"] is not None:
        return f"≤ {number(row['at_most'], row['unit'])}"
    return ""


def number(value, unit):
    digits = f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return digits if not unit else f"{digits}×" if unit == "×" else f"{digits} {unit}"
