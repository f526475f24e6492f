// A workspace with all that belongs to it.

@description('Names of the resources, as main.bicep makes them.')
param names {
  workspace: string
  workspaceIdentity: string
  storage: string
  vault: string
  containers: string
  logs: string
  insights: string
  *: string
}
param location string
param tags object
param isolated bool
param approvedHosts string[]
param subnetId string
param imageBuildCluster string
param vaultDays int
param logDays int

var hidden = !empty(subnetId)

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: names.workspaceIdentity
  location: location
  tags: tags
}

module monitoring 'monitoring.bicep' = {
  name: '${deployment().name}-monitoring'
  params: {
    logsName: names.logs
    insightsName: names.insights
    location: location
    tags: tags
    days: logDays
    principalId: identity.properties.principalId
  }
}

module storage 'storage.bicep' = {
  name: '${deployment().name}-storage'
  params: {
    name: names.storage
    location: location
    tags: tags
    hidden: hidden
    principalId: identity.properties.principalId
    logsId: monitoring.outputs.logsId
  }
}

module vault 'vault.bicep' = {
  name: '${deployment().name}-vault'
  params: {
    name: names.vault
    location: location
    tags: tags
    hidden: hidden
    days: vaultDays
    principalId: identity.properties.principalId
    logsId: monitoring.outputs.logsId
  }
}

module containers 'container-registry.bicep' = {
  name: '${deployment().name}-containers'
  params: {
    name: names.containers
    location: location
    tags: tags
    premium: hidden || isolated
    hidden: hidden
    principalId: identity.properties.principalId
    logsId: monitoring.outputs.logsId
  }
}

module workspace 'workspace.bicep' = {
  name: '${deployment().name}-workspace'
  params: {
    name: names.workspace
    location: location
    tags: tags
    identityId: identity.id
    principalId: identity.properties.principalId
    storageId: storage.outputs.id
    vaultId: vault.outputs.id
    containersId: containers.outputs.id
    insightsId: monitoring.outputs.insightsId
    logsId: monitoring.outputs.logsId
    hidden: hidden
    isolated: isolated
    approvedHosts: approvedHosts
    imageBuildCluster: imageBuildCluster
  }
}

module way 'private-access.bicep' = if (hidden) {
  name: '${deployment().name}-private-access'
  params: {
    location: location
    tags: tags
    subnetId: subnetId
    workspaceId: workspace.outputs.id
    storageId: storage.outputs.id
    vaultId: vault.outputs.id
    containersId: containers.outputs.id
  }
}
