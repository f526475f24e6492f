// Who may deploy main.bicep from a workflow. An Owner of the resource group deploys this file by hand, once for each
// environment: no workflow may change what it is allowed to do itself.

targetScope = 'resourceGroup'

@description('Short name of the project, as in project.yml.')
@minLength(1)
@maxLength(40)
param slug string

@description('Which environment this is.')
@allowed([
  'dev'
  'prod'
])
param env string

@description('Region of the identities.')
param location string = resourceGroup().location

@description('Who issues the tokens of workflows.')
param issuer string = 'https://token.actions.githubusercontent.com'

@description('Subject of the job that deploys, such as repo:OWNER@1/REPOSITORY@2:environment:dev-infra. No other identity may trust it.')
@minLength(1)
param deploySubject string

@description('Subject of the job that shows what would change, such as repo:OWNER@1/REPOSITORY@2:pull_request. A repository has one such identity: give this for the first environment.')
param planSubject string = ''

@description('Object id of that identity: give this for the second environment, instead of the subject.')
param planPrincipalId string = ''

var roles = loadJsonContent('roles.json')
var tags = {
  'tdsp.project': slug
  'tdsp.environment': env
}
var write = 'Microsoft.Authorization/roleAssignments/write'
var delete = 'Microsoft.Authorization/roleAssignments/delete'
var attributes = 'Microsoft.Authorization/roleAssignments'
var givable = join(map(items(roles), role => role.value), ', ')

// Only roles that main.bicep gives, and only to identities.
var whenGiven = '@Request[${attributes}:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${givable}} AND @Request[${attributes}:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {\'ServicePrincipal\'}'
var whenTaken = '@Resource[${attributes}:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${givable}} AND @Resource[${attributes}:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {\'ServicePrincipal\'}'

module deployer 'modules/identity.bicep' = {
  name: 'tdsp-${env}-deployer'
  params: {
    name: 'id-${slug}-${env}-deploy'
    location: location
    tags: tags
    trusts: [
      {
        name: 'infra-${env}'
        issuer: issuer
        subject: deploySubject
      }
    ]
  }
}

module planner 'modules/identity.bicep' = if (!empty(planSubject)) {
  name: 'tdsp-${env}-planner'
  params: {
    name: 'id-${slug}-${env}-plan'
    location: location
    tags: tags
    trusts: [
      {
        name: 'plan-${env}'
        issuer: issuer
        subject: planSubject
      }
    ]
  }
}

module mayMake 'modules/group-role.bicep' = {
  name: 'tdsp-${env}-deployer-makes'
  params: {
    principalId: deployer.outputs.principalId
    roleId: roles.Contributor
  }
}

module mayGive 'modules/group-role.bicep' = {
  name: 'tdsp-${env}-deployer-gives'
  params: {
    principalId: deployer.outputs.principalId
    roleId: 'f58310d9-a9f6-439a-9e8d-f62e7b41a168' // Role Based Access Control Administrator
    condition: '((!(ActionMatches{\'${write}\'})) OR (${whenGiven})) AND ((!(ActionMatches{\'${delete}\'})) OR (${whenTaken}))'
  }
}

// Azure has no role of its own for asking what would change: reading, and the deployment as such, but no resource in it.
resource looksAhead 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, slug, env, 'looks-ahead')
  properties: {
    roleName: 'What-if of ${slug} in ${env} (${uniqueString(resourceGroup().id)})'
    description: 'Read everything, and ask what a deployment would change.'
    type: 'CustomRole'
    assignableScopes: [
      resourceGroup().id
    ]
    permissions: [
      {
        actions: [
          '*/read'
          'Microsoft.Resources/deployments/validate/action'
          'Microsoft.Resources/deployments/whatIf/action'
          'Microsoft.Resources/deployments/write'
        ]
      }
    ]
  }
}

module mayLookAhead 'modules/group-role.bicep' = if (!empty(planSubject) || !empty(planPrincipalId)) {
  name: 'tdsp-${env}-planner-looks-ahead'
  params: {
    principalId: empty(planPrincipalId) ? planner!.outputs.principalId : planPrincipalId
    roleId: looksAhead.name
  }
}

@description('The variable AZURE_INFRA_CLIENT_ID_DEV, for prod AZURE_INFRA_CLIENT_ID_PROD, of the repository.')
output deployClientId string = deployer.outputs.clientId

@description('The variable AZURE_PLAN_CLIENT_ID of the repository: pull requests have no environment.')
output planClientId string = empty(planSubject) ? '' : planner!.outputs.clientId

@description('For `planPrincipalId`, when the second environment follows.')
output planPrincipalId string = empty(planSubject) ? planPrincipalId : planner!.outputs.principalId

@description('The variable AZURE_PLAN_TENANT_ID of the repository.')
output tenantId string = deployer.outputs.tenantId
