// What the archive is worked off with: its queue, the one for what failed five times, and the containers that
// radiographs are read from. The container for results is the account's own, see storage.bicep.

@description('The account, which exists.')
param accountName string

@description('The queue; the Functions host adds -poison for what failed five times.')
param queueName string

@description('Containers that radiographs are read from.')
param sources array

resource account 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: accountName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-04-01' existing = {
  parent: account
  name: 'default'
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices@2026-04-01' = {
  parent: account
  name: 'default'
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-04-01' = {
  parent: queues
  name: queueName
}

// Made here, so that the service may add to it and does not have to be allowed to make queues.
resource poison 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-04-01' = {
  parent: queues
  name: '${queueName}-poison'
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' = [for source in sources: {
  parent: blobs
  name: source
  properties: {
    publicAccess: 'None'
  }
}]

@description('Name of the account, once everything is there.')
output accountName string = accountName

@description('Name of the queue.')
output queueName string = queue.name

@description('Name of the queue for what failed five times.')
output poisonQueueName string = poison.name
