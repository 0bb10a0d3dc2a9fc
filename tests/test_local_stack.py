"""The local stack's files say what they should; Docker itself is not needed to find out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from longembed_rag.cli import main as longembed
from tests.points.fake_qdrant import Fault, running_fake
from tests.points.real_qdrant import ADDRESS

PROJECT = Path(__file__).parent.parent
COMPOSE = PROJECT / "docker-compose.yml"
CLUSTER = PROJECT / "docker-compose.cluster.yml"
GPU = PROJECT / "docker-compose.gpu.yml"
PAGE = PROJECT / "docs" / "local-stack.md"
WORKFLOW = PROJECT / ".github" / "workflows" / "ci.yml"
BASH = shutil.which("bash")

_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def interpolated(*, file: Path = COMPOSE, **given: str) -> str:
    """A Compose file with its variables filled in, as Compose does it."""
    text = file.read_text(encoding="utf-8")
    return _VARIABLE.sub(lambda found: given.get(found[1]) or found[2], text)


def service(name: str, **given: str) -> dict[str, Any]:
    return yaml.safe_load(interpolated(**given))["services"][name]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and what they say, in order, with lines joined."""
    lines = (PROJECT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", text)
    pairs = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(word.upper(), rest.strip()) for word, _, rest in pairs]


def compose_command() -> list[str] | None:
    """Compose 2 or later, as Docker's plug-in or on its own; None where there is none."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) is None:
            continue
        answer = subprocess.run([*command, "version", "--short"], capture_output=True, text=True)
        version = answer.stdout.strip().removeprefix("v")
        if answer.returncode == 0 and version.partition(".")[0].isdigit() and version[0] != "1":
            return command
    return None


@pytest.mark.parametrize("key", ["", "secret"])
def test_compose_itself_accepts_the_file(key: str, tmp_path: Path) -> None:
    """Where there is a real Compose, it finds nothing wrong, with a key and without."""
    command = compose_command()
    if command is None:
        pytest.skip("no Compose 2 on the PATH")
    empty = tmp_path / "empty.env"
    empty.touch()
    arguments = ["--env-file", str(empty), "--file", str(COMPOSE), "--profile", "cli"]
    answer = subprocess.run(
        [*command, *arguments, "config", "--format", "json"],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LONGEMBED_API_KEY": key},
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    services = json.loads(answer.stdout)["services"]
    assert services["qdrant"]["environment"]["QDRANT__SERVICE__API_KEY"] == key
    assert services["longembed-rag"]["environment"]["LONGEMBED_API_KEY"] == key
    assert services["server"]["environment"]["LONGEMBED_API_KEY"] == key
    (port,) = services["qdrant"]["ports"]
    assert (port["host_ip"], port["target"], port["published"]) == ("127.0.0.1", 6333, "6333")


def test_the_file_follows_the_specification() -> None:
    """Every key and value is one that the Compose specification knows."""
    specification = pytest.importorskip("compose_spec")
    compose = specification.PyCompose.from_yaml(interpolated())
    compose.validate()
    assert sorted(compose.service_names()) == ["longembed-rag", "qdrant", "server"]
    with pytest.raises(ValueError, match="healthchek"):  # it does look
        specification.PyCompose.from_yaml(interpolated().replace("healthcheck:", "healthchek:"))


def test_the_cluster_follows_the_specification() -> None:
    """As the stack itself does; what all nodes have is written once, and put in beforehand."""
    specification = pytest.importorskip("compose_spec")
    nodes = yaml.safe_load(interpolated(file=CLUSTER))
    del nodes["x-node"]
    compose = specification.PyCompose.from_yaml(yaml.safe_dump(nodes))
    compose.validate()
    assert sorted(compose.service_names()) == ["qdrant-1", "qdrant-2", "qdrant-3"]


def test_the_nodes_find_each_other_and_are_open_to_this_machine_only() -> None:
    """The stack's own image and health check; each has its name, port and volume, all one key."""
    nodes = yaml.safe_load(interpolated(file=CLUSTER, LONGEMBED_API_KEY="k"))["services"]
    first, *others = nodes.values()
    qdrant = service("qdrant", LONGEMBED_API_KEY="k")
    for name, node in nodes.items():
        same = ("image", "restart", "healthcheck", "cap_drop", "security_opt", "stop_grace_period")
        assert {key: node[key] for key in same} == {key: qdrant[key] for key in same}
        own = {"QDRANT__CLUSTER__ENABLED": "true"}
        assert node["environment"] == {**qdrant["environment"], **own}
        assert node["command"][-2:] == ["--uri", f"http://{name}:6335"]
    ports = [port for node in nodes.values() for port in node["ports"]]
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:6333", port) for port in ports)
    assert len({*ports}) == len({volume for node in nodes.values() for volume in node["volumes"]})
    assert "--bootstrap" not in first["command"]
    for node in others:
        assert node["command"][1:3] == ["--bootstrap", first["command"][-1]]
        assert node["depends_on"] == {"qdrant-1": {"condition": "service_healthy"}}


