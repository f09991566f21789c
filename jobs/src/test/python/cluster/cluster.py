"""Doraxis as a platform team runs it: on a standalone cluster of Spark, against an S3 server, by spark-submit.

    cluster.py --spark FOLDER [--work FOLDER]

A master, two workers of a core each and an S3 server are started on loopback; the image's folder is laid out by deploy/docker/context,
and its doraxis.jar submitted by its wrapper and the installation's own spark-submit: an audit, an export of what the audit found,
a merge with GPUs that a script announces and nobody has. Tables and outputs are held against those of the embedded runs on the same bucket.
Exit 1 if something differs. Needs pyarrow, a built doraxis.jar and S3Proxy's jars (./mvnw process-resources).
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import pyarrow.dataset
import pyarrow.fs
from processes import ACCESS_KEY, HOST, ROOT, SECRET_KEY, Cluster, free_port, get, s3_server

LAUNCHER = ROOT / "deploy/bin/doraxis"
GOLDEN = ROOT / "common/src/test/resources/golden"
MERGED = ["kohya_locon_dora_in", "locon_dora_out", "loha_dora_in", "lokr_dora_in"]
WHERE = "peft_export.outcome = 'NOT_NEEDED' OR uri LIKE '%/locon_dora_out/%'"
# what the two runs may differ in
TIMES = {"run_id", "scanned_at", "seconds"}
CLASH = re.compile(r"NoSuchMethodError|NoSuchFieldError|NoClassDefFoundError|ClassNotFoundException|AbstractMethodError|"
                   r"IncompatibleClassChangeError|LinkageError|VerifyError|InvalidClassException|multiple SLF4J|signer information")


class Checks:
    def __init__(self):
        self.failed = 0

    def __call__(self, what, holds, seen=""):
        self.failed += not holds
        print(f"{'ok  ' if holds else 'FAIL'} {what}{f': {seen}' if seen != '' else ''}", flush=True)


def s3a_settings(endpoint):
    return {
        "spark.hadoop.fs.s3a.endpoint": endpoint,
        "spark.hadoop.fs.s3a.endpoint.region": "us-east-1",
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
    }


class Driver(threading.Thread):
    """Reads the driver's metrics while it lives."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.address, self.done = f"http://{HOST}:{port}", threading.Event()
        self.seen = {"/metrics/prometheus/": "", "/metrics/executors/prometheus/": ""}

    def run(self):
        while not self.done.wait(0.2):
            for page, before in self.seen.items():
                self.seen[page] = get(self.address + page) or before


class Runs:
    """Commands of Doraxis on the cluster, and embedded on the same bucket."""

    def __init__(self, cluster, endpoint, work):
        self.cluster, self.settings, self.work = cluster, s3a_settings(endpoint), work
        self.home = work / "image/opt/doraxis"
        self.said = []
        subprocess.run([ROOT / "deploy/docker/context", work / "image"], check=True)
        (work / "events").mkdir()
        self.env = {**os.environ, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}

    def submitted(self, *command, sizes="small", **settings):
        json_log = f"-Dlog4j2.configurationFile={self.home}/conf/log4j2-json.properties"
        settings = {
            **self.settings,
            "spark.executor.memory": "640m",
            "spark.executor.cores": "1",
            "spark.driver.memory": "640m",
            "spark.driver.host": HOST,
            "spark.driver.bindAddress": HOST,
            "spark.eventLog.enabled": "true",
            "spark.eventLog.compress": "false",
            "spark.eventLog.dir": f"file:{self.work}/events",
            "spark.executor.extraJavaOptions": json_log,
            "spark.scheduler.minRegisteredResourcesRatio": "1.0",
            **settings,
        }
        env = {
            **self.env,
            "SPARK_HOME": str(self.cluster.spark),
            "SPARK_MASTER": self.cluster.master,
            "SPARK_LOCAL_IP": HOST,
            "SPARK_SUBMIT_OPTS": json_log,
            "DORAXIS_CLUSTER": sizes,
            "DORAXIS_SUBMIT_OPTS": " ".join(f"--conf {name}={value}" for name, value in settings.items()),
        }
        env.pop("SPARK_CONF_DIR", None)
        return self._run("cluster", [self.home / "deploy/spark-submit/standalone", *command], env)

    def embedded(self, *command):
        options = " ".join(f"-D{name}={value}" for name, value in self.settings.items())
        return self._run("embedded", [LAUNCHER, *command], {**self.env, "DORAXIS_JAVA_OPTS": options})

    def _run(self, where, command, env):
        started = time.monotonic()
        done = subprocess.run([str(word) for word in command], env=env, capture_output=True, text=True)
        print(f"     {where}: {' '.join(map(str, command[1:]))}: status {done.returncode}, "
              f"{time.monotonic() - started:.0f} s", flush=True)
        if where == "cluster":
            self.said.append(done.stderr)
        if done.returncode != 0:
            print(done.stdout + done.stderr[-3000:], file=sys.stderr)
        return done


