// The private way in: one endpoint in your subnet for each service, and the names under which it is found.

param location string
param tags object

@description('Resource id of the subnet: /subscriptions/…/virtualNetworks/NAME/subnets/NAME.')
param subnetId string

param workspaceId string
param storageId string
param vaultId string
param containersId string

var networkId = join(take(split(subnetId, '/'), 9), '/')
var zoneNames = [
  'privatelink.api.azureml.ms'
  'privatelink.notebooks.azure.net'
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.file.${environment().suffixes.storage}'
  'privatelink.vaultcore.azure.net'
  'privatelink${environment().suffixes.acrLoginServer}'
]
var ways = [
  {
    group: 'amlworkspace'
    target: workspaceId
    zones: take(zoneNames, 2)
  }
  {
    group: 'blob'
    target: storageId
    zones: [
      zoneNames[2]
    ]
  }
  {
    group: 'file'
    target: storageId
    zones: [
      zoneNames[3]
    ]
  }
  {
    group: 'vault'
    target: vaultId
    zones: [
      zoneNames[4]
    ]
  }
  {
    group: 'registry'
    target: containersId
    zones: [
      zoneNames[5]
    ]
  }
]

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for zoneName in zoneNames: {
    name: zoneName
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (zoneName, i) in zoneNames: {
    parent: zones[i]
    name: uniqueString(networkId)
    location: 'global'
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: networkId
      }
    }
  }
]

resource endpoints 'Microsoft.Network/privateEndpoints@2024-07-01' = [
  for way in ways: {
    name: 'pe-${last(split(way.target, '/'))}-${way.group}'
    location: location
    tags: tags
    properties: {
      subnet: {
        id: subnetId
      }
      privateLinkServiceConnections: [
        {
          name: way.group
          properties: {
            privateLinkServiceId: way.target
            groupIds: [
              way.group
            ]
          }
        }
      ]
    }
  }
]

resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-07-01' = [
  for (way, i) in ways: {
    parent: endpoints[i]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        for zoneName in way.zones: {
          name: replace(zoneName, '.', '-')
          properties: {
            privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', zoneName)
          }
        }
      ]
    }
    dependsOn: [
      zones
    ]
  }
]
