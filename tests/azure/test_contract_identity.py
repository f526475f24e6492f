"""Sign-in, roles and federated credentials, as azure-identity and plain requests meet them."""

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientAssertionCredential, ClientSecretCredential
from emulator.directory import TENANT, Principal
from emulator.github import ISSUER

MANAGEMENT = "https://management.azure.com"
AUDIENCE = "api://AzureADTokenExchange"


@pytest.fixture
def arm(azure):
    """Send requests to Azure Resource Manager as somebody."""

    def arm(method, path, version, body=None, who=None, **query):
        token = azure.cloud.directory.token(who or azure.cloud.user, MANAGEMENT)
        return requests.request(
            method,
            f"{MANAGEMENT}/subscriptions/{azure.cloud.subscription}{path}",
            params={"api-version": version, **query},
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=5,
        )

    return arm


GROUP = "/resourceGroups/rg/providers"
IDENTITY = f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/ci-demo"
ROLES = f"{GROUP}/Microsoft.Authorization/roleAssignments"
SCIENTIST = "/providers/Microsoft.Authorization/roleDefinitions/f6c7c914-8db3-469d-8ca1-694a8f32e121"


@pytest.fixture
def identity(arm):
    """A managed identity."""
    answer = arm("PUT", IDENTITY, "2024-11-30", {"location": "westeurope"})
    assert answer.status_code == 201
    return answer.json()["properties"]


def trust(arm, name, subject):
    body = {"properties": {"issuer": ISSUER, "subject": subject, "audiences": [AUDIENCE]}}
    return arm("PUT", f"{IDENTITY}/federatedIdentityCredentials/{name}", "2024-11-30", body)


def sign_in(identity, assertion):
    credential = ClientAssertionCredential(TENANT, identity["clientId"], lambda: assertion)
    return credential.get_token("https://management.azure.com/.default").token


def test_a_workflow_signs_in_with_the_subject_that_github_gives_it(azure, arm, identity):
    repository = azure.cloud.github.add("demo")
    trust(arm, "dev", f"{repository.prefix}:environment:dev")
    assert sign_in(identity, azure.cloud.github.assertion(repository, "dev"))


@pytest.mark.parametrize(
    ("subject", "environment"),
    [("repo:ada/demo:environment:dev", "dev"), ("repo:ada@11/demo@1000:environment:dev", "prod")],
    ids=["the name form on a new repository", "another environment"],
)
def test_another_subject_is_refused(azure, arm, identity, subject, environment):
    repository = azure.cloud.github.add("demo")
    trust(arm, "dev", subject)
    with pytest.raises(ClientAuthenticationError, match="AADSTS700213"):
        sign_in(identity, azure.cloud.github.assertion(repository, environment))


def test_an_identity_without_credentials_refuses_everybody(azure, identity):
    repository = azure.cloud.github.add("demo")
    with pytest.raises(ClientAuthenticationError, match="AADSTS70025"):
        sign_in(identity, azure.cloud.github.assertion(repository, "dev"))


def test_a_wrong_secret_is_refused(azure):
    robot = azure.cloud.directory.add(Principal("robot", "ServicePrincipal", secret="right"))
    for secret in ("right", "wrong"):
        credential = ClientSecretCredential(TENANT, robot.client_id, secret)
        if secret == "right":
            assert credential.get_token("https://management.azure.com/.default").token
        else:
            with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
                credential.get_token("https://management.azure.com/.default")


def test_an_identity_keeps_its_ids_when_it_is_made_again(arm, identity):
    again = arm("PUT", IDENTITY, "2024-11-30", {"location": "westeurope", "tags": {"a": "b"}})
    assert again.status_code == 200
    assert again.json()["properties"] == identity


@pytest.mark.usefixtures("identity")
def test_two_credentials_with_one_subject_are_refused(arm):
    assert trust(arm, "one", "repo:a/b:environment:dev").status_code == 201
    assert trust(arm, "one", "repo:a/b:environment:dev").status_code == 200
    assert trust(arm, "two", "repo:a/b:environment:dev").status_code == 409


@pytest.mark.usefixtures("identity")
def test_there_are_at_most_twenty_credentials(arm):
    answers = [trust(arm, f"number{count}", f"repo:a/b:environment:{count}").status_code for count in range(21)]
    assert answers == [201] * 20 + [400]


def assign(arm, number, principal, role=SCIENTIST, **more):
    name = f"00000000-0000-4000-8000-{number:012d}"
    properties = {"roleDefinitionId": role, "principalId": principal, **more}
    return arm("PUT", f"{ROLES}/{name}", "2022-04-01", {"properties": properties})


def test_a_role_is_given_once(arm, identity):
    typed = {"principalType": "ServicePrincipal"}
    assert assign(arm, 1, identity["principalId"], **typed).status_code == 201
    assert assign(arm, 1, identity["principalId"], **typed).status_code == 200
    answer = assign(arm, 2, identity["principalId"], **typed)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "RoleAssignmentExists"


