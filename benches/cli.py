"""The command line: what to measure, what is missing for it, and the order of a run."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from benches import downloads, footprint, growth, live, nginx_settings, pages, plots, postgres, results, stores, uploads
from benches.processes import Failure
from benches.world import Settings, World, say

ROOT = Path(__file__).resolve().parent.parent
CONTESTS = downloads.CONTESTS + uploads.CONTESTS + growth.CONTESTS + pages.CONTESTS + footprint.CONTESTS
CONTESTS += live.CONTESTS + nginx_settings.CONTESTS + stores.CONTESTS
PATHS = ["/usr/sbin", "/sbin", os.path.expanduser("~/.cargo/bin")]
# What has to be there, and the Debian package that brings it.
PROGRAMS = {"cargo": None, "nginx": "nginx", "wrk": "wrk", "curl": "curl", "psql": "postgresql"}


def main():
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), *PATHS])
    options = parse()
    if options.redraw:
        draw(json.loads(options.redraw.read_text()), options.plots or ROOT / "docs/plots")
        return 0
    wanted = selected(options)
    if missing := missing_packages():
        if not options.install:
            say(f"Missing: {' '.join(missing)}. Run `apt-get install {' '.join(missing)}`, or this with --install.")
            return 2
        install(missing)
    if not options.no_build:
        build(options.debug)
    return measure(options, wanted)


def parse():
    keys = ", ".join(row.key for contest in CONTESTS for row in contest.rows)
    parser = argparse.ArgumentParser(
        prog="benches/run", description="Measures Cloakroom against its peers.", epilog=f"Rows: {keys}"
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="only these rows [default: all]")
    parser.add_argument("--quick", action="store_true", help="short rounds over less data: a check, not a verdict")
    parser.add_argument("--debug", action="store_true", help="a debug build, quicker to make: a check of the benchmark itself")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each row [default: 3]")
    parser.add_argument("--seconds", type=int, help="of load in a round [default: 5; 1 with --quick]")
    parser.add_argument("--out", type=Path, help="where the JSON goes [default: target/bench/results.json]")
    parser.add_argument("--plots", type=Path, help="draw into this directory [default: docs/plots after a full run]")
    parser.add_argument("--redraw", type=Path, metavar="JSON", help="measure nothing, draw an earlier result")
    parser.add_argument("--directory", help="where the temporary directory goes: a disk, not memory [default: /tmp]")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="another setting of Cloakroom, such as LOG=warn"
    )
    parser.add_argument("--install", action="store_true", help="apt-get what is missing")
    parser.add_argument("--no-build", action="store_true", help="measure what is built already")
    return parser.parse_args()


def selected(options):
    """The keys of the rows to measure."""
    known = {row.key: (row, contest) for contest in CONTESTS for row in contest.rows}
    if unknown := [key for key in options.rows if key not in known]:
        sys.exit(f"benches/run: there is no row {', '.join(unknown)}; the rows are {', '.join(known)}")
    if options.rows:
        return set(options.rows)
    if options.quick:
        return {key for key, (row, contest) in known.items() if contest.quick and row.has_target}
    return set(known)


def missing_packages():
    missing = [package or program for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if "cargo" in missing:
        sys.exit("benches/run: there is no Rust toolchain")
    if postgres.directory_of_programs() is None and "postgresql" not in missing:
        missing.append("postgresql")
    # Debian's python3 has the module venv, but not what it takes to make one.
    if subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True).returncode != 0:
        missing.append("python3-venv")
    return missing


def install(packages):
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    subprocess.run([*as_root, "apt-get", "update", "-qq"], check=False)
    subprocess.run([*as_root, "apt-get", "install", "-qq", "--yes", "--no-install-recommends", *packages], check=True)


def build(debug):
    say("Building")
    # Two steps: together, the examples' dependencies would have a say in how the server's are built. A debug build is
    # the tests', which does not care.
    steps = [["--workspace", "--bins", "--examples"]] if debug else [["--release", "--bins"], ["--release", "--examples"]]
    for step in steps:
        if subprocess.run(["cargo", "build", "--locked", *step], cwd=ROOT).returncode != 0:
            sys.exit("benches/run: the build failed")


def measure(options, wanted):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    settings = Settings(
        quick=options.quick,
        rounds=options.rounds,
        seconds=options.seconds or (1 if options.quick else 5),
        profile="debug" if options.debug else "release",
        parent=options.directory,
        changes=dict(change.split("=", 1) for change in options.set),
    )
    load_before = os.getloadavg()[0]
    if load_before > 0.5:
        say(f"The machine is busy (load {load_before:.1f}): these figures will be noisy.")
    contests = [contest for contest in CONTESTS if wanted & {row.key for row in contest.rows}]
    try:
        with World(ROOT, settings) as world:
            for contest in contests:
                contest.measure(world, wanted, progress)
    except Failure as failure:
        sys.exit(f"benches/run: {failure}")
    except KeyboardInterrupt:
        return 130
    found = results.collect(contests, wanted, settings, ROOT, load_before)
    out = options.out or world.target / "bench/results.json"
    results.write(found, out)
    print("\n" + results.table(found))
    say(f"\nAll readings: {out}")
    is_full = not options.quick and not options.rows
    if options.plots or is_full:
        draw(found, options.plots or ROOT / "docs/plots")
    return verdict(found)


def verdict(found):
    """2 when a row could not be measured, 1 when a target was missed; a quick run or a debug build misses none."""
    if any(row["error"] for row in found["rows"]):
        return 2
    return int(any(row["met"] is False for row in found["rows"]))


def draw(found, directory):
    for path in plots.draw(found, directory):
        say(f"Drawn: {path}")


def progress(text):
    """One line that is overwritten on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K  {text}", end="", file=sys.stderr, flush=True)
    else:
        say(f"  {text}")
