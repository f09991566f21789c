"""What deploy/ and conf/ hold, against those who read it: schemas, linters, and Doraxis' own command line.

    templates.py [--crds FOLDER] [--launcher deploy/bin/doraxis]

Manifests are read by the models that the Kubernetes operator publishes (kubeflow-spark-api, of its CRDs) and have to come out as they went in,
so that a field it does not know is an error; with --crds also by the CRDs themselves, a checkout's charts/spark-operator-chart/crds. EMR's request is
held against botocore's model of the call, every option of Doraxis against --help, settings against conf/. The DAG is loaded where Airflow
is installed, and compiled where it is not. Exit 1 if something is wrong. Needs the packages of requirements.txt.
"""

import argparse
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import botocore.session
import kubernetes_validate
import yaml
from botocore.validate import ParamValidator
from kubeflow_spark_api.models import SparkV1beta2ScheduledSparkApplication, SparkV1beta2SparkApplication

ROOT = Path(__file__).resolve().parents[5]
DEPLOY, CONF = ROOT / "deploy", ROOT / "conf"
MODELS = {"SparkApplication": SparkV1beta2SparkApplication, "ScheduledSparkApplication": SparkV1beta2ScheduledSparkApplication}
KUBERNETES = "1.33"
SCRIPTS = ["bin/doraxis", "docker/context", "emr/serverless", "gpu-discovery.sh",
           *(f"spark-submit/{name}" for name in ("submit", "standalone", "yarn", "kubernetes"))]


class Checks:
    def __init__(self):
        self.failed = 0

    def __call__(self, what, holds, seen=""):
        self.failed += not holds
        print(f"{'ok  ' if holds else 'FAIL'} {what}{f': {seen}' if seen and not holds else ''}", flush=True)


def settings(name):
    """The settings of a file of Spark properties that are not commented out."""
    lines = (line.split(None, 1) for line in (CONF / name).read_text().splitlines() if line.strip() and not line.startswith("#"))
    return {key: value.strip() for key, value in lines}


def manifests():
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            yield path.name, document


