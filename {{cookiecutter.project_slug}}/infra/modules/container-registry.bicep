// Where the images of environments and endpoints lie. There is no admin user: identities pull and push.

@minLength(5)
@maxLength(50)
param name string
param location string
param tags object

@description('Whether the registry has to take private endpoints, which only the premium tier does.')
param premium bool

@description('Whether only private endpoints lead here.')
param hidden bool

@description('Object id of the workspace\'s identity.')
param principalId string

@description('Resource id of the Log Analytics workspace.')
param logsId string

var roles = loadJsonContent('../roles.json')

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: premium ? 'Premium' : 'Basic'
  }
  properties: {
    adminUserEnabled: false
    networkRuleBypassOptions: 'AzureServices'
    publicNetworkAccess: hidden ? 'Disabled' : 'Enabled'
  }
}

resource workspaceMayChange 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, principalId, roles.Contributor)
  scope: registry
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.Contributor)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: registry
  properties: {
    workspaceId: logsId
    logs: [
      {
        categoryGroup: 'audit'
        enabled: true
      }
    ]
  }
}

output id string = registry.id
