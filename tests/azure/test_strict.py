"""The emulator refuses what the contract does not hold: each rule is fed something that breaks it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

HERE = Path(__file__).parent

SUBSCRIPTION = "/subscriptions/0a0a0a0a-0000-4000-8000-000000000001"
WORKSPACE = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws"
MANAGEMENT = "https://management.azure.com"
ENDPOINT = f"{WORKSPACE}/onlineEndpoints/one"
DEPLOYMENT = f"{ENDPOINT}/deployments/blue"
ENVIRONMENT = f"{WORKSPACE}/environments/steps/versions/1"
JOB = f"{WORKSPACE}/jobs/first"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg/providers"
IDENTITY = f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/ci-demo"
ASSIGNMENT = f"{GROUP}/Microsoft.Authorization/roleAssignments/0a0a0a0a-0000-4000-8000-00000000000a"
NODE = {"componentId": "azureml:x", "type": "command", "inputs": {}, "outputs": {}}


@pytest.fixture
def send(azure):
    """Send one request as the signed-in user, past every client."""
    token = azure.cloud.directory.token(azure.cloud.user, MANAGEMENT)

    def send(method, path, version=None, body=None, host=MANAGEMENT, **query):
        parameters = {**({"api-version": version} if version else {}), **query}
        headers = {"Authorization": f"Bearer {token}"}
        return requests.request(method, host + path, params=parameters, json=body, headers=headers, timeout=5)

    return send


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (("GET", "/", None, None, "https://example.com"), "unknown host example.com"),
        (("GET", f"{WORKSPACE}/spaceships", "2024-01-01-preview"), "unknown route"),
        (("PATCH", ENDPOINT, "2022-02-01-preview", {}), "unknown method PATCH"),
        (("GET", WORKSPACE, "2019-05-01"), "unknown api-version '2019-05-01'; known here: "),
        (("GET", WORKSPACE), "unknown api-version ''"),
        (("POST", f"{JOB}/cancel", "2023-04-01-preview", {"force": True}), "a body where none is known"),
        (("GET", f"{GROUP}/Microsoft.KeyVault/vaults", "2024-11-01"), "unknown route"),
    ],
)
def test_an_unknown_request_is_refused(azure, send, request_, reason):
    with azure.refusing(reason):
        send(*request_)


def test_an_unknown_query_parameter_is_refused(azure, send):
    with azure.refusing("unknown query parameter $expand"):
        send("GET", f"{WORKSPACE}/jobs", "2024-01-01-preview", **{"$expand": "all"})


BODIES = {
    "an unknown field": (
        ENDPOINT,
        "2022-02-01-preview",
        {"location": "westeurope", "properties": {"authMode": "Key", "colour": "blue"}},
        "properties.colour: unknown field of OnlineEndpointDetails",
    ),
    "a field of another kind": (
        ENDPOINT,
        "2022-02-01-preview",
        {"location": "westeurope", "properties": {"authMode": "Key", "traffic": {"blue": "all"}}},
        "properties.traffic.blue: 'all' is not of type int",
    ),
    "an object for a list": (
        DEPLOYMENT,
        "2023-04-01-preview",
        {"location": "westeurope", "properties": {"endpointComputeType": "Managed", "scaleSettings": []}},
        "properties.scaleSettings.: must be an object",
    ),
    "a missing field": (
        ENDPOINT,
        "2022-02-01-preview",
        {"properties": {"authMode": "Key"}},
        "location: missing",
    ),
    "a word that is not in its list": (
        ENDPOINT,
        "2022-02-01-preview",
        {"location": "westeurope", "properties": {"authMode": "Password"}},
        "properties.authMode: 'Password' is none of aadtoken, amltoken, key",
    ),
    "a field of another subtype": (
        JOB,
        "2024-01-01-preview",
        {"properties": {"jobType": "Pipeline", "command": "echo"}},
        "properties.command: unknown field of PipelineJob",
    ),
    "an unknown field of a step": (
        JOB,
        "2024-01-01-preview",
        {"properties": {"jobType": "Pipeline", "jobs": {"sum": {**NODE, "compute_target": "cpu"}}}},
        "properties.jobs.sum.compute_target: unknown field of a pipeline step",
    ),
    "an unknown pipeline setting": (
        JOB,
        "2024-01-01-preview",
        {
            "properties": {
                "jobType": "Pipeline",
                "jobs": {"sum": NODE},
                "settings": {"default_cluster": "cpu"},
            }
        },
        "properties.settings.default_cluster: unknown field",
    ),
    "an unknown field of an environment": (
        ENVIRONMENT,
        "2023-04-01-preview",
        {"properties": {"image": "x", "pip": "y"}},
        "properties.pip: unknown field of EnvironmentVersionProperties",
    ),
    "an unknown field of an identity": (
        IDENTITY,
        "2024-11-30",
        {"location": "x", "sku": {}},
        "sku: unknown field",
    ),
    "a principal that is no id": (
        ASSIGNMENT,
        "2022-04-01",
        {"properties": {"roleDefinitionId": "x", "principalId": "ada"}},
        "properties.principalId: 'ada' does not fit",
    ),
    "a credential without a subject": (
        f"{IDENTITY}/federatedIdentityCredentials/dev",
        "2024-11-30",
        {"properties": {"issuer": "x", "audiences": "y"}},
        "properties.subject: missing",
    ),
}


@pytest.mark.parametrize("body", BODIES)
def test_a_body_is_refused_for(azure, send, body):
    path, version, content, reason = BODIES[body]
    with azure.refusing(reason):
        send("PUT", path, version, content)


def test_the_refused_request_is_printed(azure, send):
    send(
        "PUT",
        ENDPOINT,
        "2022-02-01-preview",
        {"location": "x", "properties": {"authMode": "Key", "colour": "red"}},
    )
    (text,) = azure.cloud.refusals
    azure.cloud.refusals.clear()
    assert text.splitlines()[0] == "properties.colour: unknown field of OnlineEndpointDetails"
    assert f"PUT {MANAGEMENT}{ENDPOINT}?api-version=2022-02-01-preview" in text
    assert '"colour": "red"' in text


def test_a_test_that_leaves_a_refusal_fails(tmp_path):
    shutil.copy(HERE / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(
        "import requests\ndef test_it(azure):\n    requests.get('https://example.com', timeout=5)\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        "-q",
        "-W",
        "ignore",
        str(tmp_path),
    ]
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert re.search("1 passed,.* 1 error", done.stdout)
    assert "outside the contract" in done.stdout
    assert "GET https://example.com/" in done.stdout


def test_a_bug_of_the_emulator_is_not_mistaken_for_an_answer(azure, send):
    azure.cloud.quota = None
    with azure.refusing("a bug of the emulator"):
        send(
            "GET",
            f"{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/locations/x/usages",
            "2024-10-01",
        )


@pytest.mark.parametrize(
    ("path", "version", "name_rule"),
    [
        (f"{WORKSPACE}/onlineEndpoints/-bad-", "2022-02-01-preview", "3 to 32"),
        (f"{WORKSPACE}/onlineEndpoints/ab", "2022-02-01-preview", "3 to 32"),
        (f"{WORKSPACE}/jobs/no spaces", "2024-01-01-preview", "letters, digits"),
        (f"{WORKSPACE}/environments/a$b/versions/1", "2023-04-01-preview", "letters, digits"),
        (f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/x", "2024-11-30", "not valid"),
        (f"{GROUP}/Microsoft.Authorization/roleAssignments/first", "2022-04-01", "must be a GUID"),
    ],
)
def test_names_obey_the_service(send, path, version, name_rule):
    bodies = {
        "onlineEndpoints": {"location": "westeurope", "properties": {"authMode": "Key"}},
        "jobs": {"properties": {"jobType": "Pipeline", "jobs": {}}},
        "environments": {"properties": {"image": "x"}},
        "userAssignedIdentities": {"location": "westeurope"},
        "roleAssignments": {"properties": {"roleDefinitionId": "x", "principalId": SUBSCRIPTION.rsplit("/", 1)[1]}},
    }
    kind = next(kind for kind in bodies if f"/{kind}/" in path)
    answer = send("PUT", path, version, bodies[kind])
    assert answer.status_code == 400
    assert name_rule in answer.json()["error"]["message"]
