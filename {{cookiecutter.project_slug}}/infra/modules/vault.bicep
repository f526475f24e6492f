// The workspace's key vault. Roles say who may read it, and nobody can purge it before its time.

@minLength(3)
@maxLength(24)
param name string
param location string
param tags object

@description('Whether only private endpoints lead here.')
param hidden bool

@description('Days for which a deleted vault, or secret, can be taken back. Until then its name stays taken.')
@minValue(7)
@maxValue(90)
param days int

@description('Object id of the workspace\'s identity.')
param principalId string

@description('Resource id of the Log Analytics workspace.')
param logsId string

var roles = loadJsonContent('../roles.json')
var workspaceRoles = [
  roles.Contributor
  roles['Key Vault Administrator']
]

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: days
    publicNetworkAccess: hidden ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: hidden ? 'Deny' : 'Allow'
    }
  }
}

resource workspaceRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for roleId in workspaceRoles: {
    name: guid(vault.id, principalId, roleId)
    scope: vault
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleId)
      principalId: principalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: vault
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

output id string = vault.id