def test_what_the_services_refer_to_is_there() -> None:
    """Volumes, services and the build's files are declared or exist."""
    compose = yaml.safe_load(interpolated())
    for each in compose["services"].values():
        for volume in each["volumes"]:
            if isinstance(volume, str):
                assert volume.partition(":")[0] in compose["volumes"]
        assert set(each.get("depends_on", ())) <= set(compose["services"])
    arguments = {rest.partition("=")[0] for word, rest in instructions() if word == "ARG"}
    for name in ("longembed-rag", "server"):
        build = compose["services"][name]["build"]
        assert (PROJECT / build["context"] / "Dockerfile").is_file()
        assert set(build["args"]) <= arguments


def test_qdrant_is_pinned_near_the_client_and_open_to_this_machine_only() -> None:
    """The tag names a version that keeps metadata, and every port is bound to the loopback."""
    qdrant = service("qdrant", LONGEMBED_QDRANT_PORT="7000")
    found = re.fullmatch(r"qdrant/qdrant:v1\.(\d+)\.\d+-unprivileged", qdrant["image"])
    assert found
    assert int(found[1]) >= 16
    assert qdrant["ports"] == ["127.0.0.1:7000:6333"]
    assert qdrant["volumes"] == ["qdrant-storage:/qdrant/storage"]
    assert qdrant["restart"] == "unless-stopped"


def test_the_workflow_asks_the_same_server() -> None:
    """A job starts the stack's own image, and runs the tests that take a real server against it."""
    jobs = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    (job,) = [each for each in jobs.values() if ADDRESS in each.get("env", {})]
    (started,) = job["services"].values()
    assert started["image"] == service("qdrant")["image"]
    ports = [port.split(":") for port in started["ports"]]
    assert job["env"][ADDRESS] in [f"http://127.0.0.1:{ours}" for ours, _ in ports]
    assert [theirs for _, theirs in ports] == ["6333"]
    ran = " ".join(step.get("run", "") for step in job["steps"]).split()
    assert "tests/points/test_real_server.py" in ran
    modules = [word for word in ran if word.startswith("tests/")]
    for module in modules:
        assert "real_qdrant import" in (PROJECT / module).read_text(encoding="utf-8")


@pytest.mark.parametrize("key", ["", "secret"])
def test_the_key_comes_from_the_environment(key: str) -> None:
    """Server and command line get the same key; without one, both get an empty one."""
    assert (
        service("qdrant", LONGEMBED_API_KEY=key)["environment"]["QDRANT__SERVICE__API_KEY"] == key
    )
    environment = service("longembed-rag", LONGEMBED_API_KEY=key)["environment"]
    assert environment["LONGEMBED_API_KEY"] == key
    assert environment["LONGEMBED_URL"] == "http://qdrant:6333"


