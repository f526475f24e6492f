// The Azure Machine Learning workspace. Its own datastores use the identity of who asks, never a key.

@minLength(3)
@maxLength(33)
param name string
param location string
param tags object

@description('Resource id of the workspace\'s identity. Its roles on storage, vault, registry and insights are assigned where those are made, so that they hold before the workspace looks for them.')
param identityId string

@description('Object id of the same identity.')
param principalId string

param storageId string
param vaultId string
param containersId string
param insightsId string
param logsId string

@description('Whether only private endpoints lead here.')
param hidden bool

@description('Whether jobs and endpoints run in a managed network and reach only what was approved.')
param isolated bool

@description('Hosts that are approved beside Azure\'s own.')
param approvedHosts string[]

@description('Cluster that builds images, since an isolated registry cannot. Empty: the registry builds them.')
param imageBuildCluster string

var roles = loadJsonContent('../roles.json')

resource workspace 'Microsoft.MachineLearningServices/workspaces@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'Default'
  sku: {
    name: 'Basic'
    tier: 'Basic'
  }
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    friendlyName: name
    primaryUserAssignedIdentity: identityId
    storageAccount: storageId
    keyVault: vaultId
    containerRegistry: containersId
    applicationInsights: insightsId
    systemDatastoresAuthMode: 'Identity'
    publicNetworkAccess: hidden ? 'Disabled' : 'Enabled'
    imageBuildCompute: empty(imageBuildCluster) ? null : imageBuildCluster
    managedNetwork: {
      isolationMode: isolated ? 'AllowOnlyApprovedOutbound' : 'Disabled'
    }
    provisionNetworkNow: isolated
    v1LegacyMode: false
  }
}

// One after the other: each changes the same network.
@batchSize(1)
resource approved 'Microsoft.MachineLearningServices/workspaces/outboundRules@2025-06-01' = [
  for (host, i) in approvedHosts: if (isolated) {
    parent: workspace
    name: 'host-${i}'
    properties: {
      type: 'FQDN'
      category: 'UserDefined'
      destination: host
    }
  }
]

resource workspaceMayChangeItself 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(workspace.id, principalId, roles.Contributor)
  scope: workspace
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.Contributor)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: workspace
  properties: {
    workspaceId: logsId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

output id string = workspace.id
