"""The servers of the test: S3Proxy and a standalone cluster of Spark, processes of this machine that speak on loopback."""

import os
import re
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[5]
S3_JARS = ROOT / "jobs/src/test/s3proxy/target/lib"
HOST = "127.0.0.1"
ACCESS_KEY, SECRET_KEY = "test-access-key", "test-secret-key"
SECONDS = 60


def java():
    return f"{os.environ['JAVA_HOME']}/bin/java" if os.environ.get("JAVA_HOME") else "java"


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class Server:
    """A process, ended with the block; what it says goes to a file."""

    def __init__(self, name, folder, command, env=None):
        self.name, self.log = name, folder / f"{name}.log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})

    def await_line(self, pattern):
        """The match of what it will have said."""
        for _ in range(SECONDS * 10):
            found = re.search(pattern, self.log.read_text(errors="replace"))
            if found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit(f"{self.name} did not say {pattern!r}:\n{self.log.read_text(errors='replace')[-3000:]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def s3_server(folder, *buckets):
    """The S3 server of the Java tests, over a folder; the second value is its address."""
    for bucket in buckets:
        (folder / "buckets" / bucket).mkdir(parents=True)
    properties = {
        "s3proxy.endpoint": f"http://{HOST}:0",
        "s3proxy.authorization": "aws-v2-or-v4",
        "s3proxy.identity": ACCESS_KEY,
        "s3proxy.credential": SECRET_KEY,
        "jclouds.provider": "filesystem-nio2",
        "jclouds.identity": "unused",
        "jclouds.credential": "unused",
        "jclouds.filesystem.basedir": folder / "buckets",
    }
    (folder / "s3proxy.properties").write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    (folder / "logback.xml").write_text(
        '<configuration><appender name="out" class="ch.qos.logback.core.ConsoleAppender">'
        "<encoder><pattern>%level %msg%n</pattern></encoder></appender>"
        '<logger name="org.gaul.shaded.org.eclipse.jetty.server.AbstractConnector" level="INFO"/>'
        '<root level="WARN"><appender-ref ref="out"/></root></configuration>')
    command = [java(), "-Xmx384m", f"-Dlogback.configurationFile={folder / 'logback.xml'}", "-cp", f"{S3_JARS}/*",
               "org.gaul.s3proxy.Main", "--properties", str(folder / "s3proxy.properties")]
    server = Server("s3proxy", folder, command)
    port = server.await_line(r"Started .*ServerConnector.*\{127\.0\.0\.1:(\d+)\}").group(1)
    return server, f"http://{HOST}:{port}"


class Cluster:
    """A master and workers of one core each, with one GPU each that nobody has."""

    def __init__(self, spark, folder, workers):
        self.servers, self.spark = [], spark
        script = folder / "gpus.sh"
        script.write_text("#!/bin/sh\necho '{\"name\": \"gpu\", \"addresses\": [\"0\"]}'\n")
        script.chmod(0o755)
        self.gpus = script
        port, self.web = free_port(), free_port()
        self.master = f"spark://{HOST}:{port}"
        self.env = {
            "SPARK_HOME": str(spark),
            "SPARK_CONF_DIR": str(ROOT / "conf"),
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_LOCAL_IP": HOST,
            "SPARK_LOCAL_DIRS": str(folder / "local"),
            "SPARK_DAEMON_JAVA_OPTS": "-Ddoraxis.log.level=info",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,  # executors find credentials where they run, and not with the driver
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }
        self._start(folder, "master", "org.apache.spark.deploy.master.Master", "--host", HOST, "--port", str(port),
                    "--webui-port", str(self.web)).await_line("I have been elected leader")
        self.worker_webs = [free_port() for _ in range(workers)]
        for number, web in enumerate(self.worker_webs):
            self._start(folder, f"worker{number}", "org.apache.spark.deploy.worker.Worker", self.master, "--host", HOST,
                        "--cores", "1", "--memory", "1g", "--webui-port", str(web), "--work-dir", str(folder / f"work{number}"),
                        SPARK_WORKER_OPTS="-Dspark.worker.resource.gpu.amount=1"
                        f" -Dspark.worker.resource.gpu.discoveryScript={script}")
        for worker in self.servers[1:]:
            worker.await_line("Successfully registered with master")

    def _start(self, folder, name, main, *args, **env):
        self.servers.append(Server(name, folder, [str(self.spark / "bin/spark-class"), main, *args], {**self.env, **env}))
        return self.servers[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in reversed(self.servers):
            server.__exit__()


def get(url):
    """What that page says; nothing where there is none yet."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return ""
