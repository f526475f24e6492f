// Everything that one environment needs around its models. README.md beside this file says what each part is for, who
// gets which role, and what a month costs.

targetScope = 'resourceGroup'

@description('Short name of the project, as in project.yml. Every name is made from it.')
@minLength(1)
@maxLength(40)
param slug string

@description('Which environment this is.')
@allowed([
  'dev'
  'prod'
])
param env string

@description('Region of all resources.')
param location string = resourceGroup().location

@description('Who answers for the project: a tag on every resource.')
param owner string = ''

@description('Name of the workspace. Empty, or the name that is made from the slug: it is made, with storage, vault, registry and logs. Any other: that workspace, in this resource group, is used and left as it is.')
@maxLength(33)
param workspaceName string = ''

@description('Who may become the workflows\' identity without a password, each by an issuer and a subject. For GitHub, `tdsp connect` makes this trust itself; see README.md.')
param trusts {
  name: string
  issuer: string
  subject: string
}[] = []

@description('Whether to make a cluster in the workspace that is made. `tdsp submit` uses serverless compute unless told otherwise.')
param createCluster bool = true

@description('Size of the cluster\'s machines.')
param clusterSize string = 'Standard_DS3_v2'

@description('Most machines that may run at the same time. The fewest is zero: an idle cluster costs nothing.')
@minValue(1)
@maxValue(50)
param clusterNodes int = 2

@description('Whether jobs and endpoints run in a network that Azure ML manages, and reach only what was approved.')
param isolated bool = false

@description('Hosts that jobs in the managed network may reach beside Azure\'s own. The first one starts a firewall, which costs money every hour.')
param approvedHosts string[] = []

@description('Resource id of the subnet from which people and workflows reach the workspace. Given: workspace, storage, vault and registry refuse every other way in. Empty: they answer on public addresses, to signed-in callers.')
param subnetId string = ''

@description('Whether to make a registry from which several workspaces take models.')
param createModelRegistry bool = false

@description('Days for which logs are kept.')
@minValue(30)
@maxValue(730)
param logDays int = 30

@description('What a month may cost, in the currency of the subscription. 0: no budget and no warning.')
@minValue(0)
param monthlyBudget int = 100

@description('E-mail addresses that are warned, beside the owners of the resource group.')
param budgetContacts string[] = []

@description('First day of the budget: the first of the month in which it is made. It has to stay what it was: Azure refuses another first day for a budget that is there.')
@minLength(20)
@maxLength(20)
param budgetStart string

// Names. hooks/pre_gen_project.py of the template refuses a slug from which one of them would be invalid; a test keeps
// the two rules equal. The suffix makes them unique in the world, for this resource group, project and environment.
var suffix = take(uniqueString(resourceGroup().id, slug, env), 5)
var compact = replace(slug, '-', '')
var stem = take(compact, 10)
var ownWorkspace = 'mlw-${take(compact, 18)}-${env}-${suffix}'
// What somebody else made is never overwritten: only a workspace that has the name from here is ours to make,
// and a cluster only in that one: `cpu-cluster` is what most people call theirs.
var createWorkspace = empty(workspaceName) || workspaceName == ownWorkspace
var names = {
  workspace: createWorkspace ? ownWorkspace : workspaceName
  storage: 'st${stem}${env}${suffix}'
  vault: 'kv-${stem}-${env}-${suffix}'
  containers: 'cr${take(compact, 38)}${env}${suffix}'
  logs: 'log-${slug}-${env}'
  insights: 'appi-${slug}-${env}'
  identity: 'id-${slug}-${env}'
  workspaceIdentity: 'id-${slug}-${env}-workspace'
  cluster: 'cpu-cluster'
  modelRegistry: 'mlr-${take(compact, 18)}-${env}-${suffix}'
  budget: 'budget-${slug}-${env}'
}
var tags = {
  'tdsp.project': slug
  'tdsp.environment': env
  'tdsp.owner': owner
}

// What each identity may do on the resource group. README.md says why; src/tdsp/azure/identity.py gives the workflows
// the same two roles under the same names, so it does not matter which of the two comes first.
var roles = loadJsonContent('roles.json')
var workflowRoles = [
  roles['AzureML Data Scientist']
  roles['Storage Blob Data Contributor']
]
var clusterRoles = [
  roles.AcrPull
  roles['AzureML Data Scientist']
  roles['Storage Blob Data Contributor']
]

module identity 'modules/identity.bicep' = {
  name: 'tdsp-${env}-identity'
  params: {
    name: names.identity
    location: location
    tags: tags
    trusts: trusts
  }
}

module workflowRole 'modules/group-role.bicep' = [
  for (roleId, i) in workflowRoles: {
    name: 'tdsp-${env}-workflow-role-${i}'
    params: {
      principalId: identity.outputs.principalId
      roleId: roleId
    }
  }
]

module platform 'modules/platform.bicep' = if (createWorkspace) {
  name: 'tdsp-${env}-platform'
  params: {
    names: names
    location: location
    tags: tags
    isolated: isolated
    approvedHosts: approvedHosts
    subnetId: subnetId
    imageBuildCluster: isolated && createCluster ? names.cluster : ''
    vaultDays: env == 'prod' ? 90 : 7
    logDays: logDays
  }
}

module cluster 'modules/cluster.bicep' = if (createCluster && createWorkspace) {
  name: 'tdsp-${env}-cluster'
  params: {
    name: names.cluster
    workspaceName: names.workspace
    location: location
    tags: tags
    size: clusterSize
    nodes: clusterNodes
    roleIds: clusterRoles
  }
  dependsOn: [
    platform
  ]
}

module modelRegistry 'modules/model-registry.bicep' = if (createModelRegistry) {
  name: 'tdsp-${env}-model-registry'
  params: {
    name: names.modelRegistry
    location: location
    tags: tags
    principalId: identity.outputs.principalId
  }
}

module budget 'modules/budget.bicep' = if (monthlyBudget > 0) {
  name: 'tdsp-${env}-budget'
  params: {
    name: names.budget
    amount: monthlyBudget
    start: budgetStart
    contacts: budgetContacts
  }
}

@description('Name of the workspace: write it into environments.<env>.workspace of project.yml.')
output workspaceName string = names.workspace

@description('Client id of the workflows\' identity: the GitHub variable AZURE_CLIENT_ID. `tdsp connect` sets it.')
output clientId string = identity.outputs.clientId

@description('Tenant of that identity: the GitHub variable AZURE_TENANT_ID.')
output tenantId string = identity.outputs.tenantId
