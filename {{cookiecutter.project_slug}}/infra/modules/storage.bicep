// The workspace's storage. It has no keys: whoever reads or writes does so as an identity with a role.

@minLength(3)
@maxLength(24)
param name string
param location string
param tags object

@description('Whether only private endpoints lead here.')
param hidden bool

@description('Object id of the workspace\'s identity.')
param principalId string

@description('Resource id of the Log Analytics workspace.')
param logsId string

var roles = loadJsonContent('../roles.json')
var workspaceRoles = [
  roles.Contributor
  roles['Storage Blob Data Contributor']
  roles['Storage File Data Privileged Contributor']
]

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: hidden ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: hidden ? 'Deny' : 'Allow'
    }
  }
}

// A week to take back what was deleted by mistake.
resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: 7
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 7
    }
  }
}

resource workspaceRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for roleId in workspaceRoles: {
    name: guid(account.id, principalId, roleId)
    scope: account
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleId)
      principalId: principalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: blobs
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

output id string = account.id