def test_the_command_line_does_not_start_by_itself() -> None:
    """It is run by name, and as the service only beside a healthy Qdrant."""
    assert "profiles" not in service("qdrant")
    assert "profiles" not in service("server")
    assert service("longembed-rag")["profiles"]
    for ours in (service("longembed-rag"), service("server")):
        assert ours["depends_on"] == {"qdrant": {"condition": "service_healthy"}}


def test_the_service_is_open_to_this_machine_only_and_can_write_nowhere_else() -> None:
    """One port on the loopback, a key from the environment, a root that cannot be written to."""
    ours = service("server", LONGEMBED_SERVER_PORT="9000", LONGEMBED_SERVER_KEY="k" * 16)
    assert ours["ports"] == ["127.0.0.1:9000:8000"]
    assert ours["environment"]["LONGEMBED_SERVER_KEY"] == "k" * 16
    assert ours["read_only"] is True
    assert ours["cap_drop"] == ["ALL"]
    assert ours["security_opt"] == ["no-new-privileges:true"]
    written = {volume.partition(":")[2] for volume in ours["volumes"]}
    assert written == {"/models", ours["environment"]["LONGEMBED_SPOOL"]}
    text = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    assert "--owner=longembed /models /spool" in text


def test_the_service_is_started_by_a_command_of_ours() -> None:
    """... with options that it has, among them a name by which alone it is reached."""
    name, *words = service("server")["command"]
    context = longembed.commands[name].make_context(name, words)
    assert context.params["host"] == "0.0.0.0"
    assert context.params["allowed_host"] == ("localhost",)


@pytest.mark.parametrize(("answers", "healthy"), [(True, True), (False, False)])
def test_the_services_health_check_tells_running_from_not(answers: bool, healthy: bool) -> None:
    """The very command of the file, with another port and path, against a server of the tests."""
    kind, python, *command = service("server")["healthcheck"]["test"]
    assert (kind, python) == ("CMD", "python")
    with running_fake(listening=answers) as server:
        code = command[-1].replace("http://127.0.0.1:8000/health", f"{server.url}/readyz")
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=20)
    assert (ended.returncode == 0) is healthy


def test_a_gpu_is_an_override_of_services_that_are_there() -> None:
    """It names no other services, and builds with a torch that knows CUDA."""
    override = yaml.safe_load(_VARIABLE.sub(lambda found: found[2], GPU.read_text("utf-8")))
    assert set(override["services"]) == {"server", "longembed-rag"}
    for each in override["services"].values():
        assert each["gpus"] == "all"
        assert "/cu" in each["build"]["args"]["TORCH_INDEX"]


def test_documents_are_mounted_for_reading_from_a_folder_that_exists() -> None:
    """A mistyped folder is an error, not an empty folder whose ingest removes everything."""
    (documents,) = [
        volume for volume in service("longembed-rag")["volumes"] if isinstance(volume, dict)
    ]
    assert documents["target"] == "/docs"
    assert documents["read_only"] is True
    assert documents["bind"] == {"create_host_path": False}
    assert (PROJECT / documents["source"]).is_dir()


@pytest.mark.skipif(BASH is None, reason="the health check is written for bash")
@pytest.mark.parametrize(
    ("fault", "healthy"), [(None, True), (503, False), (404, False), ("nobody", False)]
)
def test_the_health_check_tells_ready_from_not(fault: int | str | None, healthy: bool) -> None:
    """The very command of the file, with another port, against a server that answers so."""
    kind, *command = service("qdrant")["healthcheck"]["test"]
    assert kind == "CMD"
    assert command[:2] == ["bash", "-c"]
    with running_fake(listening=fault != "nobody") as server:
        if isinstance(fault, int):
            server.faults.append(Fault("/readyz", fault))
        script = command[2].replace("$$", "$").replace("/6333", "/" + server.url.split(":")[-1])
        # Nothing may be needed that the image does not have.
        answer = subprocess.run(
            [str(BASH), "-c", script], env={"PATH": ""}, capture_output=True, timeout=10
        )
        assert (answer.returncode == 0) is healthy
        assert [each.path for each in server.requests] == ["/readyz"] * (fault != "nobody")


