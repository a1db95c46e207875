// Every role that anybody gets for the archive, each at the narrowest scope at which it works; those that have to do
// with Event Grid stand in incoming.bicep, beside what they are for.

@description('Object id of the identity of the service.')
param servicePrincipalId string

@description('Object id of whoever submits jobs, or empty.')
param submitterPrincipalId string

@description('What submitterPrincipalId is: Group, ServicePrincipal or User.')
param submitterPrincipalType string

@description('The account of the archive.')
param accountName string

@description('The queue.')
param queueName string

@description('The queue for what failed five times.')
param poisonQueueName string

@description('The container for jobs and results.')
param resultContainer string

@description('Containers that radiographs are read from.')
param sources array

var roles = loadJsonContent('../roles.json')

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-04-01' existing = {
  name: '${accountName}/default/${queueName}'
}

resource poison 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-04-01' existing = {
  name: '${accountName}/default/${poisonQueueName}'
}

resource results 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' existing = {
  name: '${accountName}/default/${resultContainer}'
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' existing = [for source in sources: {
  name: '${accountName}/default/${source}'
}]

// Storage Queue Data Message Processor is less and is not enough: the host gives a message that failed back by
// changing it, and tells the scale controller how many there are, for neither of which that role is
// (github.com/MicrosoftDocs/azure-docs/issues/120932). Contributor holds for this one queue.
resource serviceTakesMessages 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: queue
  name: guid(queue.id, servicePrincipalId, roles.storageQueueDataContributor)
  properties: {
    principalId: servicePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageQueueDataContributor)
  }
}

// The host puts aside what failed five times; nobody but a submitter takes it out again.
resource servicePutsAside 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: poison
  name: guid(poison.id, servicePrincipalId, roles.storageQueueDataMessageSender)
  properties: {
    principalId: servicePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageQueueDataMessageSender)
  }
}

// Shards and what happened to a job; the radiographs themselves it can only read.
resource serviceWritesResults 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: results
  name: guid(results.id, servicePrincipalId, roles.storageBlobDataContributor)
  properties: {
    principalId: servicePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataContributor)
  }
}

resource serviceReadsSources 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (source, i) in sources: {
  scope: containers[i]
  name: guid(containers[i].id, servicePrincipalId, roles.storageBlobDataReader)
  properties: {
    principalId: servicePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataReader)
  }
}]

// Submitting is listing a container, writing the job down and filling the queue; it takes no message away.
resource submitterFillsQueue 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(submitterPrincipalId)) {
  scope: queue
  name: guid(queue.id, submitterPrincipalId, roles.storageQueueDataMessageSender)
  properties: {
    principalId: submitterPrincipalId
    principalType: submitterPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageQueueDataMessageSender)
  }
}

// What was put aside is looked at and tried anew.
resource submitterTriesAnew 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(submitterPrincipalId)) {
  scope: poison
  name: guid(poison.id, submitterPrincipalId, roles.storageQueueDataMessageProcessor)
  properties: {
    principalId: submitterPrincipalId
    principalType: submitterPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageQueueDataMessageProcessor)
  }
}

resource submitterWritesJobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(submitterPrincipalId)) {
  scope: results
  name: guid(results.id, submitterPrincipalId, roles.storageBlobDataContributor)
  properties: {
    principalId: submitterPrincipalId
    principalType: submitterPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataContributor)
  }
}

// Who submits also brings the radiographs.
resource submitterBringsRadiographs 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (source, i) in sources: if (!empty(submitterPrincipalId)) {
  scope: containers[i]
  name: guid(containers[i].id, submitterPrincipalId, roles.storageBlobDataContributor)
  properties: {
    principalId: submitterPrincipalId
    principalType: submitterPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataContributor)
  }
}]
