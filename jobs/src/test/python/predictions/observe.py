"""Loads every golden adapter into every program that runs here, and records what happened.

    observe.py record            writes the observations that the Java tests compare the predictions with
    observe.py check             compares what happens now with them; exit 1 where it differs
    observe.py check --every 9   the same for every ninth case, as a smoke

Needs the packages of requirements.txt; LyCORIS 3.1.0 and InvokeAI are installed into --packages when missing.
"""

import argparse
import json
import logging
import math
import os
import re
import subprocess
import sys
import traceback
import warnings
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESOURCES = HERE.parents[4] / "common/src/test/resources"
APART = {"lycoris@3.1": "lycoris-lora==3.1.0", "invokeai@6.14": "invokeai==6.14.2"}
PACKAGE = {"lycoris": "lycoris-lora", "invokeai": "InvokeAI"}
EXACT, APPROXIMATE = 1e-5, 1e-2
SAID_KEPT = 160
# said of components that the file has nothing for, and of a setting that is put right: nothing is dropped
HARMLESS = ("No LoRA keys associated to", "fan_in_fan_out is set to")


class Heard:
    """What a program warns or logs while it loads."""

    def __init__(self):
        self.said = []

    def __enter__(self):
        self._warnings = warnings.catch_warnings(record=True)
        self._warned = self._warnings.__enter__()
        warnings.simplefilter("always")
        self._handle = logging.Logger.handle
        heard = self

        def handle(logger, record):
            if record.levelno >= logging.WARNING:
                heard.said.append(record.getMessage())

        logging.Logger.handle = handle
        return self

    def __exit__(self, *_):
        logging.Logger.handle = self._handle
        self._warnings.__exit__(None, None, None)
        ignored = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
        self.said += [str(w.message) for w in self._warned if not issubclass(w.category, ignored)]


def shown(text):
    text = re.sub(r"/\S*/adapter\b", "adapter", " ".join(text.split()))  # the folder's place is new each time
    return text if len(text) <= SAID_KEPT else text[: SAID_KEPT - 3] + "..."


def refused(refusal):
    """The observation of an exception that the program raised; one of this suite's own goes on."""
    if Path(traceback.extract_tb(refusal.__traceback__)[-1].filename).parent == HERE:
        raise refusal
    return {"outcome": "REJECTS", "said": shown(f"{type(refusal).__name__}: {refusal}")}


def observe(load, case):
    """What one program does with one case; None where it was not tried."""
    from probe import weights

    with Heard() as heard:
        try:
            answer = load(case)
        except Exception as refusal:
            return refused(refusal)
    if answer is NotImplemented:
        return None
    model, told = answer
    said = told + heard.said
    base = case.base()
    specs = {spec["path"]: spec for spec in case.facts["base_modules"]}
    found, touched = {}, False
    try:
        for key in case.worth:
            path, _, part = key.rpartition(".")
            weight, bias = weights(model.get_submodule(path), specs[path], base[f"{path}.weight"])
            found[key] = weight if part == "weight" else bias
            before = base[key].double()
            touched |= float((found[key].double() - before).abs().max()) > EXACT * float(before.abs().max())
    except Exception as refusal:
        return refused(refusal)
    if not touched:
        return {"outcome": "REJECTS", "said": shown(said[0]) if said else "nothing; no module is loaded"}
    said = [words for words in said if not words.startswith(HARMLESS)]
    error = case.error(found)
    if error <= EXACT:
        outcome = "EXACT"
    elif error <= APPROXIMATE:
        outcome = "APPROXIMATE"
    else:
        outcome = "PARTIAL" if said else "SILENTLY_WRONG"
    return {"outcome": outcome, "error": float(f"{error:.2g}")} | ({"said": shown(said[0])} if said else {})


def observe_all(program, golden, every):
    """One program's observations, in a process of its own."""
    from golden import cases
    from programs import PROGRAMS

    seen = {}
    for case in list(cases(golden))[::every]:
        observation = observe(PROGRAMS[program], case)
        if observation is not None:
            seen[case.name] = observation
    package = program.split("@")[0]
    return {"version": version(PACKAGE.get(package, package)), "cases": seen}


def run(program, arguments):
    """observe_all in a process where this program's packages come first."""
    code = "import sys, json, observe; a = json.loads(sys.argv[1]); sys.path[:0] = a['path'];" + (
        "json.dump(observe.observe_all(a['program'], a['golden'], a['every']), open(a['to'], 'w'))"
    )
    path = []
    if program in APART:
        folder = arguments.packages / program
        if not folder.exists():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--ignore-requires-python"]
            subprocess.run([*pip, "--target", str(folder), APART[program]], check=True)
        path = [str(folder)]
    to = arguments.packages / f"{program}.json"
    call = {"path": path, "program": program, "golden": str(arguments.golden), "every": arguments.every, "to": str(to)}
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(call)], cwd=HERE, capture_output=True, text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )
    if done.returncode:
        sys.exit(f"{program}: {done.stderr}")
    return json.loads(to.read_text())


def differs(now, then):
    """Whether two observations of a case are not the same; errors may vary with the machine's arithmetic."""
    if now is None or then is None or now["outcome"] != then["outcome"]:
        return True
    new, old = now.get("error", 0), then.get("error", 0)
    return max(new, old) > EXACT and not math.isclose(new, old, rel_tol=0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("record", "check"))
    parser.add_argument("--golden", type=Path, default=RESOURCES / "golden", help="folder of golden cases")
    parser.add_argument("--observations", type=Path, default=RESOURCES / "observed.json")
    parser.add_argument("--packages", type=Path, default=Path.home() / ".cache/doraxis-programs")
    parser.add_argument("--program", action="append", help="only this one, like peft@0.21 (repeatable)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth case")
    arguments = parser.parse_args()
    from programs import PROGRAMS

    arguments.packages.mkdir(parents=True, exist_ok=True)
    seen = {}
    for program in arguments.program or PROGRAMS:
        seen[program] = run(program, arguments)
        print(f"{program}: {len(seen[program]['cases'])} cases", flush=True)
    if arguments.what == "record":
        arguments.observations.write_text(json.dumps(seen, indent=1) + "\n")
        return
    recorded = json.loads(arguments.observations.read_text())
    wrong = total = 0
    for program, observations in seen.items():
        for case, now in observations["cases"].items():
            then = recorded[program]["cases"].get(case)
            total += 1
            if differs(now, then):
                wrong += 1
                print(f"{program} {case}: recorded {then}, now {now}")
    print(f"{total - wrong} of {total} as recorded")
    sys.exit(1 if wrong or not total else 0)


if __name__ == "__main__":
    main()
