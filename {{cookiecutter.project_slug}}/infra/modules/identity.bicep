// The identity that workflows act as. It has no password: it trusts what a federated credential names.

@minLength(3)
@maxLength(128)
param name string
param location string
param tags object

@description('Who may become this identity.')
param trusts {
  name: string
  issuer: string
  subject: string
}[]

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

// One after the other: Azure refuses two changes of one identity at the same time.
@batchSize(1)
resource trust 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30' = [
  for item in trusts: {
    parent: identity
    name: item.name
    properties: {
      issuer: item.issuer
      subject: item.subject
      audiences: [
        'api://AzureADTokenExchange'
      ]
    }
  }
]

output clientId string = identity.properties.clientId
output tenantId string = identity.properties.tenantId
output principalId string = identity.properties.principalId