def schema_errors(crds, document):
    """What the operator's CRD has against the manifest."""
    import jsonschema

    (crd,) = yaml.safe_load_all((crds / f"sparkoperator.k8s.io_{document['kind'].lower()}s.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    closed = json.loads(json.dumps(schema), object_hook=close)
    return [error.message for error in jsonschema.Draft7Validator(closed).iter_errors(document)]


def close(node):
    """Kubernetes drops what a schema has no name for; here it is an error, and a name that takes any object stays open."""
    if isinstance(node.get("properties"), dict) and "type" in node and "additionalProperties" not in node and node["properties"]:
        node["additionalProperties"] = False
    if node.pop("x-kubernetes-int-or-string", False):
        node.pop("type", None)
    return node


def check_manifest(check, name, document, options):
    kind = document["kind"]
    if kind not in MODELS:
        try:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
            found = ""
        except kubernetes_validate.ValidationError as error:
            found = str(error)
        check(f"{name}: {kind} is one of Kubernetes {KUBERNETES}", not found, found)
        return
    known = MODELS[kind].from_dict(document).to_dict()
    check(f"{name}: {kind} comes out of the operator's models as it went in", known == document,
          [key for key in document if known.get(key) != document[key]])
    if options.crds:
        errors = schema_errors(options.crds, document)
        check(f"{name}: {kind} by the operator's CRD", not errors, errors)
    spec = document["spec"].get("template", document["spec"])
    check_settings(check, name, spec["sparkConf"], "gpu.conf" if "gpu" in name else None)
    sizes = settings("gpu.conf" if "gpu" in name else "medium.conf")
    driver, executor = spec["driver"], spec["executor"]
    found = [driver.get("memory"), str(executor.get("cores")), executor.get("memory"), executor.get("memoryOverhead")]
    wanted = [sizes[f"spark.{key}"] for key in ("driver.memory", "executor.cores", "executor.memory", "executor.memoryOverhead")]
    check(f"{name}: has the sizes of conf/", found == wanted, (found, wanted))
    check_command(check, name, spec["arguments"], options)


def check_settings(check, name, found, devices=None):
    wanted = settings("spark-defaults.conf")
    if devices:
        wanted |= {key: value for key, value in settings(devices).items() if "gpu" in key or "CUDA" in key}
    wrong = {key: found.get(key) for key, value in wanted.items() if found.get(key) != value}
    check(f"{name}: has the settings of conf/", not wrong, wrong)


HELP = {}


def check_command(check, name, command, options):
    """Every option is one of that command."""
    if command[0] not in HELP:
        HELP[command[0]] = subprocess.run([options.launcher, command[0], "--help"], capture_output=True, text=True).stdout
    unknown = [word for word in command[1:] if word.startswith("--") and not re.search(rf"{word}\b", HELP[command[0]])]
    check(f"{name}: Doraxis knows the options of {command[0]}", HELP[command[0]] and not unknown, unknown)


def called(program, script, *command, **env):
    """The words with which a script calls that program, which stands for the real one."""
    with tempfile.TemporaryDirectory() as folder:
        stand_in = Path(folder) / "bin" / program
        stand_in.parent.mkdir()
        stand_in.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n")
        stand_in.chmod(0o755)
        path = f"{stand_in.parent}:{os.environ['PATH']}"
        done = subprocess.run([DEPLOY / script, *command], env={**os.environ, "PATH": path, "SPARK_HOME": folder, **env},
                              capture_output=True, text=True)
    return done.stdout.split("\0")[:-1], done.stderr


def check_wrappers(check):
    command = ["export", "--audit", "s3a://a", "--where", "license = 'mit' AND x <> '--'", "--output", "s3a://o"]
    jar = ["--class", "io.doraxis.cli.Doraxis", "s3://jars/doraxis.jar"]
    kubernetes = ["--master", "k8s://https://api", "--deploy-mode", "cluster", "--conf", "spark.kubernetes.container.image=image",
                  "--conf", "spark.kubernetes.namespace=spark", "--conf", "spark.kubernetes.authenticate.driver.serviceAccountName=doraxis"]
    for script, env, wanted in [
        ("standalone", {"SPARK_MASTER": "spark://master:7077"}, ["--master", "spark://master:7077"]),
        ("yarn", {"HADOOP_CONF_DIR": "/etc/hadoop/conf"}, ["--master", "yarn"]),
        ("kubernetes", {"KUBERNETES_MASTER": "https://api", "DORAXIS_IMAGE": "image"}, kubernetes),
    ]:
        words, said = called("spark-submit", f"spark-submit/{script}", *command, DORAXIS_JAR=jar[-1], DORAXIS_CLUSTER="medium",
                             DORAXIS_SUBMIT_OPTS="--name a", **env)
        files = ["--load-spark-defaults", "--properties-file", str(CONF / "medium.conf"), "--name", "a"]
        check(f"spark-submit/{script}: calls spark-submit with the command as it is", words == [*files, *wanted, *jar, *command], words or said)
        words, said = called("spark-submit", f"spark-submit/{script}", *command)
        check(f"spark-submit/{script}: says what is missing", not words and re.search("is unset|is set", said), words or said)


def check_emr(check, options):
    request = json.loads((DEPLOY / "emr/audit.json").read_text())
    command = ["merge", "--plan", "s3a://a b", "--output", "s3a://o"]
    words, said = called("aws", "emr/serverless", *command, EMR_APPLICATION="00f", EMR_ROLE=request["executionRoleArn"])
    wanted = {**request, "name": "doraxis-merge", "applicationId": "00f"}
    wanted["jobDriver"] = {"sparkSubmit": {**request["jobDriver"]["sparkSubmit"], "entryPointArguments": command}}
    check("emr/serverless: asks for the command as it is", words[:3] == ["emr-serverless", "start-job-run", "--cli-input-json"]
          and json.loads(words[3]) == wanted, words or said)
    model = botocore.session.get_session().get_service_model("emr-serverless")
    # what the call adds by itself
    report = ParamValidator().validate({"clientToken": "token", **request}, model.operation_model("StartJobRun").input_shape)
    check("emr/audit.json: is a request of EMR Serverless", not report.has_errors(), report.generate_report())
    properties = request["configurationOverrides"]["applicationConfiguration"][0]["properties"]
    check_settings(check, "emr/audit.json", properties)
    check_command(check, "emr/audit.json", request["jobDriver"]["sparkSubmit"]["entryPointArguments"], options)


def check_dag(check, options):
    path = DEPLOY / "airflow/doraxis_nightly.py"
    source = path.read_text()
    compile(source, str(path), "exec")
    if importlib.util.find_spec("airflow"):
        sys.path.insert(0, str(path.parent))
        from doraxis_nightly import dag

        tasks = {task.task_id: task for task in dag.tasks}
        check("doraxis_nightly.py: Airflow loads it; the export waits for the audit",
              tasks["export"].upstream_task_ids == {"audit"} and not tasks["audit"].upstream_task_ids)
    else:
        check("doraxis_nightly.py: compiles (Airflow is not installed)", True)
    for command in re.findall(r"bash_command=f'\{SUBMIT\} (.*)',", source):
        check_command(check, "doraxis_nightly.py", shlex.split(command.split("||")[0]), options)


def check_scripts(check):
    tools = Path(sys.executable).parent
    linted = subprocess.run([tools / "shellcheck", *(DEPLOY / script for script in SCRIPTS)], capture_output=True, text=True)
    check("shellcheck has nothing against the scripts", linted.returncode == 0, linted.stdout)
    scripts = {path.relative_to(DEPLOY).as_posix() for path in DEPLOY.rglob("*") if path.is_file() and os.access(path, os.X_OK)}
    check("and they are all of them", scripts == set(SCRIPTS), scripts ^ set(SCRIPTS))
    linted = subprocess.run([tools / "hadolint", DEPLOY / "docker/Dockerfile"], capture_output=True, text=True)
    check("hadolint has nothing against the Dockerfile", linted.returncode == 0, linted.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--crds", type=Path, help="folder of the operator's CRDs")
    parser.add_argument("--launcher", default=DEPLOY / "bin/doraxis")
    options = parser.parse_args()
    check = Checks()
    for name, document in manifests():
        check_manifest(check, name, document, options)
    check_wrappers(check)
    check_emr(check, options)
    check_dag(check, options)
    check_scripts(check)
    sys.exit(check.failed > 0)


if __name__ == "__main__":
    main()
