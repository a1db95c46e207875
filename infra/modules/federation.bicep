// An identity that a GitHub workflow takes on by the token that GitHub gives it.

@description('Name of the identity.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Who may be it, such as repo:OWNER/NAME:environment:dev: only jobs of that environment, after its approvals.')
param subject string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

resource github 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30' = {
  parent: identity
  name: 'github'
  properties: {
    issuer: 'https://token.actions.githubusercontent.com'
    subject: subject
    audiences: [
      'api://AzureADTokenExchange'
    ]
  }
}

@description('Object id, to which roles are given.')
output principalId string = identity.properties.principalId

@description('Client id, with which a workflow logs in.')
output clientId string = identity.properties.clientId
