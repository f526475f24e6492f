// One role on this resource group. The assignment's name follows from what it says, and `tdsp connect` makes the same
// name: whichever comes second finds the assignment in place.

@description('Object id of a managed identity.')
param principalId string

@description('Id of the role, a GUID.')
@minLength(36)
@maxLength(36)
param roleId string

@description('Under which condition the role holds, in Azure\'s language for them.')
param condition string = ''

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(toLower(resourceGroup().id), principalId, roleId)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleId)
    principalId: principalId
    principalType: 'ServicePrincipal'
    condition: empty(condition) ? null : condition
    conditionVersion: empty(condition) ? null : '2.0'
  }
}
