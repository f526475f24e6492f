// A cluster that shrinks to nothing when it has no work. Jobs on it act as its own identity.

@minLength(2)
@maxLength(16)
param name string

@minLength(3)
@maxLength(33)
param workspaceName string
param location string
param tags object
param size string
param nodes int

@description('Ids of the roles that the cluster has on the resource group.')
param roleIds string[]

resource workspace 'Microsoft.MachineLearningServices/workspaces@2025-06-01' existing = {
  name: workspaceName
}

resource cluster 'Microsoft.MachineLearningServices/workspaces/computes@2025-06-01' = {
  parent: workspace
  name: name
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    computeType: 'AmlCompute'
    disableLocalAuth: true
    properties: {
      osType: 'Linux'
      vmSize: size
      vmPriority: 'Dedicated'
      remoteLoginPortPublicAccess: 'Disabled'
      scaleSettings: {
        minNodeCount: 0
        maxNodeCount: nodes
        nodeIdleTimeBeforeScaleDown: 'PT15M'
      }
    }
  }
}

module clusterRole 'group-role.bicep' = [
  for (roleId, i) in roleIds: {
    name: '${deployment().name}-role-${i}'
    params: {
      principalId: cluster.identity.principalId
      roleId: roleId
    }
  }
]
