// Every role that anybody gets in an environment, each at the narrowest scope at which it works.

@description('Object id of the identity of the service.')
param servicePrincipalId string

@description('Object id of whoever deploys, or empty.')
param deployerPrincipalId string

@description('What deployerPrincipalId is: Group, ServicePrincipal or User.')
param deployerPrincipalType string

@description('The account of the Functions host and the packages.')
param hostAccountName string

@description('The container with the packages.')
param deploymentContainer string

@description('The account with the models.')
param modelAccountName string

@description('The container with the models.')
param modelContainer string

@description('The Application Insights component.')
param componentName string

var roles = loadJsonContent('../roles.json')

resource hostAccount 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: hostAccountName
}

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' existing = {
  name: '${hostAccountName}/default/${deploymentContainer}'
}

resource models 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' existing = {
  name: '${modelAccountName}/default/${modelContainer}'
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

// The host creates containers for its leases and function keys, and takes the leases: Microsoft names Owner as
// the least that its storage works with. The account holds nothing else but the packages, which the platform
// writes with the same identity. Queues and tables stay closed: the queue of the archive is in an account of its
// own, see archive-access.bicep. (Without the role
// for tables the host does not keep its diagnostic events there; they are in Application Insights.)
resource hostOwnsItsStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: hostAccount
  name: guid(hostAccount.id, servicePrincipalId, roles.storageBlobDataOwner)
  properties: {
    principalId: servicePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataOwner)
  }
}

// A service that can be made to run foreign code still cannot change a model: it reads one container.
resource serviceReadsModels 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: models
  name: guid(models.id, servicePrincipalId, roles.storageBlobDataReader)
  properties: {
    principalId: servicePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataReader)
  }
}

// Local authentication of the component is off, so telemetry needs this role; it can write, not read.
resource serviceWritesTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: component
  name: guid(component.id, servicePrincipalId, roles.monitoringMetricsPublisher)
  properties: {
    principalId: servicePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.monitoringMetricsPublisher)
  }
}

// Releasing a model is writing to this container, and nothing about the app.
resource deployerWritesModels 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(deployerPrincipalId)) {
  scope: models
  name: guid(models.id, deployerPrincipalId, roles.storageBlobDataContributor)
  properties: {
    principalId: deployerPrincipalId
    principalType: deployerPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataContributor)
  }
}

// Taking a release back needs the package before it.
resource deployerWritesPackages 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(deployerPrincipalId)) {
  scope: packages
  name: guid(packages.id, deployerPrincipalId, roles.storageBlobDataContributor)
  properties: {
    principalId: deployerPrincipalId
    principalType: deployerPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataContributor)
  }
}
