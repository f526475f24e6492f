"""GitHub's interface, as far as wiring a project needs it."""

import pytest
import requests

API = "https://api.github.com"


@pytest.fixture
def github(azure):
    """The emulated GitHub with one repository."""
    azure.cloud.github.add("demo")
    return azure.cloud.github


@pytest.fixture
def ask(github):
    """Send a request as the signed-in user."""

    def ask(method, path, body=None, token=None):
        headers = {"Authorization": f"Bearer {token or github.token}"}
        return requests.request(method, f"{API}{path}", json=body, headers=headers, timeout=5)

    return ask


def test_a_wrong_token_is_refused(ask):
    assert ask("GET", "/user").json()["login"] == "ada"
    assert ask("GET", "/user", token="wrong").status_code == 401


def test_the_subject_of_a_new_repository_has_numbers_beside_a_false_flag(ask, github):
    path = "/actions/oidc/customization/sub"
    found = ask("GET", f"/repos/ada/demo{path}").json()
    assert found == {"use_default": True, "use_immutable_subject": False, "sub_claim_prefix": "repo:ada@11/demo@1000"}
    github.add("old", immutable=False)
    assert "sub_claim_prefix" not in ask("GET", f"/repos/ada/old{path}").json()


def test_a_repository_is_made_once(ask):
    assert ask("POST", "/user/repos", {"name": "new", "private": True}).status_code == 201
    assert ask("POST", "/user/repos", {"name": "new"}).status_code == 422
    assert ask("GET", "/repos/ada/new").json()["private"] is True
    assert ask("GET", "/repos/ada/nowhere").status_code == 404


def test_an_environment_is_replaced_whole(ask):
    path = "/repos/ada/demo/environments/prod"
    policy = {"protected_branches": False, "custom_branch_policies": True}
    wanted = {"reviewers": [{"type": "User", "id": 12}], "deployment_branch_policy": policy}
    kinds = {rule["type"] for rule in ask("PUT", path, wanted).json()["protection_rules"]}
    assert kinds == {"required_reviewers", "branch_policy"}
    assert ask("POST", f"{path}/deployment-branch-policies", {"name": "main"}).status_code == 200
    assert ask("POST", f"{path}/deployment-branch-policies", {"name": "main"}).status_code == 303
    assert ask("PUT", path, {}).json()["protection_rules"] == []
    assert ask("PUT", path, {"reviewers": [{"type": "User", "id": 999}]}).status_code == 422


def test_variables_are_made_then_changed(ask):
    ask("PUT", "/repos/ada/demo/environments/dev", {})
    path = "/repos/ada/demo/environments/dev/variables"
    assert ask("POST", path, {"name": "AZURE_CLIENT_ID", "value": "one"}).status_code == 201
    assert ask("POST", path, {"name": "AZURE_CLIENT_ID", "value": "two"}).status_code == 409
    assert ask("PATCH", f"{path}/AZURE_CLIENT_ID", {"value": "two"}).status_code == 204
    assert ask("GET", f"{path}/AZURE_CLIENT_ID").json()["value"] == "two"
    assert ask("POST", path, {"name": "GITHUB_TOKEN", "value": "x"}).status_code == 422
    assert ask("GET", "/repos/ada/demo/actions/variables").json()["total_count"] == 0


def test_a_private_repository_on_the_free_plan_has_no_reviewers_and_no_rulesets(ask, github):
    github.add("poor", private=True, plan="free")
    policy = {"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}}
    for wanted in ({"reviewers": [{"type": "User", "id": 12}]}, {"wait_timer": 5}, policy):
        assert ask("PUT", "/repos/ada/poor/environments/prod", wanted).status_code == 422
    assert ask("PUT", "/repos/ada/poor/environments/prod", {}).status_code == 200
    assert ask("GET", "/repos/ada/poor/rulesets").status_code == 403


def test_reviewers_of_a_private_repository_take_an_organization_on_enterprise(ask, github):
    wanted = {"reviewers": [{"type": "User", "id": 12}]}
    for name, options in (("pro", {}), ("team", {"plan": "team", "organization": True})):
        github.add(name, private=True, **options)
        assert ask("PUT", f"/repos/ada/{name}/environments/prod", wanted).status_code == 422
        assert ask("GET", f"/repos/ada/{name}/rulesets").status_code == 200
    github.add("large", private=True, organization=True)
    assert ask("PUT", "/repos/ada/large/environments/prod", wanted).status_code == 200


def test_a_ruleset_is_made_once_and_changed(ask):
    rules = {"name": "main", "enforcement": "active", "rules": [{"type": "deletion"}]}
    made = ask("POST", "/repos/ada/demo/rulesets", rules)
    assert made.status_code == 201
    assert ask("POST", "/repos/ada/demo/rulesets", rules).status_code == 422
    path = f"/repos/ada/demo/rulesets/{made.json()['id']}"
    assert ask("PUT", path, {**rules, "enforcement": "disabled"}).json()["enforcement"] == "disabled"
    assert ask("DELETE", path).status_code == 204


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"type": "no_such_rule"}, "unknown type no_such_rule"),
        ({"type": "pull_request", "parameters": {"required_approving_review_count": 1}}, "on_push: missing"),
        ({"type": "required_status_checks", "parameters": {"required_status_checks": ["x"]}}, "is not an object"),
    ],
)
def test_a_rule_in_another_form_than_the_published_one_is_refused(azure, ask, rule, said):
    with azure.refusing(said):
        ask("POST", "/repos/ada/demo/rulesets", {"name": "main", "enforcement": "active", "rules": [rule]})


def test_who_may_only_write_cannot_change_settings(ask, github):
    github.permission = "write"
    assert ask("PUT", "/repos/ada/demo/environments/prod", {}).status_code == 403
    github.permission = "none"
    assert ask("GET", "/repos/ada/demo").status_code == 404


def test_a_secret_cannot_be_stored(azure, ask):
    with azure.refusing("unknown route /repos/ada/demo/actions/secrets/KEY"):
        ask("PUT", "/repos/ada/demo/actions/secrets/KEY", {"encrypted_value": "x", "key_id": "1"})
    with azure.refusing("colour: unknown field"):
        ask("PUT", "/repos/ada/demo/environments/dev", {"colour": "red"})