def test_a_new_principal_is_not_known_everywhere_at_once(arm, identity):
    first, second = (assign(arm, 1, identity["principalId"]) for _ in range(2))
    assert (first.status_code, first.json()["error"]["code"]) == (400, "PrincipalNotFound")
    assert second.status_code == 201


def test_unknown_principals_and_roles_are_refused(arm, identity):
    nobody = "00000000-0000-4000-8000-00000000dead"
    assert assign(arm, 1, nobody, principalType="ServicePrincipal").json()["error"]["code"] == "PrincipalNotFound"
    answer = assign(arm, 1, identity["principalId"], role=SCIENTIST[:-1] + "0", principalType="ServicePrincipal")
    assert answer.json()["error"]["code"] == "RoleDefinitionDoesNotExist"
    answer = assign(arm, 1, identity["principalId"], principalType="User")
    assert answer.json()["error"]["code"] == "UnmatchedPrincipalType"


def test_a_role_gives_what_it_says_and_no_more(azure, arm, identity):
    assign(arm, 1, identity["principalId"], principalType="ServicePrincipal")
    robot = azure.cloud.directory.get(identity["principalId"])
    workspace = f"{GROUP}/Microsoft.MachineLearningServices/workspaces/ws"
    assert arm("GET", workspace, "2024-10-01-preview", who=robot).status_code == 200
    made = {"location": "westeurope"}
    refused = arm("PUT", f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/two", "2024-11-30", made, robot)
    assert refused.status_code == 403
    assert "Managed Identity Contributor" in refused.json()["error"]["details"][0]["message"]


def test_a_contributor_cannot_give_roles(azure, arm, identity):
    guest = azure.cloud.directory.add(Principal("eve@example.com"))
    azure.cloud.access.grant(guest, "Contributor", f"/subscriptions/{azure.cloud.subscription}")
    body = {"properties": {"roleDefinitionId": SCIENTIST, "principalId": identity["principalId"]}}
    answer = arm("PUT", f"{ROLES}/00000000-0000-4000-8000-000000000001", "2022-04-01", body, guest)
    assert answer.status_code == 403
    assert "Role Based Access Control Administrator" in answer.json()["error"]["details"][0]["message"]


def test_assignments_are_listed_by_principal_and_scope(arm, identity):
    assign(arm, 1, identity["principalId"], principalType="ServicePrincipal")
    query = {"$filter": f"principalId eq '{identity['principalId']}'"}
    found = arm("GET", ROLES, "2022-04-01", **query).json()["value"]
    assert [item["properties"]["roleDefinitionId"] for item in found] == [SCIENTIST]
    assert len(arm("GET", ROLES, "2022-04-01", **{"$filter": "atScope()"}).json()["value"]) == 2
    assert arm("GET", ROLES, "2022-04-01", **{"$filter": "name eq 'x'"}).status_code == 400
    named = {"$filter": "roleName eq 'AcrPull'"}
    roles = arm("GET", f"{GROUP}/Microsoft.Authorization/roleDefinitions", "2022-04-01", **named).json()["value"]
    assert [item["properties"]["roleName"] for item in roles] == ["AcrPull"]


def test_preflight_tells_providers_cores_and_names(azure, arm):
    azure.cloud.providers["Microsoft.MachineLearningServices"] = "NotRegistered"
    path = "/providers/Microsoft.MachineLearningServices"
    states = [arm("GET", path, "2021-04-01").json()["registrationState"]]
    arm("POST", f"{path}/register", "2021-04-01")
    states += [arm("GET", path, "2021-04-01").json()["registrationState"] for _ in range(2)]
    assert states == ["NotRegistered", "Registering", "Registered"]
    azure.cloud.quota.limits["standardDSv2Family"] = 7
    usages = arm("GET", f"{path}/locations/westeurope/usages", "2024-10-01").json()["value"]
    assert {item["name"]["value"]: item["limit"] for item in usages}["standardDSv2Family"] == 7
    azure.cloud.deleted_vaults.append("demo-vault")
    check = {"name": "demo-vault", "type": "Microsoft.KeyVault/vaults"}
    vaults = "/providers/Microsoft.KeyVault"
    assert not arm("POST", f"{vaults}/checkNameAvailability", "2024-11-01", check).json()["nameAvailable"]
    assert arm("GET", f"{vaults}/deletedVaults", "2024-11-01").json()["value"][0]["name"] == "demo-vault"
    arm("POST", f"{vaults}/locations/westeurope/deletedVaults/demo-vault/purge", "2024-11-01")
    assert arm("POST", f"{vaults}/checkNameAvailability", "2024-11-01", check).json()["nameAvailable"]
