// One role on this resource group. The assignment's name follows from what it says, and `tdsp connect` makes the same
// name: whichever comes second finds the assignment in place.

@description('Object id of a managed identity.')
param principalId string

@description('Name of a built-in role, a key of roles.json.')
param role string

var roles = loadJsonContent('../roles.json')

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(toLower(resourceGroup().id), principalId, roles[role])
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[role])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