def table_folder(store, folder):
    """The partition of the one run there."""
    (run,) = (info.path for info in store.get_file_info(pyarrow.fs.FileSelector(folder)) if "run_id=" in info.path)
    return run


def table(store, folder, key):
    """Rows of the one run there, without what differs from run to run, in the order of their keys."""
    data = pyarrow.dataset.dataset(folder, filesystem=store, format="parquet", partitioning="hive").to_table()
    rows = data.drop_columns([name for name in data.column_names if name in TIMES]).to_pylist()
    return sorted(rows, key=lambda row: tuple(str(row[name]) for name in key))


def tree(store, folder):
    """Every object below the folder, with its bytes."""
    selector = pyarrow.fs.FileSelector(folder, recursive=True)
    files = [info.path for info in store.get_file_info(selector) if info.is_file]
    return {path[len(folder):]: store.open_input_stream(path).read() for path in files}


def parsed(text):
    """The lines that are JSON, and those that are not. A process that is told to end may write the end of its last line twice."""
    objects, others, before = [], [], ""
    for line in text.splitlines():
        try:
            objects.append(json.loads(line))
        except ValueError:
            if not before.endswith(line):
                others.append(line)
        before = line
    return objects, others


def events(work):
    for file in (work / "events").rglob("*"):
        if file.name.startswith("events_"):
            yield from (json.loads(line) for line in file.read_text().splitlines())


def workers_with_tasks(work):
    """Tasks that ended well, by the worker whose executor ran them."""
    worker, ended = {}, {}
    application = None
    for event in events(work):
        if event["Event"] == "SparkListenerApplicationStart":
            application = event["App ID"]
        elif event["Event"] == "SparkListenerExecutorAdded":
            logs = event["Executor Info"]["Log Urls"]["stderr"]
            worker[application, event["Executor ID"]] = re.search(r"http://[^/]*:(\d+)", logs).group(1)
        elif event["Event"] == "SparkListenerTaskEnd" and event["Task End Reason"]["Reason"] == "Success":
            at = worker[application, event["Task Info"]["Executor ID"]]
            ended[at] = ended.get(at, 0) + 1
    return ended


def twice(jar, spark):
    """Packages of classes that doraxis.jar has and Spark's installation too."""
    def classes(path):
        with zipfile.ZipFile(path) as entries:
            return {name for name in entries.namelist() if name.endswith(".class") and not name.startswith("META-INF/")}
    ours = classes(jar)
    return {name.rsplit("/", 1)[0] for path in (spark / "jars").glob("*.jar") for name in ours & classes(path)}


def audit(runs, store, check):
    port = free_port()
    driver = Driver(port)
    driver.start()
    done = runs.submitted("audit", "--input", "s3a://hub/", "--output", "s3a://out/audit", **{"spark.ui.port": port})
    driver.done.set()
    check("the audit ends with status 0", done.returncode == 0, done.returncode)
    runs.embedded("audit", "--input", "s3a://hub/", "--output", "s3a://out/embedded")
    for name, key in {"checkpoints": ["uri"], "modules": ["uri", "module"]}.items():
        ours, embedded = (table(store, f"out/{where}/{name}", key) for where in ("audit", "embedded"))
        check(f"{name}: the rows of the embedded run", len(ours) > 0 and ours == embedded, f"{len(ours)} and {len(embedded)}")
    with store.open_input_stream(f"{table_folder(store, 'out/audit/checkpoints')}/_SUCCESS") as success:
        check("the tables are committed by S3A's magic committer", json.load(success)["committer"] == "magic")
    check("the driver has metrics of Spark's for Prometheus", "DAGScheduler" in driver.seen["/metrics/prometheus/"])
    check("and of its executors", 'executor_id="1"' in driver.seen["/metrics/executors/prometheus/"])


def export(runs, store, check):
    command = ["export", "--audit", "s3a://out/audit", "--where", WHERE, "--base", "s3a://models/locon_dora_out/base.safetensors", "--output"]
    done = runs.submitted(*command, "s3a://out/exports", sizes="medium")
    check("the export ends with status 0", done.returncode == 0, done.returncode)
    runs.embedded(*[word.replace("out/audit", "out/embedded") for word in command], "s3a://out/embedded-exports")
    files, expected = (tree(store, f"out/{folder}/adapters") for folder in ("exports", "embedded-exports"))
    check("exports: the bytes of the embedded run", len(files) > 0 and files == expected, f"{len(files)} and {len(expected)} files")


