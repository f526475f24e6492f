"""Mistakes as people make them, one edit each. Every one of them has to be noticed."""

from __future__ import annotations

from typing import NamedTuple


class Seed(NamedTuple):
    """Replace `old`, which is in the file once, by `new`."""

    title: str
    file: str
    old: str
    new: str


MAIN, STORAGE, VAULT = "main.bicep", "modules/storage.bicep", "modules/vault.bicep"
WORKSPACE, CLUSTER, IDENTITY = "modules/workspace.bicep", "modules/cluster.bicep", "modules/identity.bicep"
CONTAINERS, PLATFORM, BUDGET = "modules/container-registry.bicep", "modules/platform.bicep", "modules/budget.bicep"
MONITORING, ROLE, ACCESS = "modules/monitoring.bicep", "modules/group-role.bicep", "modules/private-access.bicep"
MODELS, DEV, PROD, ROLES = "modules/model-registry.bicep", "dev.bicepparam", "prod.bicepparam", "roles.json"

DEPLOYERS = "deployers.bicep"

SEEDS = (
    # -- syntax
    Seed("an unbalanced brace", STORAGE, "    name: 'Standard_LRS'\n  }", "    name: 'Standard_LRS'\n"),
    Seed("a string without its end", VAULT, "name: 'standard'", "name: 'standard"),
    Seed("a colon where an equals sign belongs", MAIN, "param clusterNodes int = 2", "param clusterNodes int: 2"),
    Seed("two properties in one line", BUDGET, "    category: 'Cost'\n", "    category: 'Cost' "),
    Seed(
        "double quotes",
        CONTAINERS,
        "bypassOptions: 'AzureServices'".replace("b", "B", 1),
        'BypassOptions: "AzureServices"',
    ),
    Seed("a loop without its bracket", IDENTITY, "  }\n]\n\noutput clientId", "  }\n\noutput clientId"),
    Seed("a misspelt keyword", MAIN, "var stem = take", "variable stem = take"),
    Seed(
        "a resource without an equals sign", STORAGE, "storageAccounts@2025-01-01' = {", "storageAccounts@2025-01-01' {"
    ),
    # -- types and versions
    Seed(
        "a misspelt resource type", STORAGE, "Microsoft.Storage/storageAccounts@", "Microsoft.Storage/storageAccount@"
    ),
    Seed("a version that does not exist", VAULT, "vaults@2024-11-01", "vaults@2024-11-31"),
    Seed("a resource without version", MONITORING, "components@2020-02-02", "components"),
    Seed("another letter case in a type", CONTAINERS, "ContainerRegistry/registries", "ContainerRegistry/Registries"),
    # -- bodies
    Seed("a misspelt property", STORAGE, "allowSharedKeyAccess", "allowSharedKeysAccess"),
    Seed(
        "a property at the wrong level",
        VAULT,
        "  properties: {\n    tenantId",
        "  enableRbacAuthorization: true\n  properties: {\n    tenantId",
    ),
    Seed("a required property is missing", STORAGE, "  sku: {\n    name: 'Standard_LRS'\n  }\n", ""),
    Seed("a required property inside is missing", VAULT, "      family: 'A'\n", ""),
    Seed("a wrong enumeration value", STORAGE, "'TLS1_2'", "'TLS_1_2'"),
    Seed(
        "an enumeration in another letter case", WORKSPACE, "'AllowOnlyApprovedOutbound'", "'allowOnlyApprovedOutbound'"
    ),
    Seed("text where a truth value belongs", CONTAINERS, "adminUserEnabled: false", "adminUserEnabled: 'false'"),
    Seed("text where a number belongs", CLUSTER, "minNodeCount: 0", "minNodeCount: '0'"),
    Seed(
        "an object where a list belongs",
        BUDGET,
        "        contactRoles: [\n          'Owner'\n        ]\n      }\n      expected",
        "        contactRoles: {\n          owner: 'Owner'\n        }\n      }\n      expected",
    ),
    Seed(
        "a read-only property", WORKSPACE, "    v1LegacyMode: false", "    v1LegacyMode: false\n    workspaceId: name"
    ),
    Seed("a property twice", CLUSTER, "      osType: 'Linux'\n", "      osType: 'Linux'\n      osType: 'Linux'\n"),
    Seed("a wrong discriminator", CLUSTER, "computeType: 'AmlCompute'", "computeType: 'AMLCompute'"),
    Seed("a discriminator is missing", WORKSPACE, "      type: 'FQDN'\n", ""),
    Seed(
        "a number outside its range",
        STORAGE,
        "  properties: {\n    deleteRetentionPolicy: {\n      enabled: true\n      days: 7",
        "  properties: {\n    deleteRetentionPolicy: {\n      enabled: true\n      days: 400",
    ),
    Seed(
        "a whole number is quoted by a variable", MONITORING, "retentionInDays: days", "retentionInDays: '${days} days'"
    ),
    # -- parameters, variables, references
    Seed("an undefined variable", MAIN, "    tags: tags\n    trusts", "    tags: tag\n    trusts"),
    Seed("an undefined resource", MONITORING, "WorkspaceResourceId: logs.id", "WorkspaceResourceId: log.id"),
    Seed("a symbol twice", STORAGE, "var workspaceRoles = [", "var roles = [\n  'x'\n]\nvar workspaceRoles = ["),
    Seed("an unused parameter", CLUSTER, "param size string\n", "param size string\nparam priority string\n"),
    Seed("an unused variable", MAIN, "var suffix", "var prefix = 'tdsp'\nvar suffix"),
    Seed("a parameter of an unknown type", CONTAINERS, "param premium bool", "param premium boolean"),
    Seed("a default of the wrong type", MAIN, "param createCluster bool = true", "param createCluster bool = 'true'"),
    Seed("a default outside the limits", MAIN, "param clusterNodes int = 2", "param clusterNodes int = 200"),
    Seed("a default that is not allowed", MAIN, "param env string\n", "param env string = 'test'\n"),
    Seed("a default that needs a variable", MAIN, "param owner string = ''", "param owner string = stem"),
    Seed(
        "a variable made from itself", MAIN, "var stem = take(compact, 10)", "var stem = take('${stem}${compact}', 10)"
    ),
    Seed("a decorator that does not exist", MAIN, "@maxLength(40)", "@maximumLength(40)"),
    Seed("a decorator for another type", MAIN, "@minLength(1)", "@minValue(1)"),
    Seed("a decorator for loops before no loop", IDENTITY, "resource identity", "@batchSize(1)\nresource identity"),
    Seed("an unknown function", MAIN, "take(compact, 10)", "left(compact, 10)"),
    Seed("a function with too few arguments", MAIN, "replace(slug, '-', '')", "replace(slug, '-')"),
    Seed("a function with the wrong argument", ACCESS, "split(subnetId, '/'), 9", "subnetId, 9"),
    Seed(
        "a property that a resource does not have",
        IDENTITY,
        "identity.properties.clientId",
        "identity.properties.clientID",
    ),
    Seed("a condition that can never hold", MAIN, "env == 'prod'", "env == 'production'"),
    Seed(
        "a value known only later as a name",
        ROLE,
        "name: guid(toLower(resourceGroup().id), principalId, roleId)",
        "name: reference(resourceGroup().id).name",
    ),
    Seed(
        "a budget that begins anew each month",
        MAIN,
        "param budgetStart string\n",
        "param budgetStart string = '${utcNow('yyyy-MM')}-01T00:00:00Z'\n",
    ),
    Seed("a budget that begins in the middle of a month", DEV, "-01T00:00:00Z", "-15T00:00:00Z"),
    Seed("a clock outside a default", MAIN, "'tdsp.owner': owner", "'tdsp.owner': utcNow()"),
    # -- modules
    Seed("a module file that is not there", MAIN, "'modules/budget.bicep'", "'modules/budgets.bicep'"),
    Seed("a module parameter is missing", PLATFORM, "    days: vaultDays\n", ""),
    Seed("a module parameter is misspelt", MAIN, "    amount: monthlyBudget", "    amounts: monthlyBudget"),
    Seed("a module parameter of the wrong type", MAIN, "    nodes: clusterNodes", "    nodes: '${clusterNodes}'"),
    Seed(
        "an output that a module does not have",
        PLATFORM,
        "insightsId: monitoring.outputs.insightsId",
        "insightsId: monitoring.outputs.appInsightsId",
    ),
    Seed(
        "a module for another scope", BUDGET, "param name string", "targetScope = 'subscription'\n\nparam name string"
    ),
    Seed("two modules need each other", PLATFORM, "    logsName: names.logs", "    logsName: storage.outputs.id"),
    Seed("two deployments of one name", PLATFORM, "'${deployment().name}-vault'", "'${deployment().name}-storage'"),
    # -- parents and scopes
    Seed(
        "a child of the wrong parent", CLUSTER, "  parent: workspace\n  name: name", "  parent: cluster\n  name: name"
    ),
    Seed("a child without parent", STORAGE, "  parent: account\n", ""),
    Seed("a scope on what cannot have one", MONITORING, "  kind: 'web'\n", "  kind: 'web'\n  scope: logs\n"),
    Seed("a dependency on nothing", MAIN, "  dependsOn: [\n    platform", "  dependsOn: [\n    platforms"),
    Seed(
        "a dependency that is there anyway",
        STORAGE,
        "  name: 'audit'\n  scope: blobs\n",
        "  name: 'audit'\n  scope: blobs\n  dependsOn: [\n    blobs\n  ]\n",
    ),
    Seed("an index into no loop", ACCESS, "parent: endpoints[i]", "parent: endpoints"),
    # -- names, places, roles
    Seed("a name that gets too long", MAIN, "'st${stem}${env}${suffix}'", "'st${compact}${env}${suffix}'"),
    Seed("a guard that is too tight", CONTAINERS, "@maxLength(50)", "@maxLength(24)"),
    Seed("a guard that is gone", STORAGE, "@maxLength(24)\n", ""),
    Seed(
        "a hyphen where none is allowed",
        MAIN,
        "'cr${take(compact, 38)}${env}${suffix}'",
        "'cr-${take(compact, 37)}${env}${suffix}'",
    ),
    Seed("two hyphens in a vault's name", MAIN, "'kv-${stem}-${env}-${suffix}'", "'kv--${stem}${env}${suffix}'"),
    Seed("a location written by hand", VAULT, "  location: location", "  location: 'westeurope'"),
    Seed(
        "an address written by hand",
        ACCESS,
        "privatelink.blob.${environment().suffixes.storage}",
        "privatelink.blob.core.windows.net",
    ),
    Seed(
        "a workspace that is there is made again",
        MAIN,
        "empty(workspaceName) || workspaceName == ownWorkspace",
        "true",
    ),
    Seed("somebody's cluster is made again", MAIN, "if (createCluster && createWorkspace)", "if (createCluster)"),
    Seed("a wrong role id", ROLES, "7f951dda-4ed3-4680-a7ca-43fe172d538d", "7f951dda-4ed3-4680-a7ca-43fe172d538e"),
    Seed("a role that is not in the list", MAIN, "  roles.AcrPull\n", "  roles.AcrPuller\n"),
    Seed("a role that a deployer may not give", DEPLOYERS, "role => role.value", "role => role.key"),
    Seed("a planner who may write", DEPLOYERS, "          '*/read'\n", "          '*/read'\n          '*/write'\n"),
    Seed(
        "a deployer without limits",
        DEPLOYERS,
        "'@Request[${attributes}:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${givable}} AND ",
        "'",
    ),
    Seed(
        "a role with too much power",
        STORAGE,
        "roles['Storage File Data Privileged Contributor']",
        "roles['Key Vault Administrator']",
    ),
    # -- secrets and safety
    Seed(
        "a key in an output",
        STORAGE,
        "output id string = account.id",
        "output id string = account.id\noutput key string = account.listKeys().keys[0].value",
    ),
    Seed(
        "a connection string in an output",
        MONITORING,
        "output logsId",
        "output link string = insights.properties.ConnectionString\noutput logsId",
    ),
    Seed(
        "a secret parameter without protection",
        IDENTITY,
        "param tags object",
        "param tags object\nparam clientSecret string = ''\noutput used bool = empty(clientSecret)",
    ),
    Seed(
        "a secret with a default",
        IDENTITY,
        "param tags object",
        "param tags object\n@secure()\nparam code string = 'hunter2'\nvar unused = code",
    ),
    Seed("keys are allowed again", STORAGE, "allowSharedKeyAccess: false", "allowSharedKeyAccess: true"),
    Seed("the registry has an admin", CONTAINERS, "adminUserEnabled: false", "adminUserEnabled: true"),
    Seed("the vault can be purged", VAULT, "    enablePurgeProtection: true\n", ""),
    Seed("the cluster never sleeps", CLUSTER, "minNodeCount: 0", "minNodeCount: 1"),
    # -- parameter files
    Seed("a parameter is not given", DEV, "param slug = facts.project.slug\n", ""),
    Seed("a parameter that does not exist", PROD, "param logDays = 90", "param logsDays = 90"),
    Seed("a parameter of the wrong type in a file", PROD, "param clusterNodes = 4", "param clusterNodes = '4'"),
    Seed("a value that is not allowed in a file", DEV, "param env = 'dev'", "param env = 'test'"),
    Seed("a parameter file for nothing", DEV, "using 'main.bicep'", "using 'mian.bicep'"),
    Seed(
        "a fact that project.yml does not have",
        PROD,
        "facts.environments.prod.region",
        "facts.environments.prod.location",
    ),
    # -- values of the right type in the wrong place
    Seed("who looks ahead is trusted as who deploys", DEPLOYERS, "subject: planSubject", "subject: deploySubject"),
    Seed(
        "a role of the same id in every group",
        DEPLOYERS,
        "guid(resourceGroup().id, slug, env, 'l",
        "guid(slug, env, 'l",
    ),
    Seed(
        "a client id for a role",
        MAIN,
        "      principalId: identity.outputs.principalId",
        "      principalId: identity.outputs.clientId",
    ),
    Seed("an object id for a client id", DEPLOYERS, "= deployer.outputs.clientId", "= deployer.outputs.principalId"),
    Seed(
        "a client id for an object id",
        DEPLOYERS,
        "lanPrincipalId : planner!.outputs.principalId",
        "lanPrincipalId : planner!.outputs.clientId",
    ),
    Seed("a client id for a tenant", DEPLOYERS, "deployer.outputs.tenantId", "deployer.outputs.clientId"),
    Seed(
        "who looks ahead reads data", DEPLOYERS, "        actions: [", "        dataActions: ['*']\n        actions: ["
    ),
    Seed("a subject that nobody has", IDENTITY, "subject: item.subject", "subject: item.name"),
    Seed("a log of the account, which has none", STORAGE, "scope: blobs", "scope: account"),
    Seed("a basic registry for an isolated workspace", PLATFORM, "premium: hidden || isolated", "premium: hidden"),
    Seed("hidden because it is isolated", PLATFORM, "var hidden = !empty(subnetId)", "var hidden = isolated"),
    Seed("no way in without isolation", PLATFORM, "= if (hidden) {", "= if (hidden && isolated) {"),
    Seed("approved hosts of no network", WORKSPACE, "in approvedHosts: if (isolated) {", "in approvedHosts: {"),
    Seed("a cluster that nobody wants", MAIN, "if (createCluster && createWorkspace)", "if (createWorkspace)"),
    Seed("images on a cluster that is not there", MAIN, "isolated && createCluster ?", "isolated ?"),
)