def test_the_image_is_built_on_a_pinned_base_and_runs_without_root() -> None:
    """Every stage starts from a full version or another stage; the last user is not root."""
    stages: set[str] = set()
    for word, rest in instructions():
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            assert base in stages or re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base), base
            stages.add(name)
    after = max(place for place, (word, _) in enumerate(instructions()) if word == "FROM")
    last = instructions()[after:]
    users = [rest for word, rest in last if word == "USER"]
    assert users == ["longembed"]
    (created,) = [rest for word, rest in last if word == "RUN" and "useradd" in rest]
    assert "longembed" in created
    assert last[-2:] == [("ENTRYPOINT", '["longembed-rag"]'), ("CMD", '["--help"]')]
    assert [word for word, _ in last].index("USER") > [word for word, _ in last].index("COPY")


def test_the_base_is_a_python_that_the_project_supports() -> None:
    """The image's Python is one of those that the package names."""
    (version,) = re.findall(
        r"^FROM python:(3\.\d+)\.", (PROJECT / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE
    )
    named = (PROJECT / "pyproject.toml").read_text("utf-8")
    assert f"Programming Language :: Python :: {version}" in named


def test_what_is_copied_exists_and_reaches_the_build() -> None:
    """Every source of a COPY is there and let through, and nothing else is."""
    ignore = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in ignore if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source.removeprefix("./")
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert copied == allowed
    for source in copied:
        assert (PROJECT / source).exists(), source


def test_copies_between_stages_name_a_stage() -> None:
    """What a stage takes from another is taken from one that is there."""
    stages = {rest.partition(" AS ")[2] for word, rest in instructions() if word == "FROM"}
    taken = [
        found[1]
        for word, rest in instructions()
        if word == "COPY" and (found := re.match(r"--from=(\S+)", rest))
    ]
    assert taken
    assert set(taken) <= stages


def test_torch_is_the_one_of_the_makefile() -> None:
    """The image and the Makefile install the same version of torch."""
    arguments = dict(rest.split("=", 1) for word, rest in instructions() if word == "ARG")
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    assert f"TORCH := torch=={arguments['TORCH']}\n" in makefile
    assert arguments["TORCH_INDEX"] == "https://download.pytorch.org/whl/cpu"


def test_the_models_volume_is_where_models_are_kept() -> None:
    """Hugging Face's cache is the named volume, on a folder that belongs to the user."""
    assert "models:/models" in service("longembed-rag")["volumes"]
    text = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    assert "HF_HOME=/models" in text
    assert "--owner=longembed /models" in text


def test_the_page_names_every_variable() -> None:
    """The page's and the file's tables of settings are those that the file reads."""
    text = COMPOSE.read_text(encoding="utf-8")
    read = {name for name, _ in _VARIABLE.findall(text)}
    header = text[: text.index("name: longembed-rag")]
    assert read == set(re.findall(r"^#   ([A-Z_]+) ", header, flags=re.MULTILINE))
    page = PAGE.read_text(encoding="utf-8")
    assert read | {"HF_TOKEN"} == set(re.findall(r"^\| `([A-Z_]+)` \|", page, flags=re.MULTILINE))


def test_commands_of_the_page_exist() -> None:
    """What is run in a container is a command of ours, with options that it has."""
    page = PAGE.read_text(encoding="utf-8").replace("\\\n", " ")
    ran = re.findall(r"^docker compose run .*?\slongembed-rag (.*)$", page, flags=re.MULTILINE)
    assert len(ran) >= 5
    for line in ran:
        name, *words = re.findall(r'"[^"]*"|\S+', line.partition(" > ")[0])
        command: click.Command = longembed.commands[name]
        known = {flag for option in command.params for flag in option.opts}
        assert {word for word in words if word.startswith("-")} <= known, line
