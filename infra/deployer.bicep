// Run once for each environment, by an owner of the subscription: the resource group of the environment, and an
// identity that GitHub's workflows take on without any secret. It lies in a group of its own, where it has no
// role, so that it cannot change who may be it.
targetScope = 'subscription'

@description('Name of the environment, in Azure and in the settings of the repository on GitHub.')
@minLength(1)
@maxLength(20)
param environmentName string

@description('The repository on GitHub, as owner/name.')
param repository string

@description('Region.')
param location string = deployment().location

@description('Whether the environment guards its resources from deletion (parameter lock of main.bicep), for which the identity needs one role more.')
param lock bool = false

@description('First day of this month: when the budget of a new environment begins. Keep the first value for ever.')
param budgetStartDate string = utcNow('yyyy-MM-01')

var tags = {
  application: 'explainable-chest-xray'
  environment: environmentName
}

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-cxr-${environmentName}'
  location: location
  tags: tags
}

resource identityGroup 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-cxr-${environmentName}-deployer'
  location: location
  tags: tags
}

module identity 'modules/federation.bicep' = {
  name: 'federation'
  scope: identityGroup
  params: {
    name: 'id-cxr-${environmentName}-deployer'
    location: location
    tags: tags
    subject: 'repo:${repository}:environment:${environmentName}'
  }
}

module access 'modules/deployer-access.bicep' = {
  name: 'deployer-access'
  scope: group
  params: {
    principalId: identity.outputs.principalId
    lock: lock
  }
}

@description('What the workflows read, one line each, for `gh variable set --env-file`; none of it is secret.')
output variables array = [
  'AZURE_CLIENT_ID=${identity.outputs.clientId}'
  'AZURE_TENANT_ID=${tenant().tenantId}'
  'AZURE_SUBSCRIPTION_ID=${subscription().subscriptionId}'
  'AZURE_RESOURCE_GROUP=${group.name}'
  'AZURE_LOCATION=${location}'
  'AZURE_PRINCIPAL_ID=${identity.outputs.principalId}'
  'AZURE_PRINCIPAL_TYPE=ServicePrincipal'
  'BUDGET_START_DATE=${budgetStartDate}'
]