def merge(runs, store, check):
    lines = ["adapter,base,output"]
    lines += [f"s3a://hub/golden/{case}/adapter.safetensors,s3a://models/{case}/base.safetensors,s3a://out/merged/{case}.safetensors"
              for case in MERGED]
    with store.open_output_stream("out/merges.csv") as plan:
        plan.write("\n".join(lines).encode())
    command = ["merge", "--plan", "s3a://out/merges.csv", "--output"]
    done = runs.submitted(*command, "s3a://out/merges", "--device", "auto", sizes="gpu", **{
        "spark.executor.resource.gpu.discoveryScript": runs.cluster.gpus})
    check("the merge ends with status 0", done.returncode == 0, done.returncode)
    files = tree(store, "out/merged")
    store.delete_dir_contents("out/merged")
    runs.embedded(*command, "s3a://out/embedded-merges", "--device", "auto")  # files have a digest of what was asked for
    check("merges: the bytes of the embedded run", len(files) == len(MERGED) and files == tree(store, "out/merged"), f"{len(files)} files")
    rows = table(store, "out/merges/merges", ["output"])
    check("merges: all DONE", {row["status"] for row in rows} == {"DONE"}, len(rows))
    reasons = {str(warning) for row in rows for warning in row["warnings"] or []}
    check("merges: on the CPU, with the reason in the row", {row["device"] for row in rows} == {"cpu"} and len(reasons) == 1, *reasons)


def logs(runs, check):
    executors = "\n".join(path.read_text(errors="replace") for path in runs.work.glob("cluster/work*/app-*/*/stderr"))
    lines, others = parsed(executors)
    # the worker writes the command that starts the executor in front of the executor's own lines
    others = [line for line in others if line and not line.startswith(("Spark Executor Command:", "=====", "NOTE: Picked up", "WARNING: Using incubator modules"))]
    check("executors log JSON", len(lines) > 0 and not others, f"{len(lines)} lines {others[:1] or ''}")
    ids = {line["mdc.run_id"] for line in lines if "mdc.run_id" in line}
    check("lines of tasks have the ids of the three runs", len(ids) == 3, sorted(ids))
    clashes = [line for line in [*executors.splitlines(), *"\n".join(runs.said).splitlines()] if CLASH.search(line)]
    check("no clash of classes in any log", not clashes, clashes[:1] or "")
    tasks = workers_with_tasks(runs.work)
    check("both workers ran tasks", len(tasks) == 2, tasks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--spark", required=True, type=Path, help="an installation of Spark")
    parser.add_argument("--work", type=Path, help="an empty folder to work in, which is kept")
    options = parser.parse_args()
    work = (options.work or Path(tempfile.mkdtemp(prefix="doraxis-cluster-"))).resolve()
    (work / "cluster").mkdir(parents=True)
    os.environ["JDK_JAVA_OPTIONS"] = "-XX:TieredStopAtLevel=1"  # of all processes, none of which lives for long
    check = Checks()
    try:
        subprocess.run([LAUNCHER, "demo", "--output", work / "demo", "--files", "60"], check=True, capture_output=True)
        server, endpoint = s3_server(work, "hub", "models", "out")
        with server, Cluster(options.spark.resolve(), work / "cluster", workers=2) as cluster:
            store = pyarrow.fs.S3FileSystem(access_key=ACCESS_KEY, secret_key=SECRET_KEY, region="us-east-1", endpoint_override=endpoint,
                                            check_directory_existence_before_creation=True)
            local = pyarrow.fs.LocalFileSystem()
            pyarrow.fs.copy_files(str(work / "demo/hub"), "hub", local, store)
            for case in MERGED:
                pyarrow.fs.copy_files(str(GOLDEN / case / "adapter.safetensors"), f"hub/golden/{case}/adapter.safetensors", local, store)
                pyarrow.fs.copy_files(str(GOLDEN / case / "base.safetensors"), f"models/{case}/base.safetensors", local, store)
            runs = Runs(cluster, endpoint, work)
            check("doraxis.jar has no classes of Spark's installation but the Apache HTTP client's",
                  all(f"{name}/".startswith("org/apache/http/") for name in twice(runs.home / "doraxis.jar", options.spark)))
            audit(runs, store, check)
            export(runs, store, check)
            merge(runs, store, check)
            check("the master has metrics for Prometheus", "aliveWorkers" in get(f"http://{HOST}:{cluster.web}/metrics/master/prometheus/"))
            check("and the workers", all("coresFree" in get(f"http://{HOST}:{web}/metrics/prometheus/") for web in cluster.worker_webs))
            logs(runs, check)
    finally:
        if options.work is None:
            shutil.rmtree(work)
    sys.exit(check.failed > 0)


if __name__ == "__main__":
    main()
